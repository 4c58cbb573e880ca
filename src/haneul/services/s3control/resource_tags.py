"""Tags by ARN: of buckets (they are those of PutBucketTagging) and of access points, access grants, Storage Lens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from haneul.service import Call, Scope, operation
from haneul.services.s3 import tagging
from haneul.services.s3.points import POINTS
from haneul.services.s3.state import find_bucket, set_setting
from haneul.services.s3control.account_blocks import own_account
from haneul.services.s3control.errors import errors
from haneul.services.s3control.grants import GRANTS, INSTANCE, INSTANCES, LOCATIONS
from haneul.services.s3control.lens_rows import GROUPS as GROUPS_OF_LENSES
from haneul.services.s3control.lens_rows import LENSES
from haneul.state.store import Reader, Writer
from haneul.state.table import Table

Tags = dict[str, str]
Save = Callable[[Writer, Tags], object]
_ARN = "{ResourceArn}"


@operation(resource=_ARN)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource. Raises NoSuchResource."""
    with call.read() as tx:
        tags, _ = _tagged(call, tx, request)
    return {"Tags": tagging.to_set(tags)}


@operation(resource=_ARN)
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource: adds tags and overwrites those there. Raises NoSuchResource, InvalidTag."""
    given = tagging.from_set({"TagSet": request["Tags"]})
    with call.write() as tx:
        known, save = _tagged(call, tx, request)
        tags = {**known, **given}
        if len(tags) > tagging.BUCKET_LIMIT:
            raise errors.TooManyTags(f"The number of tags exceeds the limit of {tagging.BUCKET_LIMIT} tags.")
        save(tx, tags)
    return {}


@operation(resource=_ARN)
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource. Tags that aren't there are no error. Raises NoSuchResource."""
    with call.write() as tx:
        known, save = _tagged(call, tx, request)
        save(tx, {key: value for key, value in known.items() if key not in request["TagKeys"]})
    return {}


def _tagged(call: Call, tx: Reader, request: Mapping[str, Any]) -> tuple[Tags, Save]:
    """The tags of what the ARN names, which is the account's, and how to change them. Raises NoSuchResource."""
    account = own_account(call, request)
    parts = str(request["ResourceArn"]).split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != "s3":
        raise errors.InvalidRequest("Invalid resource arn")
    kind, slash, name = parts[5].partition("/")
    found: tuple[Tags, Save] | None = None
    if not slash:
        found = _bucket(tx, account, parts[5])
    elif kind in _KINDS and parts[4] == account:
        found = _KINDS[kind](tx, Scope(account, parts[3]), name)
    if found is None:
        raise errors.NoSuchResource("The specified resource doesn't exist.")
    return found


def _bucket(tx: Reader, account: str, name: str) -> tuple[Tags, Save] | None:
    bucket = find_bucket(tx, name)
    if bucket is None or bucket.owner != account:
        return None
    return bucket.settings.get("tags") or {}, lambda tx, tags: set_setting(tx, bucket, "tags", tags or None)


def _point(tx: Reader, scope: Scope, name: str) -> tuple[Tags, Save] | None:
    return _of_row(POINTS, tx, scope, name)


def _grants(tx: Reader, scope: Scope, path: str) -> tuple[Tags, Save] | None:
    """Of the instance ("default"), or of a location or grant in it ("default/grant/<id>")."""
    instance, _, rest = path.partition("/")
    kind, _, name = rest.partition("/")
    tables: dict[str, Table[Any]] = {"": INSTANCES, "location": LOCATIONS, "grant": GRANTS}
    if instance != INSTANCE or kind not in tables:
        return None
    return _of_row(tables[kind], tx, scope, name or INSTANCE)


def _lens(tx: Reader, scope: Scope, name: str) -> tuple[Tags, Save] | None:
    return _of_row(LENSES, tx, scope, name)


def _group(tx: Reader, scope: Scope, name: str) -> tuple[Tags, Save] | None:
    return _of_row(GROUPS_OF_LENSES, tx, scope, name)


def _of_row(table: Table[Any], tx: Reader, scope: Scope, name: str) -> tuple[Tags, Save] | None:
    row = table.get(tx, scope, name)
    if row is None:
        return None
    return row.tags, lambda tx, tags: table.put(tx, scope, msgspec.structs.replace(row, tags=tags))


_KINDS: dict[str, Callable[[Reader, Scope, str], tuple[Tags, Save] | None]] = {
    "access-grants": _grants,
    "accesspoint": _point,
    "storage-lens": _lens,
    "storage-lens-group": _group,
}
