"""Who may make volumes of a snapshot: its createVolumePermission, and the account's block of public sharing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes.state import SNAPSHOT
from haneul.services.ec2.vpc.state import ACCOUNTS, Account
from haneul.state.store import Reader

ARN = "arn:aws:ec2:{region}::snapshot/{SnapshotId}"
_BLOCK = "snapshot-block-public-access"


@operation(ARN)
def describe_snapshot_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSnapshotAttribute: createVolumePermission, productCodes."""
    with call.read() as tx:
        row = SNAPSHOT.get(tx, call.scope, request["SnapshotId"])
    if request["Attribute"] == "productCodes":
        return {"SnapshotId": row.id, "ProductCodes": []}
    if request["Attribute"] != "createVolumePermission":
        raise invalid(f"Value ({request['Attribute']}) for parameter attribute is invalid. Unknown attribute.")
    allowed = [{"Group": "all"} if one == "all" else {"UserId": one} for one in row.shared]
    return {"SnapshotId": row.id, "CreateVolumePermissions": allowed}


@operation(ARN)
def modify_snapshot_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifySnapshotAttribute: add or remove accounts and the group "all". Raises InvalidParameterValue for encrypted
    snapshots made public, OperationNotPermitted where public sharing is blocked."""
    if request.get("Attribute") not in (None, "", "createVolumePermission"):
        raise invalid(f"Value ({request['Attribute']}) for parameter attribute is invalid. Unknown attribute.")
    added, removed = _changes(request)
    for one in added | removed:
        if one != "all" and not (one.isdigit() and len(one) == 12):
            kind = "userId" if one in _accounts(request) else "userGroup"
            raise coded("InvalidAMIAttributeItemValue", f'Invalid attribute item value "{one}" for {kind} item type.')
    with call.write() as tx:
        row = SNAPSHOT.get(tx, call.scope, request["SnapshotId"])
        if "all" in added and row.encrypted:
            raise invalid("Encrypted snapshots cannot be shared publicly")
        if "all" in added and _blocked(tx, call) != "unblocked":
            raise errors.OperationNotPermitted(
                "You can't publicly share snapshots in this Region because block public access for snapshots is "
                "enabled."
            )
        row.shared = sorted((set(row.shared) | added) - removed)
        SNAPSHOT.table.put(tx, call.scope, row)
    return {}


@operation(ARN)
def reset_snapshot_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ResetSnapshotAttribute: createVolumePermission, back to nobody else."""
    if request["Attribute"] != "createVolumePermission":
        raise invalid(f"Value ({request['Attribute']}) for parameter attribute is invalid. Unknown attribute.")
    with call.write() as tx:
        row = SNAPSHOT.get(tx, call.scope, request["SnapshotId"])
        row.shared = []
        SNAPSHOT.table.put(tx, call.scope, row)
    return {}


@operation()
def enable_snapshot_block_public_access(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """EnableSnapshotBlockPublicAccess: no new public snapshots, or none at all."""
    if request["State"] not in ("block-all-sharing", "block-new-sharing"):
        raise invalid(f"Value ({request['State']}) for parameter State is invalid.")
    return {"State": _set_block(call, request["State"])}


@operation()
def disable_snapshot_block_public_access(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DisableSnapshotBlockPublicAccess."""
    return {"State": _set_block(call, "unblocked")}


@operation()
def get_snapshot_block_public_access_state(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetSnapshotBlockPublicAccessState."""
    with call.read() as tx:
        return {"State": _blocked(tx, call), "ManagedBy": "account"}


def _changes(request: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    named = {*(request.get("UserIds") or ()), *(request.get("GroupNames") or ())}
    given = request.get("CreateVolumePermission") or {}
    added, removed = _names(given.get("Add")), _names(given.get("Remove"))
    if named:
        kind = request.get("OperationType")
        if kind not in ("add", "remove"):
            raise errors.MissingParameter("The request must contain the parameter OperationType")
        (added if kind == "add" else removed).update(named)
    return added, removed


def _accounts(request: Mapping[str, Any]) -> set[str]:
    given = request.get("CreateVolumePermission") or {}
    pairs = [*(given.get("Add") or ()), *(given.get("Remove") or ())]
    return {*(request.get("UserIds") or ()), *(one.get("UserId") for one in pairs)} - {None}


def _names(permissions: Any) -> set[str]:
    return {one.get("UserId") or one.get("Group") for one in permissions or ()} - {None}


def _blocked(tx: Reader, call: Call) -> str:
    row = ACCOUNTS.get(tx, call.scope, "account") or Account()
    return str(row.settings.get(_BLOCK, "unblocked"))


def _set_block(call: Call, state: str) -> str:
    with call.write() as tx:
        row = ACCOUNTS.get(tx, call.scope, "account") or Account()
        row.settings = {**row.settings, _BLOCK: state}
        ACCOUNTS.put(tx, call.scope, row)
        if state == "block-all-sharing":
            for snapshot in list(SNAPSHOT.table.scan(tx, call.scope)):
                if "all" in snapshot.shared:
                    snapshot.shared = [one for one in snapshot.shared if one != "all"]
                    SNAPSHOT.table.put(tx, call.scope, snapshot)
    return state
