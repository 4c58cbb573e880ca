"""A real headless Chromium, driven by chromedriver's own protocol (W3C WebDriver) over plain HTTP."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1280,900"),
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def is_here() -> bool:
    return shutil.which("chromium") is not None and shutil.which("chromedriver") is not None


class Browser:
    """One window."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._profile = tempfile.mkdtemp(prefix="haneul-chromium-")
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._base = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{self._base}/status", timeout=2).json()["value"]["ready"]:
                    break
            except requests.RequestException:
                time.sleep(0.1)
        options = {
            "binary": shutil.which("chromium"),
            "args": [*FLAGS, f"--user-data-dir={self._profile}", "--lang=en-US"],
        }
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        made = requests.post(f"{self._base}/session", json=wanted, timeout=60).json()["value"]
        self._session = f"{self._base}/session/{made['sessionId']}"

    def close(self) -> None:
        try:
            requests.delete(self._session, timeout=20)
        finally:
            self._driver.terminate()
            self._driver.wait(20)
            shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, url: str) -> None:
        self._post("url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a script's `return`."""
        return self._post("execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str, within: float = 60.0) -> Any:
        """The first truthy value of a script."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            found = self.run(script)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}\n{self.run('return document.body.innerText')}")

    def wait_text(self, text: str) -> None:
        self.wait(f"return document.body.innerText.includes({text!r})")

    def find(self, selector: str) -> str:
        """An element, once it is there."""
        self.wait(f"return document.querySelector({selector!r}) !== null")
        return str(self._post("element", {"using": "css selector", "value": selector})[ELEMENT])

    def click(self, selector: str) -> None:
        self._post(f"element/{self.find(selector)}/click", {})

    def type(self, selector: str, text: str, clear: bool = False) -> None:
        element = self.find(selector)
        if clear:
            self._post(f"element/{element}/clear", {})
        self._post(f"element/{element}/value", {"text": text})

    def accept(self) -> None:
        """Say yes to the page's question."""
        self._post("alert/accept", {})

    def answer(self, text: str) -> None:
        """Type into the page's question, and say yes."""
        self._post("alert/text", {"text": text})
        self.accept()

    def screenshot(self, path: Path) -> None:
        answer = requests.get(f"{self._session}/screenshot", timeout=30).json()["value"]
        path.write_bytes(base64.b64decode(answer))

    def _post(self, command: str, body: dict[str, Any]) -> Any:
        answer = requests.post(f"{self._session}/{command}", json=body, timeout=60).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(f"{answer['error']}: {answer['message'][:500]}")
        return answer
