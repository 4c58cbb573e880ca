"""Archives of code: taken from the request or from S3, checked, kept as blobs, unpacked where environments see them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import inspect
import io
import os
import shutil
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.lambda_.errors import errors, invalid
from haneul.wire.errors import AwsError

ZIPPED, UNZIPPED, FILES = 50 << 20, 250 << 20, 50_000
_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


class Stored(NamedTuple):
    """An archive that is kept: its blob, bytes and SHA-256 as AWS tells it."""

    blob: str
    size: int
    sha: str


async def store(call: Call, code: Mapping[str, Any]) -> Stored:
    """Keep the archive that a request gives or names. Raises InvalidParameterValueException."""
    data = code.get("ZipFile")
    if data is None:
        if code.get("ImageUri"):
            raise invalid("Container images can't be run here yet: use a .zip archive (PackageType Zip).")
        if not code.get("S3Bucket") or not code.get("S3Key"):
            raise invalid("Please provide a source for function code.")
        data = await _from_bucket(call, code)
    elif len(data) > ZIPPED:
        raise errors.RequestEntityTooLargeException(f"Request must be smaller than {ZIPPED} bytes")
    return await asyncio.to_thread(_keep, call, data)


async def _from_bucket(call: Call, code: Mapping[str, Any]) -> bytes:
    request = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
    if code.get("S3ObjectVersion"):
        request["VersionId"] = code["S3ObjectVersion"]
    try:
        answer = call.invoke("s3", "GetObject", request)
        answer = await answer if inspect.isawaitable(answer) else answer
    except AwsError as error:
        raise invalid(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
        ) from None
    return await _whole(answer["Body"])


async def _whole(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, list | tuple):
        return await asyncio.to_thread(_joined, list(body))
    pieces = []
    async for piece in body:
        pieces.append(piece)
    return b"".join(pieces)


def _joined(pieces: list[Any]) -> bytes:
    data = bytearray()
    for piece in pieces:
        if isinstance(piece, bytes):
            data += piece
        else:
            with open(piece.path, "rb") as file:
                file.seek(piece.offset)
                data += file.read(piece.length)
    return bytes(data)


def _keep(call: Call, data: bytes) -> Stored:
    check(data)
    with call.cloud.blobs.create(len(data)) as writer:
        writer.write(data)
        blob = writer.commit()
    return Stored(blob, len(data), base64.b64encode(hashlib.sha256(data).digest()).decode())


def check(data: bytes) -> None:
    """Raise unless this is an archive that can be unpacked safely."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise invalid(_ZIP) from None
    if not infos:
        raise invalid("Uploaded file must be a non-empty zip")
    if sum(info.file_size for info in infos) > UNZIPPED or len(infos) > FILES:
        raise invalid(f"Unzipped size must be smaller than {UNZIPPED} bytes")
    for info in infos:
        if not _safe(info.filename):
            raise invalid(_ZIP)


def _safe(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/") and "\0" not in name and "\\" not in name


def folder_of(root: Path, archives: list[tuple[str, Any]]) -> Path:
    """The folder with these archives (key, bytes to be had by calling) unpacked in order, made if it isn't there."""
    key = hashlib.sha256("\n".join(name for name, _ in archives).encode()).hexdigest()
    target = root / key
    if target.exists():
        return target
    root.mkdir(parents=True, exist_ok=True)
    draft = root / f"draft-{tokens.random_hex(12)}"
    draft.mkdir()
    try:
        left = UNZIPPED
        for _, read in archives:
            left -= unpack(read(), draft, left)
        _open_to_all(draft)
        os.rename(draft, target)
    except FileExistsError:
        pass
    except OSError:
        if not target.exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def unpack(data: bytes, target: Path, limit: int) -> int:
    """Write the archive's files below `target`; their bytes. Links that lead out of it are left out."""
    written = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if not _safe(info.filename):
                continue
            path = target / info.filename
            mode = info.external_attr >> 16
            if info.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.parent.resolve().is_relative_to(target.resolve()):
                continue
            if path.is_symlink() or path.exists():
                path.unlink()
            if stat.S_ISLNK(mode):
                aim = archive.read(info).decode(errors="replace")
                if not os.path.isabs(aim) and (path.parent / aim).resolve().is_relative_to(target.resolve()):
                    path.symlink_to(aim)
                continue
            with archive.open(info) as source, path.open("wb") as file:
                while piece := source.read(1 << 20):
                    written += len(piece)
                    if written > limit:
                        raise invalid(f"Unzipped size must be smaller than {UNZIPPED} bytes")
                    file.write(piece)
            path.chmod(0o755 if mode & 0o111 else 0o644)
    return written


def _open_to_all(root: Path) -> None:
    root.chmod(0o755)
    for folder, names, _ in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755)
