"""Signs raw requests (SigV4) ahead of time, so that the load generator only writes bytes."""

from __future__ import annotations

import datetime
import hashlib
import hmac
from urllib.parse import quote

KEY, SECRET, REGION = "test", "test", "us-east-1"
EMPTY = hashlib.sha256(b"").hexdigest()


class Signer:
    """One service's requests on one host, all of one moment."""

    def __init__(self, service: str, host: str, key: str = KEY, secret: str = SECRET) -> None:
        now = datetime.datetime.now(datetime.UTC)
        self.service, self.host, self.key = service, host, key
        self.stamp = now.strftime("%Y%m%dT%H%M%SZ")
        self.scope = f"{self.stamp[:8]}/{REGION}/{service}/aws4_request"
        derived = f"AWS4{secret}".encode()
        for part in (self.stamp[:8], REGION, service, "aws4_request"):
            derived = hmac.digest(derived, part.encode(), "sha256")
        self._derived = derived

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        query: str = "",
        headers: dict[str, str] | None = None,
        payload: str | None = None,
    ) -> bytes:
        """The bytes of one signed request. `path` is already encoded; `query` is in canonical order."""
        digest = payload or (hashlib.sha256(body).hexdigest() if body else EMPTY)
        signed = {"host": self.host, "x-amz-content-sha256": digest, "x-amz-date": self.stamp}
        signed |= {name.lower(): value for name, value in (headers or {}).items()}
        names = ";".join(sorted(signed))
        canonical = "\n".join((method, path, query, *(f"{n}:{signed[n]}" for n in sorted(signed)), "", names, digest))
        text = "\n".join(("AWS4-HMAC-SHA256", self.stamp, self.scope, hashlib.sha256(canonical.encode()).hexdigest()))
        signature = hmac.digest(self._derived, text.encode(), "sha256").hex()
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={self.key}/{self.scope}, SignedHeaders={names}, Signature={signature}"
        )
        target = f"{path}?{query}" if query else path
        lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in signed.items())]
        lines += [f"authorization: {authorization}", "user-agent: haneul-bench", f"content-length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body


def quoted(text: str) -> str:
    return quote(text, safe="/-_.~")
