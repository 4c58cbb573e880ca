"""Tracked connections of a namespace, through the kernel's own interface: one dump and as many deletions as needed; a
process of conntrack for every address would take longer than the rules themselves.

Source: linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Set
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.networks import kernel

_NETFILTER = 12
_GET, _DELETE = 0x101, 0x102
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_ORIGINAL, _REPLY, _ID = 1, 2, 12
_TUPLE_IP = 1
_HEADER = struct.Struct("=IHHII")
_FAMILY = struct.pack("=BBH", socket.AF_INET, 0, 0)
_ROUND = 128
"""Deletions before their acknowledgements are read."""
_BUFFER = 1 << 20


def forget(namespace: Path, addresses: Set[str]) -> int:
    """No connection of one of these addresses is known any more, also translated ones; how many there were.
    Raises EngineError."""
    wanted = {socket.inet_aton(address) for address in addresses}
    try:
        count: int = kernel.inside(namespace, lambda: _forget(wanted))
    except OSError as error:
        raise EngineError(f"tracked connections can't be forgotten: {error}") from None
    return count


def _forget(wanted: set[bytes]) -> int:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as link:
        link.bind((0, 0))
        link.settimeout(10)
        link.sendall(_message(_GET, _REQUEST | _DUMP, b""))
        gone = [one for one in _dumped(link) if wanted & _addresses(one)]
        for start in range(0, len(gone), _ROUND):
            batch = gone[start : start + _ROUND]
            for one in batch:
                link.sendall(_message(_DELETE, _REQUEST | _ACK, one[_ORIGINAL] + one.get(_ID, b"")))
            left = len(batch)
            while left:  # an acknowledgement each; one that ended by itself is as good as deleted
                left -= sum(1 for kind, _ in _messages(link.recv(_BUFFER)) if kind == _ERROR)
    return len(gone)


def _message(kind: int, flags: int, attributes: bytes) -> bytes:
    body = _FAMILY + attributes
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def _dumped(link: socket.socket) -> Iterator[dict[int, bytes]]:
    """Every connection as its attributes, headers included."""
    while True:
        for kind, body in _messages(link.recv(_BUFFER)):
            if kind == _DONE:
                return
            if kind == _ERROR:
                number = -struct.unpack_from("=i", body)[0]
                raise OSError(number, "the kernel tells no connections")
            yield dict(_attributes(body[len(_FAMILY) :]))


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, *_ = _HEADER.unpack_from(data, at)
        yield kind, data[at + _HEADER.size : at + size]
        at += (size + 3) & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4:
            return
        padded = (size + 3) & ~3
        yield kind & 0x3FFF, data[at : at + padded]
        at += padded


def _addresses(one: dict[int, bytes]) -> set[bytes]:
    """Both ends, as they are and as they are translated."""
    found = set()
    for side in (_ORIGINAL, _REPLY):
        inside = dict(_attributes(one.get(side, b"")[4:]))
        ends = dict(_attributes(inside.get(_TUPLE_IP, b"")[4:]))
        found |= {end[4:8] for end in ends.values()}
    return found
