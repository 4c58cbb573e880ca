"""A QR code as a PNG: what an authenticator app scans. Byte mode, error correction L, versions 1 to 10 (271 bytes).

The construction follows ISO/IEC 18004; there is no dependency for this one picture.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

_SCALE = 4
_QUIET = 4


class _Version(NamedTuple):
    """Blocks as (how many, data codewords each), check codewords per block, centres of alignment patterns."""

    blocks: tuple[tuple[int, int], ...]
    check: int
    centres: tuple[int, ...]


_VERSIONS = (
    _Version(((1, 19),), 7, ()),
    _Version(((1, 34),), 10, (6, 18)),
    _Version(((1, 55),), 15, (6, 22)),
    _Version(((1, 80),), 20, (6, 26)),
    _Version(((1, 108),), 26, (6, 30)),
    _Version(((2, 68),), 18, (6, 34)),
    _Version(((2, 78),), 20, (6, 22, 38)),
    _Version(((2, 97),), 24, (6, 24, 42)),
    _Version(((2, 116),), 30, (6, 26, 46)),
    _Version(((2, 68), (2, 69)), 18, (6, 28, 50)),
)
Matrix = list[list[int]]


def png(text: str) -> bytes:
    """The QR code of `text` as a PNG. Raises ValueError above 271 bytes."""
    return _png(matrix(text.encode()))


def matrix(data: bytes) -> Matrix:
    """The modules of the code: 1 is dark."""
    number = _version_for(len(data))
    version = _VERSIONS[number - 1]
    size = 17 + 4 * number
    modules = [[-1] * size for _ in range(size)]
    _draw_patterns(modules, number, version)
    reserved = [[cell != -1 for cell in row] for row in modules]
    _draw_data(modules, _codewords(data, number, version))
    for y in range(size):
        for x in range(size):
            # Mask 0: the checkerboard; any mask is valid, the best one only reads a little quicker.
            if not reserved[y][x] and (x + y) % 2 == 0:
                modules[y][x] ^= 1
    _draw_format(modules)
    return modules


def _version_for(length: int) -> int:
    for number, version in enumerate(_VERSIONS, 1):
        header = 2 if number < 10 else 3
        if length + header <= sum(count * size for count, size in version.blocks):
            return number
    raise ValueError("too long for a QR code of version 10")


def _codewords(data: bytes, number: int, version: _Version) -> bytes:
    capacity = sum(count * size for count, size in version.blocks)
    width = 8 if number < 10 else 16
    bits = f"0100{len(data):0{width}b}" + "".join(f"{byte:08b}" for byte in data)
    bits += "0" * min(4, capacity * 8 - len(bits))
    bits += "0" * (-len(bits) % 8)
    packed = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    packed += bytes((0xEC, 0x11)[index % 2] for index in range(capacity - len(packed)))
    blocks, at = [], 0
    for count, size in version.blocks:
        for _ in range(count):
            blocks.append(packed[at : at + size])
            at += size
    checks = [_reed_solomon(block, version.check) for block in blocks]
    longest = max(map(len, blocks))
    woven = [block[index] for index in range(longest) for block in blocks if index < len(block)]
    woven += [check[index] for index in range(version.check) for check in checks]
    return bytes(woven)


def _multiply(a: int, b: int) -> int:
    """In GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    for bit in range(7, -1, -1):
        product = (product << 1) ^ ((product >> 7) * 0x11D)
        product ^= ((b >> bit) & 1) * a
    return product


def _reed_solomon(block: bytes, check: int) -> bytes:
    generator = [0] * (check - 1) + [1]
    root = 1
    for _ in range(check):
        for index in range(check):
            generator[index] = _multiply(generator[index], root)
            if index + 1 < check:
                generator[index] ^= generator[index + 1]
        root = _multiply(root, 2)
    remainder = [0] * check
    for byte in block:
        factor = byte ^ remainder.pop(0)
        remainder.append(0)
        for index, coefficient in enumerate(generator):
            remainder[index] ^= _multiply(coefficient, factor)
    return bytes(remainder)


