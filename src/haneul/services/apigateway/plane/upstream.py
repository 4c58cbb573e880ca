"""HTTP endpoints behind a method: one request out, one answer back."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit

from haneul.services.apigateway.plane.refusals import Refused
from haneul.services.apigateway.plane.targets import Answered

MAX_ANSWER = 10 << 20
MAX_KEPT = 8


class Upstream:
    """Connections to HTTP endpoints, kept for the next request; worked by threads of its own."""

    def __init__(self) -> None:
        self._workers = ThreadPoolExecutor(16, "haneul-upstream")
        self._idle: dict[tuple[str, str, bool], list[http.client.HTTPConnection]] = {}

    def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)
        for kept in self._idle.values():
            for one in kept:
                one.close()

    async def ask(
        self,
        url: str,
        method: str,
        headers: list[tuple[str, str]],
        body: bytes,
        timeout: float,
        insecure: bool = False,
    ) -> tuple[Answered, list[tuple[str, str]]]:
        """The endpoint's answer, and its headers as they came. Raises Refused (504) when there is none."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._workers, self._exchange, url, method, headers, body, timeout, insecure)
        try:
            return await asyncio.wait_for(work, timeout + 0.5)
        except TimeoutError:
            raise Refused("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Refused("INTEGRATION_FAILURE", "Network error communicating with endpoint") from error

    def _exchange(
        self, url: str, method: str, headers: list[tuple[str, str]], body: bytes, timeout: float, insecure: bool
    ) -> tuple[Answered, list[tuple[str, str]]]:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"no HTTP address: {url}")
        key = (parts.scheme, parts.netloc, insecure)
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (f"?{parts.query}" if parts.query else "")
        idle = self._idle.setdefault(key, [])
        while True:
            reused = bool(idle)
            connection = idle.pop() if idle else _connect(parts.scheme, parts.hostname, parts.port, insecure)
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            try:
                return self._send(connection, idle, method, target, headers, body)
            except (ConnectionError, http.client.RemoteDisconnected):
                connection.close()
                if not reused:  # one that was kept may have been closed meanwhile; a fresh one has failed
                    raise
            except BaseException:
                connection.close()
                raise

    def _send(
        self,
        connection: http.client.HTTPConnection,
        idle: list[http.client.HTTPConnection],
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
    ) -> tuple[Answered, list[tuple[str, str]]]:
        has_host = any(name.lower() == "host" for name, _ in headers)
        connection.putrequest(method, target, skip_host=has_host, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value.replace("\r", "").replace("\n", "").encode())
        if body or method in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        data = response.read(MAX_ANSWER + 1)
        if len(data) > MAX_ANSWER:
            raise ValueError("the answer is too long")
        pairs = response.getheaders()
        if not response.will_close and len(idle) < MAX_KEPT:
            idle.append(connection)
        else:
            connection.close()
        return Answered(response.status, {name.lower(): value for name, value in pairs}, data), pairs


def _connect(scheme: str, host: str, port: int | None, insecure: bool) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port)
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, context=context)
