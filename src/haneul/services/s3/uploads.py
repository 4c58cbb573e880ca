"""Multipart uploads as rows: found by key and id, and what their parts must agree with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from haneul.service import Call
from haneul.services.s3 import encryption
from haneul.services.s3.errors import errors, no_such_upload
from haneul.services.s3.owners import owner
from haneul.services.s3.plane import keys
from haneul.services.s3.state import Bucket, Upload
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Upload).decode


def upload_of(tx: Reader, bucket: Bucket, request: Mapping[str, Any]) -> Upload:
    """The upload that the request's Key and UploadId name. Raises NoSuchUpload."""
    raw = tx.get(keys.upload(bucket.id, request["Key"], request["UploadId"]))
    if raw is None:
        raise no_such_upload(request["UploadId"])
    return _decode(raw)


def put(tx: Writer, bucket: Bucket, upload: Upload) -> None:
    tx.put(keys.upload(bucket.id, upload.key, upload.id), _encode(upload))


def note_deletion(tx: Writer, bucket: Bucket, key: str) -> None:
    """The object at the key is gone: uploads to it that are under way remember that for their conditions."""
    root = keys.upload(bucket.id, key, "")
    for at, raw in tx.scan(root, keys.after(root)):
        tx.put(at, _encode(msgspec.structs.replace(_decode(raw), bereft=True)))


def remove(tx: Writer, bucket: Bucket, upload: Upload) -> None:
    tx.delete(keys.upload(bucket.id, upload.key, upload.id))


def scan(tx: Reader, bucket: Bucket, start: bytes, end: bytes) -> Iterator[Upload]:
    """Uploads by key and then by when they began, between two places behind the bucket's root."""
    root = keys.upload_root(bucket.id)
    if start >= end:
        return
    for _, raw in tx.scan(root + start, root + end):
        yield _decode(raw)


def part_key(call: Call, upload: Upload, request: Mapping[str, Any]) -> bytes | None:
    """The key that the upload's parts are sealed under, once the request has shown the customer's, if it is one."""
    cipher = upload.cipher
    customer = encryption.customer_key(request, "SSECustomer")
    if cipher is None or cipher.kind != "SSE-C":
        if customer is not None:
            raise _parameters_expected()
        return encryption.write_key(call, cipher, request)
    if customer is None:
        raise _parameters_expected()
    if not encryption.same_customer_key(cipher, request):
        raise errors.InvalidRequest("The provided encryption parameters did not match the ones used originally.")
    return encryption.write_key(call, cipher, request)


def _parameters_expected() -> AwsError:
    """S3 says the same whether a part has a customer's key too few or too many."""
    return errors.InvalidRequest(
        "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate "
        "encryption parameters."
    )


def initiator(call: Call) -> str:
    """Who begins an upload, as `shown_initiator` will tell it: an account, or a user's ARN."""
    principal = call.principal
    return principal.arn if principal.kind in ("user", "role") else call.account


def shown_initiator(initiated_by: str) -> dict[str, str]:
    if initiated_by.startswith("arn:"):
        return {"ID": initiated_by, "DisplayName": initiated_by.rpartition("/")[2]}
    return owner(initiated_by)
