"""Images (AMIs): which of them an account may see and launch, and their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.ec2 import listing
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.account import allowed_images
from haneul.services.ec2.errors import coded, errors
from haneul.services.ec2.instances import image_builtin, image_describing, image_notices
from haneul.services.ec2.instances.state import IMAGE, Image
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import snapshots
from haneul.services.ec2.volumes.state import SNAPSHOT
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

ARN = "arn:aws:ec2:{region}::image/{ImageId}"
Owned = tuple[Scope, Image]


@operation()
def describe_images(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeImages: one's own, those shared with one, everybody's and those that come with the cloud."""
    named = list(dict.fromkeys(request.get("ImageIds") or ()))
    IMAGE.check(named)
    _ensure_builtin(call)
    with call.read() as tx:
        rules = allowed_images.Rules(tx, call)
        seen = [
            (scope, row)
            for scope, row in visible(tx, call)
            if (not named or row.id in named) and not rules.hide(scope, row)
        ]
        known = {row.id for _, row in seen} | {one for one in named if IMAGE.find(tx, call.scope, one)}
    absent = [one for one in named if one not in known]
    if absent:  # one that was deregistered a moment ago is left out without a word
        raise missing(absent)
    shown = [
        (
            row.id,
            image_describing.describe(scope, row, mine=scope.account == call.account)
            | {"ImageAllowed": rules.allow(scope, row)},
        )
        for scope, row in seen
        if _listed(call, request, scope, row)
    ]
    return listing.paged(request, "Images", shown, image_describing.FILTERS)


