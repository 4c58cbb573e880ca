"""UpdateObjectEncryption: another KMS key for an object that is there. Its bytes and their data key stay as they are.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/update-sse-encryption.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, operation
from haneul.services.s3 import context, encryption, index, objects
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors
from haneul.services.s3.guard import object_arn
from haneul.services.s3.state import Cipher, Object

_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:(\d{12}):key/[A-Za-z0-9-]+")


@operation(resource=object_arn, conditions=context.keys)
def update_object_encryption(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateObjectEncryption, to SSE-KMS. Raises InvalidRequest, NoSuchKey, AccessDenied (locked, another's key)."""
    wish = (request.get("ObjectEncryption") or {}).get("SSEKMS")
    if wish is None:
        raise errors.InvalidRequest(
            "Requests that modify an object encryption configuration require a valid new encryption type. Valid values "
            "are SSEKMS. Modify the request to specify SSE-KMS for the updated encryption type, and then try again."
        )
    arn = wish.get("KMSKeyArn") or ""
    account = _KEY.fullmatch(arn)
    if account is None:
        raise errors.InvalidRequest(
            "Requests that modify an object's encryption type to SSE-KMS require a valid AWS KMS key Amazon Resource "
            "Name (ARN). Confirm that you have a correctly formatted KMS key ARN in your request, and then try again."
        )
    key = request["Key"]
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        if account[1] != bucket.owner:
            raise errors.AccessDenied(
                "The AWS KMS key in the request must be owned by the same account as the bucket. Modify the request to "
                "specify a KMS key from the same account, and then try again."
            )
        found = objects.visible(tx, bucket, key, request.get("VersionId"), call.operation)
        _check(call, found)
        cipher = _changed(found.cipher, arn, bool(wish.get("BucketKeyEnabled")))
        index.update(tx, bucket, key, msgspec.structs.replace(found, cipher=cipher))
    return {}


def _check(call: Call, found: Object) -> None:
    if found.cipher is not None and found.cipher.kind not in ("AES256", "aws:kms"):
        raise errors.InvalidRequest(
            "The UpdateObjectEncryption operation doesn't support source objects with the encryption type DSSE-KMS or "
            "SSE-C. Only source objects encrypted with SSE-S3 or SSE-KMS are supported."
        )
    lock = found.lock
    if lock is not None and (lock.hold or lock.retains(call.now())):
        raise errors.AccessDenied(
            "The encryption type for the specified object can't be updated because that object is protected by S3 "
            "Object Lock."
        )


def _changed(cipher: Cipher | None, arn: str, bucket_key: bool) -> Cipher:
    if cipher is None:
        return Cipher("aws:kms", encryption.new_salt(), arn, bucket_key=bucket_key, under="")
    under = encryption.purpose_of(cipher)
    return msgspec.structs.replace(cipher, kind="aws:kms", key_id=arn, bucket_key=bucket_key, under=under)
