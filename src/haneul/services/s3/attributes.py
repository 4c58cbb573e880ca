"""GetObjectAttributes: what is known of an object, as XML and without its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3 import context, digests, encryption, index, objects
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, invalid_argument
from haneul.services.s3.guard import object_arn
from haneul.services.s3.numbers import number
from haneul.services.s3.state import Bucket, Object
from haneul.services.s3.versions import version_id
from haneul.state.store import Reader

_KNOWN = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})
MAX_PARTS = 1000
MAX_NUMBER = 10_000


def _actions(call: Call, request: Mapping[str, Any]) -> list[str]:
    version = "Version" if "VersionId" in request else ""
    return [f"s3:GetObject{version}", f"s3:GetObject{version}Attributes"]


@operation(resource=object_arn, action=_actions, conditions=context.keys)
def get_object_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetObjectAttributes. Raises NoSuchKey, InvalidArgument for an attribute that there isn't."""
    wanted = {each.strip() for value in request.get("ObjectAttributes") or () for each in value.split(",")}
    if not wanted:
        raise errors.InvalidRequest(
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty"
        )
    if not wanted <= _KNOWN:
        raise invalid_argument("Invalid attribute name specified.", "x-amz-object-attributes", ",".join(sorted(wanted)))
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        found = objects.visible(tx, bucket, request["Key"], request.get("VersionId"))
        encryption.read_key(call, found.cipher, request)
        entry = found.entry
        told: dict[str, Any] = {"LastModified": entry.modified}
        if bucket.versioning:
            told["VersionId"] = version_id(entry)
        if "ETag" in wanted:
            told["ETag"] = entry.etag
        if "Checksum" in wanted:
            whole = found.checksum.partition("-")[0]  # a composite one is told without its number of parts here
            told["Checksum"] = digests.told(entry.algorithm, whole, entry.composite) or None
        if "ObjectSize" in wanted:
            told["ObjectSize"] = entry.size
        if "StorageClass" in wanted:
            told["StorageClass"] = entry.storage or "STANDARD"
        if "ObjectParts" in wanted and found.runs is not None:
            told["ObjectParts"] = _parts(tx, bucket, found, request)
    return told


def _parts(tx: Reader, bucket: Bucket, found: Object, request: Mapping[str, Any]) -> dict[str, Any]:
    """The parts, one by one only where each has a checksum of its own that counts."""
    told: dict[str, Any] = {"TotalPartsCount": found.parts_count}
    if not found.entry.composite:
        return told
    limit = min(number(request, "MaxParts", "max-parts", MAX_PARTS), MAX_PARTS)
    marker = number(request, "PartNumberMarker", "part-number-marker", 0)
    parts = list(index.parts(tx, bucket, found.upload, min(marker, MAX_NUMBER), limit + 1))
    shown = parts[:limit]
    algorithm = found.entry.algorithm
    return told | {
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": limit,
        "IsTruncated": len(parts) > limit,
        "Parts": [
            {"PartNumber": part.number, "Size": part.size, f"Checksum{algorithm}": part.checksums.get(algorithm)}
            for part in shown
        ],
    }
