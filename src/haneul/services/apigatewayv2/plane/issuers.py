"""The keys of token issuers: found by OpenID's discovery document, bounded in size and time, and kept for a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from haneul.engines.integrations.upstream import Unanswered, Upstream

if TYPE_CHECKING:
    from haneul.cloud import Cloud

KEPT = 7200.0
AGAIN = 30.0
WAIT = 5.0
MAX_DOCUMENT = 256 << 10
MAX_ISSUERS = 512
_OURS = ("amazonaws.com", "localhost", "localhost.localstack.cloud")
Keys = list[dict[str, Any]]


class Unreachable(Exception):
    """The issuer's documents can't be had, or aren't what they should be."""


class Issuers:
    """Keys by issuer."""

    def __init__(self, cloud: Cloud, upstream: Upstream) -> None:
        self._cloud = cloud
        self._upstream = upstream
        self._known: dict[str, tuple[float, Keys]] = {}
        self._under_way: dict[str, asyncio.Task[Keys]] = {}

    async def keys(self, issuer: str, kid: Any, now: float) -> Keys:
        """The issuer's JSON web keys; asked for again when none of them is `kid`. Raises Unreachable."""
        known = self._known.get(issuer)
        if known is not None:
            at, keys = known
            fits = kid is None or any(key.get("kid") == kid for key in keys)
            if now - at < (KEPT if fits else AGAIN):
                return keys
        task = self._under_way.get(issuer)
        if task is None:
            task = self._under_way[issuer] = self._cloud.loop.create_task(self._fetch(issuer))
            task.add_done_callback(lambda done: self._under_way.pop(issuer, None))
        found = await asyncio.shield(task)
        if len(self._known) >= MAX_ISSUERS:
            self._known.clear()
        self._known[issuer] = (now, found)
        return found

    async def _fetch(self, issuer: str) -> Keys:
        described = await self._document(issuer.rstrip("/") + "/.well-known/openid-configuration")
        found = (await self._document(str(described.get("jwks_uri") or ""))).get("keys")
        if not isinstance(found, list):
            raise Unreachable(issuer)
        return [key for key in found if isinstance(key, dict)]

    async def _document(self, url: str) -> dict[str, Any]:
        address, headers = self._local(url)
        try:
            answered = await self._upstream.ask(address, "GET", headers, b"", WAIT, limit=MAX_DOCUMENT)
            found = orjson.loads(answered.body) if answered.status == 200 else None
        except (Unanswered, ValueError) as error:
            raise Unreachable(url) from error
        if not isinstance(found, dict):
            raise Unreachable(url)
        return found

    def _local(self, url: str) -> tuple[str, list[tuple[str, str]]]:
        """Issuers of this cloud (user pools, accounts) are asked where they really are."""
        headers = [("Accept", "application/json"), ("User-Agent", "AmazonAPIGateway")]
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise Unreachable(url) from None
        ours = (*_OURS, self._cloud.config.domain) if self._cloud.config.domain else _OURS
        if port in (None, self._cloud.port) and any(host.endswith(f".{suffix}") for suffix in ours):
            query = f"?{parts.query}" if parts.query else ""
            return f"http://127.0.0.1:{self._cloud.port}{parts.path or '/'}{query}", [*headers, ("Host", host)]
        return url, headers
