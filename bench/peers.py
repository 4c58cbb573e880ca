"""The servers compared: ours and its peers, each in an environment of its own below bench/.envs, on a free port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENVIRONMENTS = Path(__file__).parent / ".envs"
READY_WITHIN = 60.0
PACKAGES = {"ministack": ("pip", "ministack==1.5.33"), "moto": ("pip", "moto[server]==5.2.5"),
            "s3rver": ("npm", "s3rver@3.7.1"), "dynalite": ("npm", "dynalite@4.0.0")}  # fmt: skip


class Peer:
    """One server under load."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.data = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Peer:
        log = (self.data / "server.log").open("wb")
        self.process = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.data,
            env={**os.environ, "GATEWAY_PORT": str(self.port), "LOG_LEVEL": "ERROR", "PORT": str(self.port)},
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    time.sleep(0.5)
                    return self
            time.sleep(0.1)
        text = (self.data / "server.log").read_text(errors="replace")[-1500:]
        self.close()
        raise RuntimeError(f"{self.name} did not start: {text}")

    def pin(self, cores: str | None) -> None:
        """Keep all its threads on these cores (None: on any)."""
        assert self.process is not None
        wanted = {int(core) for core in cores.split(",")} if cores else set(range(os.cpu_count() or 1))
        for pid in _tree(self.process.pid):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                try:
                    os.sched_setaffinity(int(thread.name), wanted)
                except OSError:
                    continue  # it has just ended

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        shutil.rmtree(self.data, ignore_errors=True)

    def cpu_seconds(self) -> float:
        """User and system time of the process and all below it."""
        assert self.process is not None
        return sum(_times(pid) for pid in _tree(self.process.pid))

    def resident(self) -> int:
        """Resident bytes of the tree."""
        assert self.process is not None
        total = 0
        for pid in _tree(self.process.pid):
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                continue
        return total

    def _command(self) -> list[str]:
        port = str(self.port)
        if self.name == "haneul":
            arguments = ["--port", port, "--data", str(self.data / "cloud"), "--log-level", "warning"]
            return [sys.executable, "-m", "haneul", "start", *arguments]
        if self.name == "ministack":
            return [str(ENVIRONMENTS / "ministack" / "bin" / "ministack")]
        if self.name == "moto":
            return [str(ENVIRONMENTS / "moto" / "bin" / "moto_server"), "-p", port]
        binaries = ENVIRONMENTS / self.name / "node_modules" / ".bin"
        if self.name == "s3rver":
            return [str(binaries / "s3rver"), "-d", str(self.data / "s3"), "-p", port, "--allow-mismatched-signatures",
                    "--silent"]  # fmt: skip
        return [str(binaries / "dynalite"), "--port", port, "--createTableMs", "0"]


def install(name: str) -> bool:
    """Bring a peer into its environment; False (with the reason told) when that can't be done."""
    kind, package = PACKAGES[name]
    folder = ENVIRONMENTS / name
    marker = folder / ".installed"
    if marker.exists() and marker.read_text() == package:
        return True
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    commands = (
        [[sys.executable, "-m", "venv", "."], ["bin/pip", "install", "-q", package]]
        if kind == "pip"
        else [["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", ".", package]]
    )
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"{name} is left out: {done.stderr.strip()[-300:]}")
            return False
    marker.write_text(package)
    return True


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def _times(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
