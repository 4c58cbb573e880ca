"""SigV4's canonical forms of path, query and headers: what client and server must both arrive at."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

ONCE_ENCODED = frozenset({"s3", "s3express", "s3-outposts", "s3-object-lambda"})
"""Signing names whose paths are signed as sent: no second encoding, no normalisation."""

_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.~-]*")
_CANONICAL_PART = re.compile(r"(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})*")
_SPACES = re.compile(r" {2,}")
_UNRESERVED = "-_.~"


def raw_path(path: str) -> str:
    """S3's canonical path: decoded and encoded anew by SigV4's rules, an encoded slash staying one."""
    if _PLAIN_PATH.fullmatch(path):
        return path or "/"
    return "/".join(quote(unquote_to_bytes(segment), safe=_UNRESERVED) for segment in path.split("/"))


def normal_path(path: str) -> str:
    """The canonical path elsewhere: dot segments and double slashes removed, then what was sent encoded once more."""
    if _PLAIN_PATH.fullmatch(path) and "//" not in path and "/." not in path:
        return path or "/"
    if "//" in path or "/." in path:
        kept: list[str] = []
        for segment in path.split("/"):
            if segment == "..":
                if kept:
                    kept.pop()
            elif segment not in ("", "."):
                kept.append(segment)
        path = "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")
    return quote(path, safe="/" + _UNRESERVED) or "/"


def parse_query(query: str) -> list[tuple[str, str]]:
    """The query's (name, value) pairs, decoded; "+" is a space, as everywhere on AWS's servers."""
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((_decode(name), _decode(value)))
    return pairs


def _decode(part: str) -> str:
    if "+" in part:
        part = part.replace("+", " ")
    return unquote_to_bytes(part).decode("utf-8", "surrogateescape") if "%" in part else part


def canonical_query(query: str) -> str:
    """The query's pairs, encoded by SigV4's rules and sorted by their encoded bytes."""
    if not query:
        return ""
    return _canonical_query(query) if len(query) < 512 else _canonical_query.__wrapped__(query)


@lru_cache(maxsize=2048)
def _canonical_query(query: str) -> str:
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((_encode(name), _encode(value)))
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def _encode(part: str) -> str:
    if _CANONICAL_PART.fullmatch(part):
        return part
    return quote(unquote_to_bytes(part.replace("+", " ")), safe=_UNRESERVED)


def sorted_query(query: str) -> str:
    """The query's parts just as sent, sorted: what some clients sign when they encode unlike SigV4."""
    pairs = sorted((name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part))
    return "&".join(f"{name}={value}" for name, value in pairs)


def trimmed(value: str) -> str:
    """A header value without outer spaces and with inner runs of spaces made one."""
    value = value.strip()
    return _SPACES.sub(" ", value) if "  " in value else value
