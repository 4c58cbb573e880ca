"""Listing objects (both versions of the API) and their versions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.s3 import index
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import bad_token, invalid_argument
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.numbers import number
from haneul.services.s3.owners import owner
from haneul.services.s3.plane.scans import Walk
from haneul.services.s3.state import Bucket, Entry
from haneul.services.s3.versions import slot_of, version_id
from haneul.state.store import Reader

MAX_KEYS = 1000
Quote = Callable[[str], str]


def _conditions(call: Call, request: Mapping[str, Any]) -> dict[str, str]:
    """The condition keys that policies of listings are written on."""
    found = {"s3:prefix": request.get("Prefix") or "", "s3:max-keys": str(request.get("MaxKeys", MAX_KEYS))}
    if request.get("Delimiter"):
        found["s3:delimiter"] = request["Delimiter"]
    return found


@operation(resource=bucket_arn, action="s3:ListBucket", conditions=_conditions)
def list_objects(call: Call, request: Mapping[str, Any]) -> Any:
    """ListObjects, the first version: it goes on behind a marker."""
    return _off_the_loop(call, request, _list_objects)


def _list_objects(call: Call, tx: Reader, bucket: Bucket, request: Mapping[str, Any]) -> dict[str, Any]:
    limit = _limit(request)
    quoted = quoting(request)
    marker = request.get("Marker") or ""
    walk = Walk(tx, bucket.id, request.get("Prefix") or "", request.get("Delimiter") or "")
    if marker:
        (walk.begin_behind if walk.rolled(marker) and marker.endswith(request["Delimiter"]) else walk.begin_after)(
            marker
        )
    contents, prefixes, last, more = _page(walk, bucket, request, limit, owned=True)
    told = _told(bucket, request, limit, quoted, contents, prefixes, more)
    told["Marker"] = quoted(marker)
    if more and request.get("Delimiter"):
        told["NextMarker"] = quoted(last)
    return told


@operation(resource=bucket_arn, action="s3:ListBucket", conditions=_conditions)
def list_objects_v2(call: Call, request: Mapping[str, Any]) -> Any:
    """ListObjectsV2: it goes on with an opaque token."""
    return _off_the_loop(call, request, _list_objects_v2)


def _list_objects_v2(call: Call, tx: Reader, bucket: Bucket, request: Mapping[str, Any]) -> dict[str, Any]:
    limit = _limit(request)
    quoted = quoting(request)
    walk = Walk(tx, bucket.id, request.get("Prefix") or "", request.get("Delimiter") or "")
    token = request.get("ContinuationToken")
    start_after = request.get("StartAfter") or ""
    if token is not None:
        position = tokens.open_page(token)
        if position is None or len(position) != 2 or not isinstance(position[1], str):
            raise bad_token()
        (walk.begin_behind if position[0] else walk.begin_after)(position[1])
    elif start_after:
        walk.begin_after(start_after)
    contents, prefixes, last, more = _page(walk, bucket, request, limit, owned=bool(request.get("FetchOwner")))
    told = _told(bucket, request, limit, quoted, contents, prefixes, more)
    told["KeyCount"] = len(contents) + len(prefixes)
    if token is not None:
        told["ContinuationToken"] = token
    if start_after and token is None:
        told["StartAfter"] = quoted(start_after)
    if more:
        told["NextContinuationToken"] = tokens.seal_page(int(walk.rolled(last)), last)
    return told


@operation(resource=bucket_arn, action="s3:ListBucketVersions", conditions=_conditions)
def list_object_versions(call: Call, request: Mapping[str, Any]) -> Any:
    """ListObjectVersions: every version and delete marker, the newest of each key first."""
    return _off_the_loop(call, request, _list_object_versions)


def _list_object_versions(call: Call, tx: Reader, bucket: Bucket, request: Mapping[str, Any]) -> dict[str, Any]:
    limit = _limit(request)
    quoted = quoting(request)
    prefix, delimiter = request.get("Prefix") or "", request.get("Delimiter") or ""
    key_marker, version_marker = request.get("KeyMarker") or "", request.get("VersionIdMarker")
    if version_marker is not None and "KeyMarker" not in request:
        raise invalid_argument(
            "A version-id marker cannot be specified without a key marker.", "version-id-marker", version_marker
        )
    if version_marker == "":
        raise invalid_argument("A version-id marker cannot be empty.", "version-id-marker", "")
    walk = Walk(tx, bucket.id, prefix, delimiter, every=True)
    if key_marker:
        _begin_versions(tx, bucket, walk, key_marker, version_marker, delimiter)
    versions: list[dict[str, Any]] = []
    markers: list[dict[str, Any]] = []
    prefixes: list[str] = []
    last: tuple[str, Entry | None] = ("", None)
    more = False
    for key, packed, current in walk.rows() if limit else ():
        if len(versions) + len(markers) + len(prefixes) >= limit:
            more = True
            break
        if walk.rolled(key):
            prefixes.append(key)
            walk.skip_rest_of(key)
            last = (key, None)
            continue
        assert packed is not None
        entry = index.unpack(packed)
        last = (key, entry)
        if entry.marker:
            markers.append(_marker(bucket, quoted(key), entry, current))
        else:
            versions.append(_version(bucket, quoted(key), entry, current))
    told = _told(bucket, request, limit, quoted, [], prefixes, more)
    del told["Contents"]
    told |= {"Versions": versions, "DeleteMarkers": markers, "KeyMarker": quoted(key_marker)}
    told["VersionIdMarker"] = version_marker or ""
    if more:
        told["NextKeyMarker"] = quoted(last[0])
        if last[1] is not None:
            told["NextVersionIdMarker"] = version_id(last[1])
    return told


def _begin(walk: Walk, marker: str, delimiter: str) -> None:
    """Go on behind a marker, which may be a common prefix that a page ended with."""
    if walk.rolled(marker) and marker.endswith(delimiter):
        walk.begin_behind(marker)
    else:
        walk.begin_after(marker)


def _begin_versions(tx: Reader, bucket: Bucket, walk: Walk, key: str, version: str | None, delimiter: str) -> None:
    if version is None:
        _begin(walk, key, delimiter)
        return
    slot = slot_of(version)
    found = index.load(tx, bucket, key, slot)
    seq = found.entry.seq if found is not None else int.from_bytes(slot, "big")
    current = index.current(tx, bucket, key)
    walk.begin_within(key, seq, 0 if current is None else current.seq)


def _off_the_loop(
    call: Call,
    request: Mapping[str, Any],
    listing: Callable[[Call, Reader, Bucket, Mapping[str, Any]], dict[str, Any]],
) -> Any:
    """List at once where every row met is a result; in a thread where hidden versions may have to be passed over."""

    def work() -> dict[str, Any]:
        with call.read() as tx:
            return listing(call, tx, bucket_of(tx, request), request)

    with call.read() as tx:
        bucket = bucket_of(tx, request)
    call.header("x-amz-bucket-region", bucket.region)
    return asyncio.to_thread(work) if bucket.versioning and not call.cloud.store.concurrent else work()


def _page(
    walk: Walk, bucket: Bucket, request: Mapping[str, Any], limit: int, *, owned: bool
) -> tuple[list[dict[str, Any]], list[str], str, bool]:
    """(objects, common prefixes, the last key or prefix of them, whether there are more) of current versions."""
    contents: list[dict[str, Any]] = []
    prefixes: list[str] = []
    last = ""
    quoted = quoting(request)
    restore = "RestoreStatus" in (request.get("OptionalObjectAttributes") or ())
    unpack = index.unpack
    left = limit
    for key, packed, _ in walk.rows() if limit else ():
        assert packed is not None
        entry = unpack(packed)
        if entry.marker:
            continue
        if not left:
            return contents, prefixes, last, True
        left -= 1
        last = key
        if walk.rolled(key):
            prefixes.append(key)
            walk.skip_rest_of(key)
            continue
        shown = {
            "Key": quoted(key),
            "LastModified": entry.modified,
            "ETag": f'"{entry.etag}"',
            "Size": entry.size,
            "StorageClass": entry.storage or "STANDARD",
        }
        if entry.algorithm:
            shown["ChecksumAlgorithm"] = (entry.algorithm,)
            shown["ChecksumType"] = "COMPOSITE" if entry.composite else "FULL_OBJECT"
        if owned:
            shown["Owner"] = owner(entry.owner or bucket.owner)
        if restore and entry.restored is not None:
            shown["RestoreStatus"] = _restore_status(entry.restored)
        contents.append(shown)
    return contents, prefixes, last, False


def _told(
    bucket: Bucket,
    request: Mapping[str, Any],
    limit: int,
    quoted: Quote,
    contents: list[dict[str, Any]],
    prefixes: list[str],
    more: bool,
) -> dict[str, Any]:
    """What all three listings tell."""
    delimiter = request.get("Delimiter")
    return {
        "Name": bucket.name,
        "Prefix": quoted(request.get("Prefix") or ""),
        "Delimiter": quoted(delimiter) if delimiter else None,
        "MaxKeys": limit,
        "EncodingType": request.get("EncodingType"),
        "IsTruncated": more,
        "Contents": contents,
        "CommonPrefixes": [{"Prefix": quoted(prefix)} for prefix in prefixes],
    }


def _version(bucket: Bucket, key: str, entry: Entry, current: bool) -> dict[str, Any]:
    shown = {
        "Key": key,
        "VersionId": version_id(entry),
        "IsLatest": current,
        "LastModified": entry.modified,
        "ETag": f'"{entry.etag}"',
        "Size": entry.size,
        "StorageClass": entry.storage or "STANDARD",
        "Owner": owner(entry.owner or bucket.owner),
    }
    if entry.algorithm:
        shown["ChecksumAlgorithm"] = (entry.algorithm,)
        shown["ChecksumType"] = "COMPOSITE" if entry.composite else "FULL_OBJECT"
    if entry.restored is not None:
        shown["RestoreStatus"] = _restore_status(entry.restored)
    return shown


def _marker(bucket: Bucket, key: str, entry: Entry, current: bool) -> dict[str, Any]:
    return {
        "Key": key,
        "VersionId": version_id(entry),
        "IsLatest": current,
        "LastModified": entry.modified,
        "Owner": owner(entry.owner or bucket.owner),
    }


def _restore_status(restored: tuple[bool, int]) -> dict[str, Any]:
    under_way, until = restored
    return (
        {"IsRestoreInProgress": under_way} if under_way else {"IsRestoreInProgress": False, "RestoreExpiryDate": until}
    )


def _limit(request: Mapping[str, Any]) -> int:
    return min(number(request, "MaxKeys", "max-keys", MAX_KEYS, "maxKeys"), MAX_KEYS)


def quoting(request: Mapping[str, Any]) -> Quote:
    """What keys go through: with encoding-type=url they are percent-encoded. Raises InvalidArgument."""
    encoding = request.get("EncodingType")
    if encoding is None:
        return _as_it_is
    if encoding != "url":
        raise invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", encoding)
    return _encoded


def _as_it_is(text: str) -> str:
    return text


def percent(key: str) -> str:
    """A key as a URL's path holds it."""
    return quote(key, safe="/-._~", errors="surrogatepass")


def _encoded(text: str) -> str:
    return quote_plus(text, safe="/*", errors="surrogatepass").replace("~", "%7E")
