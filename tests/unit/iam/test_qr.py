"""The picture of a virtual MFA device: codes that a reader (zxing) was seen to read must not change."""

from __future__ import annotations

import hashlib

import pytest

from haneul.services.iam import qr


@pytest.mark.parametrize(
    ("length", "side", "digest"),
    [(17, 21, "07eee7045ed01ceb"), (106, 37, "a6b379ad38803b28"), (271, 57, "e4b9819de84f6a4c")],
)
def test_codes_that_were_read(length: int, side: int, digest: str) -> None:
    """Versions 1, 5 and 10, as read by zxing."""
    text = ("https://example.com/" + "abc123XYZ%/?=&-_" * 20)[:length]
    matrix = qr.matrix(text.encode())
    assert len(matrix) == side
    assert hashlib.sha256(repr(matrix).encode()).hexdigest()[:16] == digest


def test_what_is_too_long() -> None:
    """More than a version 10 holds is refused, not cut."""
    with pytest.raises(ValueError, match="too long"):
        qr.png("x" * 272)
