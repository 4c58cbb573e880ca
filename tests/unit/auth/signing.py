"""Requests signed by botocore, as the gateway hands them to the verifier."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from botocore import auth as signers
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from haneul.auth.principals import Credential, Policies, Principal
from haneul.wire.message import Request

NOW = calendar.timegm((2026, 3, 4, 5, 6, 7))
KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
USER = Principal(
    account="123456789012", arn="arn:aws:iam::123456789012:user/bob", kind="user", user_name="bob", user_id="AIDABOB"
)


class Names:
    """A directory of a few credentials; unknown keys are somebody's when `open`."""

    version = 1

    def __init__(self, *known: Credential, is_open: bool = False, policies: Policies | None = None) -> None:
        self.known = {credential.access_key: credential for credential in known}
        self.is_open = is_open
        self.bound = policies or Policies()

    def credential(self, access_key: str, token: str = "") -> Credential | None:
        found = self.known.get(access_key)
        if found is not None and found.token == token:
            return found
        if self.is_open:
            return Credential(access_key=access_key, secret=None, principal=root("000000000000"), token=token)
        return None

    def policies(self, principal: Principal) -> Policies:
        return self.bound


class Pieces:
    """A stream that arrives in pieces."""

    buffered = None
    length = None

    def __init__(self, data: bytes, size: int) -> None:
        self.trailers: dict[str, str] = {}
        self._data, self._size = data, size

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._data), self._size):
            yield self._data[at : at + self._size]

    async def read(self, limit: int) -> bytes:
        return b"".join([piece async for piece in self])


def root(account: str) -> Principal:
    return Principal(account=account, arn=f"arn:aws:iam::{account}:root", kind="root", user_id=account)


def bob(**changes: Any) -> Credential:
    return Credential(**({"access_key": KEY, "secret": SECRET, "principal": USER} | changes))


def received(prepared: AWSRequest, url: str | None = None, body: bytes | None = None) -> Request:
    """What the gateway sees of a botocore request."""
    parts = urlsplit(url or prepared.url)
    headers = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    headers.setdefault("host", parts.netloc)
    data = prepared.data if body is None else body
    raw = data if isinstance(data, bytes) else (data or "").encode()
    return Request(prepared.method, parts.path or "/", parts.query, headers, raw)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def sign(
    method: str,
    url: str,
    *,
    service: str = "s3",
    region: str = "us-east-1",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    key: str = KEY,
    secret: str = SECRET,
    token: str | None = None,
    when: float = NOW,
    presign: int | None = None,
    kind: Any = None,
) -> Request:
    """A request signed by botocore at `when`; `presign`: in the query, for so many seconds."""
    request = AWSRequest(method=method, url=url, headers=headers or {}, data=body)
    if kind is None:
        if presign is not None:
            kind = signers.S3SigV4QueryAuth if service == "s3" else signers.SigV4QueryAuth
        else:
            kind = signers.S3SigV4Auth if service == "s3" else signers.SigV4Auth
    extra = {"expires": presign} if presign is not None else {}
    request.context["client_config"] = mock.Mock(s3={"payload_signing_enabled": True})
    request.context["has_streaming_input"] = True
    moment = dt.datetime.fromtimestamp(when, dt.UTC)
    with mock.patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: moment.replace(tzinfo=None)):
        kind(Credentials(key, secret, token), service, region, **extra).add_auth(request)
    return received(request)