def _draw_patterns(modules: Matrix, number: int, version: _Version) -> None:
    size = len(modules)
    for left, top in ((0, 0), (size - 7, 0), (0, size - 7)):
        _draw_finder(modules, left, top)
    last = len(version.centres) - 1
    for row, y in enumerate(version.centres):
        for column, x in enumerate(version.centres):
            if (row, column) not in ((0, 0), (0, last), (last, 0)):
                for dy in range(-2, 3):
                    for dx in range(-2, 3):
                        modules[y + dy][x + dx] = int(max(abs(dx), abs(dy)) != 1)
    for index in range(8, size - 8):
        for y, x in ((6, index), (index, 6)):
            if modules[y][x] == -1:
                modules[y][x] = int(index % 2 == 0)
    if number >= 7:
        _draw_version(modules, number)
    # Room for the format bits, which come last.
    for index in range(9):
        for y, x in ((8, index), (index, 8)):
            if modules[y][x] == -1:
                modules[y][x] = 0
    for index in range(8):
        modules[8][size - 1 - index] = 0
        modules[size - 1 - index][8] = 0
    modules[size - 8][8] = 1


def _draw_finder(modules: Matrix, left: int, top: int) -> None:
    size = len(modules)
    for dy in range(-1, 8):
        for dx in range(-1, 8):
            x, y = left + dx, top + dy
            if 0 <= x < size and 0 <= y < size:
                ring = max(abs(dx - 3), abs(dy - 3))
                modules[y][x] = int(ring not in (2, 4))


def _draw_version(modules: Matrix, number: int) -> None:
    size = len(modules)
    remainder = number
    for _ in range(12):
        remainder = (remainder << 1) ^ ((remainder >> 11) * 0x1F25)
    bits = number << 12 | remainder
    for index in range(18):
        bit = bits >> index & 1
        a, b = size - 11 + index % 3, index // 3
        modules[a][b] = bit
        modules[b][a] = bit


def _draw_format(modules: Matrix) -> None:
    size = len(modules)
    data = 1 << 3  # level L, mask 0
    remainder = data
    for _ in range(10):
        remainder = (remainder << 1) ^ ((remainder >> 9) * 0x537)
    bits = (data << 10 | remainder) ^ 0x5412
    for index in range(15):
        bit = bits >> index & 1
        if index < 6:
            modules[index][8] = bit
        elif index < 8:
            modules[index + 1][8] = bit
        elif index == 8:
            modules[8][7] = bit
        else:
            modules[8][14 - index] = bit
        if index < 8:
            modules[8][size - 1 - index] = bit
        else:
            modules[size - 15 + index][8] = bit


def _draw_data(modules: Matrix, codewords: bytes) -> None:
    """In zigzag, two columns at a time, from the right below."""
    size = len(modules)
    bits = iter([byte >> shift & 1 for byte in codewords for shift in range(7, -1, -1)])
    right, upwards = size - 1, True
    while right > 0:
        if right == 6:
            right = 5
        for step in range(size):
            y = size - 1 - step if upwards else step
            for x in (right, right - 1):
                if modules[y][x] == -1:
                    modules[y][x] = next(bits, 0)
        right -= 2
        upwards = not upwards


def _png(modules: Matrix) -> bytes:
    side = (len(modules) + 2 * _QUIET) * _SCALE
    blank = b"\xff" * side
    rows = [blank] * (_QUIET * _SCALE)
    for line in modules:
        pixels = b"\xff" * (_QUIET * _SCALE)
        pixels += b"".join((b"\x00" if cell else b"\xff") * _SCALE for cell in line)
        rows += [pixels + b"\xff" * (_QUIET * _SCALE)] * _SCALE
    rows += [blank] * (_QUIET * _SCALE)
    raw = b"".join(b"\x00" + row for row in rows)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(raw, 9)) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
