"""Images (AMIs): which of them an account may see and launch, and their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from haneul.service import Call, Scope
from haneul.services.ec2 import listing
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import coded
from haneul.services.ec2.instances import image_builtin, image_describing
from haneul.services.ec2.instances.state import IMAGE, Image
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

Owned = tuple[Scope, Image]


@operation()
def describe_images(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeImages: one's own, those shared with one, everybody's and those that come with the cloud."""
    named = list(dict.fromkeys(request.get("ImageIds") or ()))
    IMAGE.check(named)
    _ensure_builtin(call)
    with call.read() as tx:
        seen = [(scope, row) for scope, row in visible(tx, call) if not named or row.id in named]
    gone = [one for one in named if one not in {row.id for _, row in seen}]
    if gone:
        raise missing(gone)
    shown = [
        (row.id, image_describing.describe(scope, row)) for scope, row in seen if _listed(call, request, scope, row)
    ]
    return listing.paged(request, "Images", shown, image_describing.FILTERS)


def resolve(tx: Reader, call: Call, image: str) -> Image:
    """The image that an account may launch: its own, one shared with it, everybody's, or a built-in one.
    Raises InvalidAMIID.NotFound, InvalidAMIID.Malformed."""
    return find(tx, call, image)[1]


def find(tx: Reader, call: Call, image: str) -> Owned:
    """An image that the account may use, and whose it is."""
    IMAGE.check([image])
    own = IMAGE.find(tx, call.scope, image)
    if own is not None and own.state != "deregistered":
        return call.scope, own
    plane = planes.of(call.cloud)
    built_in = image_builtin.find(plane, image)
    if built_in is not None:
        if hasattr(tx, "put"):
            image_builtin.ensure_rows(cast(Writer, tx), plane, call.region)
        return Scope(image_builtin.OWNER, call.region), built_in
    for scope, row in visible(tx, call):
        if row.id == image:
            return scope, row
    raise missing([image])


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


def missing(identifiers: Sequence[str]) -> AwsError:
    one = len(identifiers) == 1
    said = (
        f"The image id '[{identifiers[0]}]' does not exist"
        if one
        else (f"The image ids '[{', '.join(identifiers)}]' do not exist")
    )
    return coded("InvalidAMIID.NotFound", said)


def _ensure_builtin(call: Call) -> None:
    plane = planes.of(call.cloud)
    with call.read() as tx:
        lacking = image_builtin.lacks_rows(tx, plane, call.region)
    if lacking:
        with call.write() as writer:
            image_builtin.ensure_rows(writer, plane, call.region)


def _listed(call: Call, request: Mapping[str, Any], scope: Scope, row: Image) -> bool:
    """Whether the request's owners, users and switches let an image through."""
    owners = {call.account if one == "self" else one for one in request.get("Owners") or ()}
    if owners and not owners & {scope.account, image_describing.owner_of(scope)}:
        return False
    users = {call.account if one == "self" else one for one in request.get("ExecutableUsers") or ()}
    return not users or bool(users & set(row.shared))
