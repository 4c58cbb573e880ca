"""Archives can't write outside of where they are unpacked, nor fill the disk."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from haneul.services.lambda_ import code
from haneul.wire.errors import AwsError


def made(*entries: tuple[str, bytes, int]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, text, zipfile.ZIP_DEFLATED)
    return data.getvalue()


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "a\\..\\out"])
def test_names_that_lead_out_are_refused(name: str) -> None:
    """The oldest trick."""
    with pytest.raises(AwsError):
        code.check(made((name, b"x", 0o100644)))


def test_links_that_lead_out_are_left_out(tmp_path: Path) -> None:
    """And what is written through them goes nowhere."""
    target = tmp_path / "in"
    target.mkdir()
    data = made(
        ("link", b"..", 0o120777), ("link/out", b"x", 0o100644), ("inside", b"real", 0o120777), ("real", b"y", 0o100755)
    )
    code.unpack(data, target, 1 << 20)
    assert not (tmp_path / "out").exists()
    assert not (target / "link").is_symlink()
    assert (target / "inside").read_bytes() == b"y"
    assert (target / "real").stat().st_mode & 0o777 == 0o755


def test_bombs_are_bounded(tmp_path: Path) -> None:
    """What an archive says of its size is not believed."""
    with pytest.raises(AwsError):
        code.unpack(made(("big", bytes(1 << 20), 0o100644)), tmp_path, 1000)


def test_an_empty_or_broken_archive_is_refused() -> None:
    """With Lambda's own message."""
    for data in (b"", b"text", made()):
        with pytest.raises(AwsError) as refused:
            code.check(data)
        assert refused.value.code == "InvalidParameterValueException"
