"""What a Host header says: which service or bucket it names, and whether it is one of ours at all.

A browser can be made to call us under a name that an attacker's DNS points at loopback (rebinding), so a
Host that is neither loopback, an address, AWS's own nor the installation's domain is refused.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

_SUFFIXES = ("localhost.localstack.cloud", "localhost", "amazonaws.com.cn", "amazonaws.com", "on.aws")
_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-\d")
_CACHE_SIZE = 4096


class Host(NamedTuple):
    """A Host header understood. `labels` are those before the suffix that we know ("bucket", "s3", "us-east-1").

    bucket: the virtual-host bucket, "" when path style. region: "" when the name tells none.
    """

    known: bool
    labels: tuple[str, ...] = ()
    service: str = ""
    bucket: str = ""
    region: str = ""


class Hosts:
    """Reads Host headers, each different one once."""

    def __init__(self, domain: str = "", extra: tuple[str, ...] = ()) -> None:
        self._suffixes = tuple(s for s in (domain.lower().strip("."), *_SUFFIXES) if s)
        self._extra = frozenset(name.lower() for name in extra)
        self._cache: dict[str, Host] = {}

    def read(self, header: str) -> Host:
        found = self._cache.get(header)
        if found is None:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            found = self._cache[header] = self._parse(header.strip().lower())
        return found

    def is_local_origin(self, origin: str) -> bool:
        """Whether an Origin header names a page of this machine (or of the installation's domain)."""
        scheme, separator, rest = origin.partition("://")
        if not separator or scheme not in ("http", "https"):
            return False
        name = _without_port(rest.lower())
        if name in ("localhost", "127.0.0.1", "::1") or name.endswith(".localhost"):
            return True
        ours = self._suffixes[0] if self._suffixes[0] not in _SUFFIXES else ""
        return bool(ours) and (name == ours or name.endswith("." + ours))

    def _parse(self, header: str) -> Host:
        name = _without_port(header).rstrip(".")
        if not name or _is_address(name) or name in self._extra:
            return Host(True)
        for suffix in self._suffixes:
            if name == suffix:
                return Host(True)
            if name.endswith("." + suffix):
                return _understand(tuple(name[: -len(suffix) - 1].split(".")))
        return Host(False)


def _understand(labels: tuple[str, ...]) -> Host:
    """(bucket..., "s3", region) and the like; a lone unknown label is a service's endpoint prefix or a bucket."""
    region = next((label for label in reversed(labels) if _REGION.fullmatch(label)), "")
    rest = tuple(label for label in labels if label != region) if region else labels
    if "dualstack" in rest:
        rest = tuple(label for label in rest if label != "dualstack")
    for index in range(len(rest) - 1, -1, -1):
        label = rest[index]
        if label == "s3" or (label.startswith("s3-") and not label.startswith("s3-website")):
            service = "s3-control" if label == "s3-control" else "s3"
            tail = label[3:]
            if not region and _REGION.fullmatch(tail):
                region = tail
            bucket = ".".join(rest[:index]) if service == "s3" else ""
            return Host(True, labels, service, bucket, region)
    if rest and rest[-1].startswith("s3-website"):
        return Host(True, labels, "s3-website", ".".join(rest[:-1]), region or rest[-1][11:])
    return Host(True, labels, rest[-1] if rest else "", "", region)


def _without_port(authority: str) -> str:
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    name, colon, port = authority.rpartition(":")
    return name if colon and port.isdigit() and ":" not in name else authority


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
