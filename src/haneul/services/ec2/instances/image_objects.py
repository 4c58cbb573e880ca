"""S3's objects as a step reads and writes them: in pieces, with the rights of a role or of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from haneul.auth.principals import Principal
from haneul.service import Call
from haneul.services.ec2.errors import errors, invalid
from haneul.wire.errors import AwsError

PIECE = 1 << 20
PART = 16 << 20
SERVICE = "vmie.amazonaws.com"


def place(bucket: str | None, key: str | None, url: str | None) -> tuple[str, str]:
    """(bucket, key) that a UserBucket or a Url names. Raises InvalidParameterValue."""
    if bucket and key:
        return bucket, key
    parts = urlsplit(url or "")
    path = unquote(parts.path).lstrip("/")
    if parts.scheme == "s3" and parts.netloc and path:
        return parts.netloc, path
    if parts.scheme in ("http", "https") and parts.hostname:
        first, _, rest = parts.hostname.partition(".s3")
        if rest and path:
            return first, path
        first, _, rest = path.partition("/")
        if first and rest:
            return first, rest
    raise invalid("A disk image needs a bucket and a key, or an s3:// or https:// URL.")


def role_arn(call: Call, name: str | None) -> str:
    """The role that VM Import/Export works with ("vmimport" unless another is named). Raises InvalidParameter."""
    wanted = name or "vmimport"
    try:
        found = call.invoke("iam", "GetRole", {"RoleName": wanted.rpartition("/")[2]})["Role"]
    except AwsError:
        raise denied(wanted) from None
    return str(found["Arn"])


def denied(role: str) -> AwsError:
    return errors.InvalidParameter(
        f"The service role {role.rpartition('/')[2]} provided does not exist or does not have sufficient permissions"
    )


def acting(call: Call, role: str) -> Call:
    """A call that invokes with the role's rights, if it trusts VM Import/Export. Raises AwsError."""
    asker = call.cloud.call_as("ec2", call.scope)
    asker.acts_as = Principal(
        account=call.account, arn=SERVICE, kind="service", session={"aws:SourceAccount": call.account}
    )
    asked = {"RoleArn": role, "RoleSessionName": "vmimport", "ExternalId": "vmimport"}
    held = done(call, asker.invoke("sts", "AssumeRole", asked))["Credentials"]
    found = call.cloud.directory.credential(held["AccessKeyId"], held["SessionToken"])
    if found is None:
        raise denied(role)
    acts = call.cloud.call_as("ec2", call.scope, found.principal)
    acts.acts_as = found.principal
    return acts


def done(call: Call, told: Any) -> Any:
    """A step works in a thread: what is asynchronous is awaited on the cloud's loop."""
    if not hasattr(told, "__await__"):
        return told

    async def wait() -> Any:
        return await told

    return asyncio.run_coroutine_threadsafe(wait(), call.cloud.loop).result()


def read(call: Call, bucket: str, key: str) -> Iterator[bytes]:
    """The bytes of an object. Raises AwsError."""
    body = done(call, call.invoke("s3", "GetObject", {"Bucket": bucket, "Key": key}))["Body"]
    if isinstance(body, bytes):
        yield body
        return
    if isinstance(body, list | tuple):
        for piece in body:
            yield from [piece] if isinstance(piece, bytes) else _of_file(piece)
        return
    stream = body.__aiter__()
    while (piece := asyncio.run_coroutine_threadsafe(_next(stream), call.cloud.loop).result()) is not None:
        yield piece


def write(call: Call, bucket: str, key: str, pieces: Iterable[bytes], tagging: str = "") -> None:
    """The object is there, in parts; nothing of it is when that fails. Raises AwsError."""
    place = {"Bucket": bucket, "Key": key}
    begun = {**place, "Tagging": tagging} if tagging else place
    upload = {**place, "UploadId": done(call, call.invoke("s3", "CreateMultipartUpload", begun))["UploadId"]}
    try:
        parts: list[dict[str, Any]] = []
        for number, part in enumerate(_parts(pieces), 1):
            asked = {**upload, "PartNumber": number, "Body": part, "ContentLength": len(part)}
            parts.append({"PartNumber": number, "ETag": done(call, call.invoke("s3", "UploadPart", asked))["ETag"]})
        ended = {**upload, "MultipartUpload": {"Parts": parts}}
        done(call, call.invoke("s3", "CompleteMultipartUpload", ended))
    except BaseException:
        done(call, call.invoke("s3", "AbortMultipartUpload", upload))
        raise


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    yield bytes(held)


def _of_file(piece: Any) -> Iterator[bytes]:
    with open(piece.path, "rb") as file:
        file.seek(piece.offset)
        left = piece.length
        while left > 0 and (data := file.read(min(left, PIECE))):
            left -= len(data)
            yield data


async def _next(stream: Any) -> bytes | None:
    try:
        found: bytes = await stream.__anext__()
    except StopAsyncIteration:
        return None
    return found