@operation(ARN)
def deregister_image(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeregisterImage: instances and, unless asked otherwise, snapshots stay. Raises InvalidAMIID.Unavailable the
    second time, OperationNotPermitted while it is protected."""
    results = []
    with call.write() as tx:
        row = owned(tx, call, request["ImageId"])
        _check_protection(row, call.now())
        row.state, row.shared = "deregistered", []
        row.work = {"ended": call.now()}
        IMAGE.table.put(tx, call.scope, row)
        image_notices.tell(tx, call.scope, row, call.now())
        wake(tx, "ec2.image", call.scope, (row.id,), call.now())
        if request.get("DeleteAssociatedSnapshots"):
            results = [_delete_snapshot(tx, call, one) for one in snapshots_of(row)]
    return {"Return": True, "DeleteSnapshotResults": results or None}


@operation(ARN)
def get_image_ancestry(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetImageAncestry: the image, what it was made of, and so on as far as the caller sees."""
    entries: list[dict[str, Any]] = []
    image, region = request["ImageId"], call.region
    with call.read() as tx:
        scope, row = find(tx, call, image)
        while len(entries) < 100:
            source, origin = row.options.get("SourceImageId"), row.options.get("SourceImageRegion", region)
            entry = {
                "CreationDate": row.created,
                "ImageId": row.id,
                "ImageOwnerAlias": "amazon" if scope.account == image_builtin.OWNER else None,
                "SourceImageId": source,
                "SourceImageRegion": origin if source else None,
            }
            entries.append({name: value for name, value in entry.items() if value is not None})
            try:
                scope, row = find(tx, call, source or "", origin)
            except AwsError:
                break
    return {"ImageAncestryEntries": entries}


def resolve(tx: Reader, call: Call, image: str) -> Image:
    """The image that an account may launch: its own, one shared with it, everybody's, or a built-in one.
    Raises InvalidAMIID.NotFound, InvalidAMIID.Malformed, InvalidAMIID.Unavailable."""
    scope, row = find(tx, call, image)
    if allowed_images.Rules(tx, call).hide(scope, row):
        raise missing([image])
    if row.state != "available":
        raise gone(row)
    return row


def find(tx: Reader, call: Call, image: str, region: str = "") -> Owned:
    """An image of a region (this one) that the account may see, and whose it is."""
    IMAGE.check([image])
    region = region or call.region
    home = Scope(call.account, region)
    own = IMAGE.find(tx, home, image)
    if own is not None:
        return home, own
    plane = planes.of(call.cloud)
    built_in = image_builtin.find(plane, image)
    if built_in is not None:
        if hasattr(tx, "put"):
            image_builtin.ensure_rows(cast(Writer, tx), plane, region)
        return Scope(image_builtin.OWNER, region), built_in
    for scope, row in visible(tx, call, region):
        if row.id == image:
            return scope, row
    raise missing([image])


def owned(tx: Reader, call: Call, image: str) -> Image:
    """The account's own image. Raises AuthFailure for somebody else's, InvalidAMIID.Unavailable for what is gone."""
    scope, row = find(tx, call, image)
    if scope.account != call.account:
        raise errors.AuthFailure(f"Not authorized for image:{image}")
    if row.state == "deregistered":
        raise gone(row)
    return row


def visible(tx: Reader, call: Call, region: str = "") -> Iterator[Owned]:
    """Every image of a region (this one) that the account may launch, with whose it is."""
    region = region or call.region
    for one in image_builtin.listed(planes.of(call.cloud)):
        yield Scope(image_builtin.OWNER, region), one
    for scope, row in IMAGE.table.everywhere(tx):
        if scope.region != region or row.state == "deregistered":
            continue
        if scope.account == call.account or (row.state == "available" and usable(row, call.account)):
            yield scope, row


def usable(row: Image, account: str) -> bool:
    """Whether a foreign account may launch it."""
    return "all" in row.shared or account in row.shared


def snapshots_of(row: Image) -> list[str]:
    return [one["Ebs"]["SnapshotId"] for one in row.mappings if (one.get("Ebs") or {}).get("SnapshotId")]


def missing(identifiers: Sequence[str]) -> AwsError:
    if len(identifiers) == 1:
        return coded("InvalidAMIID.NotFound", f"The image id '[{identifiers[0]}]' does not exist")
    return coded("InvalidAMIID.NotFound", f"The image ids '[{', '.join(identifiers)}]' do not exist")


def gone(row: Image) -> AwsError:
    return coded("InvalidAMIID.Unavailable", f"The image ID '{row.id}' is no longer available")


def _delete_snapshot(tx: Writer, call: Call, identifier: str) -> dict[str, str]:
    """What becomes of a snapshot whose image goes."""
    row = SNAPSHOT.find(tx, call.scope, identifier)
    if row is None or row.state == "deleting":
        return {"SnapshotId": identifier, "ReturnCode": "client-error"}
    others = (one for one in IMAGE.table.scan(tx, call.scope) if one.state != "deregistered")
    if any(identifier in snapshots_of(one) for one in others):
        return {"SnapshotId": identifier, "ReturnCode": "skipped"}
    try:
        snapshots.discard(tx, call.scope, call.now(), row)
    except AwsError:  # it is locked
        return {"SnapshotId": identifier, "ReturnCode": "client-error"}
    return {"SnapshotId": identifier, "ReturnCode": "success"}


def _check_protection(row: Image, now: float) -> None:
    state, until = row.options.get("DeregistrationProtection", "disabled"), row.options.get("ProtectedUntil", 0.0)
    if state != "disabled":
        raise errors.OperationNotPermitted(
            f"The AMI '{row.id}' can't be deregistered: its deregistration protection is enabled. Disable it and try "
            "again."
        )
    if until > now:
        raise errors.OperationNotPermitted(
            f"The AMI '{row.id}' can't be deregistered before {image_describing.moment(until)}: the cooldown of its "
            "deregistration protection isn't over."
        )


def _ensure_builtin(call: Call) -> None:
    plane = planes.of(call.cloud)
    with call.read() as tx:
        lacking = image_builtin.lacks_rows(tx, plane, call.region)
    if lacking:
        with call.write() as writer:
            image_builtin.ensure_rows(writer, plane, call.region)


def _listed(call: Call, request: Mapping[str, Any], scope: Scope, row: Image) -> bool:
    """Whether the request's owners, users and switches let an image through."""
    if row.state == "disabled" and not request.get("IncludeDisabled"):
        return False
    found = scope.account == call.account or request.get("ImageIds") or request.get("IncludeDeprecated")
    if not found and image_describing.is_deprecated(row, call.now()):
        return False
    owners = {call.account if one == "self" else one for one in request.get("Owners") or ()}
    if owners and not owners & {scope.account, image_describing.owner_of(scope)}:
        return False
    users = {call.account if one == "self" else one for one in request.get("ExecutableUsers") or ()}
    return not users or bool(users & set(row.shared))
