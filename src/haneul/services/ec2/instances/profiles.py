"""Instance profiles at instances: Associate, Describe, Replace, Disassociate. An instance has one or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.ec2 import listing
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import errors
from haneul.services.ec2.instances.attributes import ARN
from haneul.services.ec2.instances.launching import Profile, profile_of
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader, Writer

Request = Mapping[str, Any]
_FILTERS = {"instance-id": "InstanceId", "state": "State"}


def _arn(call: Call, request: Request) -> str:
    with call.read() as tx:
        row = _holder(tx, call.scope, request["AssociationId"])
    return INSTANCE.arn(call.scope, "*" if row is None else row.id)


@operation(ARN)
def associate_iam_instance_profile(call: Call, request: Request) -> dict[str, Any]:
    """AssociateIamInstanceProfile. Raises IncorrectState when it has one already."""
    profile = profile_of(call, request["IamInstanceProfile"])
    with call.write() as tx:
        row = INSTANCE.get(tx, call.scope, request["InstanceId"])
        if row.state in ("shutting-down", "terminated"):
            raise errors.IncorrectInstanceState(f"The instance '{row.id}' is not in the 'running' or 'stopped' state.")
        if row.profile:
            raise errors.IncorrectState(f"There is an existing association for instance {row.id}")
        return {"IamInstanceProfileAssociation": {**_set(call, tx, row, profile), "State": "associating"}}


@operation()
def describe_iam_instance_profile_associations(call: Call, request: Request) -> dict[str, Any]:
    """DescribeIamInstanceProfileAssociations."""
    named = request.get("AssociationIds") or ()
    with call.read() as tx:
        shown = [describe(row) for row in _associated(tx, call.scope)]
    known = {one["AssociationId"] for one in shown}
    for one in named:
        if one not in known:
            raise _missing(one)
    items = [(one["AssociationId"], one) for one in shown if not named or one["AssociationId"] in named]
    return listing.paged(request, "IamInstanceProfileAssociations", items, _FILTERS)


@operation(_arn)
def replace_iam_instance_profile_association(call: Call, request: Request) -> dict[str, Any]:
    """ReplaceIamInstanceProfileAssociation: the association gets a new id. Raises NoSuchAssociation."""
    profile = profile_of(call, request["IamInstanceProfile"])
    with call.write() as tx:
        row = _get(tx, call.scope, request["AssociationId"])
        return {"IamInstanceProfileAssociation": {**_set(call, tx, row, profile), "State": "associating"}}


@operation(_arn)
def disassociate_iam_instance_profile(call: Call, request: Request) -> dict[str, Any]:
    """DisassociateIamInstanceProfile. Raises NoSuchAssociation."""
    with call.write() as tx:
        row = _get(tx, call.scope, request["AssociationId"])
        shown = {**describe(row), "State": "disassociating"}
        row.profile = ""
        row.options = {name: value for name, value in row.options.items() if not name.startswith("Profile")}
        INSTANCE.table.put(tx, call.scope, row)
    planes.of(call.cloud).metadata.forget(row.id)
    return {"IamInstanceProfileAssociation": shown}


def describe(row: Instance) -> dict[str, Any]:
    """An IamInstanceProfileAssociation."""
    return {
        "AssociationId": row.options["ProfileAssociation"],
        "InstanceId": row.id,
        "IamInstanceProfile": {"Arn": row.profile, "Id": row.options.get("ProfileId", "")},
        "State": "associated",
        "Timestamp": row.options.get("ProfileSince", row.created),
    }


def _set(call: Call, tx: Writer, row: Instance, profile: Profile) -> dict[str, Any]:
    row.profile = profile.arn
    row.options = {
        **row.options,
        "ProfileId": profile.id,
        "ProfileAssociation": tokens.resource_id("iip-assoc"),
        "ProfileSince": call.now(),
    }
    INSTANCE.table.put(tx, call.scope, row)
    planes.of(call.cloud).metadata.forget(row.id)
    return describe(row)


def _associated(tx: Reader, scope: Scope) -> Iterator[Instance]:
    return (
        row
        for row in INSTANCE.table.scan(tx, scope)
        if row.profile and row.options.get("ProfileAssociation") and row.state != "terminated"
    )


def _holder(tx: Reader, scope: Scope, association: str) -> Instance | None:
    return next((row for row in _associated(tx, scope) if row.options["ProfileAssociation"] == association), None)


def _get(tx: Reader, scope: Scope, association: str) -> Instance:
    row = _holder(tx, scope, association)
    if row is None:
        raise _missing(association)
    return row


def _missing(association: str) -> Exception:
    return errors.NoSuchAssociation(f"An invalid association-id of '{association}' was given")
