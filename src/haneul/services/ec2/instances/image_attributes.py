"""Attributes of images, one a call, and who may launch them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2.account import settings
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.instances import image_names, images
from haneul.services.ec2.instances.state import IMAGE, Image
from haneul.services.ec2.operations import operation
from haneul.wire.errors import AwsError

ARN = "arn:aws:ec2:{region}::image/{ImageId}"
Request = Mapping[str, Any]
_ARN_PARTS = {"OrganizationArn": ":organization/", "OrganizationalUnitArn": ":ou/"}
_VALUES = {"kernel": "KernelId", "ramdisk": "RamdiskId", "sriovNetSupport": "SriovNetSupport", "bootMode": "BootMode",
           "tpmSupport": "TpmSupport", "uefiData": "UefiData", "lastLaunchedTime": "LastLaunchedTime",
           "imdsSupport": "ImdsSupport"}  # fmt: skip
"""Attribute -> member of the answer, and option of the row."""


@operation(ARN, conditions=lambda call, request: {"ec2:Attribute": str(request["Attribute"])})
def describe_image_attribute(call: Call, request: Request) -> dict[str, Any]:
    """DescribeImageAttribute: the owner alone may. Raises AuthFailure for blockDeviceMapping, as AWS does."""
    name = request["Attribute"]
    with call.read() as tx:
        row = images.owned(tx, call, request["ImageId"])
    if name == "blockDeviceMapping":
        raise errors.AuthFailure("Unauthorized attempt to access restricted resource")
    if name in _VALUES:
        value = row.options.get(_VALUES[name])
        return {"ImageId": row.id, _VALUES[name]: {"Value": value} if value else {}}
    shown: dict[str, Callable[[], dict[str, Any]]] = {
        "description": lambda: {"Description": {"Value": row.description} if row.description else {}},
        "launchPermission": lambda: {"LaunchPermissions": [_permission(one) for one in row.shared]},
        "productCodes": lambda: {"ProductCodes": []},
        "deregistrationProtection": lambda: {
            "DeregistrationProtection": {"Value": row.options.get("DeregistrationProtection", "disabled")}
        },
    }
    if name not in shown:
        raise invalid(f"Value ({name}) for parameter attribute is invalid. Unknown attribute.")
    return {"ImageId": row.id, **shown[name]()}


@operation(ARN)
def modify_image_attribute(call: Call, request: Request) -> dict[str, Any]:
    """ModifyImageAttribute: description, imdsSupport or launchPermission. Raises InvalidAMIAttributeItemValue,
    OperationNotPermitted where public images are blocked."""
    with call.write() as tx:
        row = images.owned(tx, call, request["ImageId"])
        chosen = _chosen(request)
        if chosen == "description":
            text = (request.get("Description") or {}).get("Value", request.get("Value")) or ""
            image_names.check_description(text)
            row.description = text
        elif chosen == "imdsSupport":
            value = (request.get("ImdsSupport") or {}).get("Value", request.get("Value"))
            if value != "v2.0":
                raise invalid(f"Value ({value}) for parameter imdsSupport is invalid. The only value is v2.0.")
            row.options = {**row.options, "ImdsSupport": value}
        else:
            _share(call, row, *_changes(request))
        IMAGE.table.put(tx, call.scope, row)
    return {}


@operation(ARN)
def reset_image_attribute(call: Call, request: Request) -> dict[str, Any]:
    """ResetImageAttribute: launchPermission, back to nobody else."""
    if request["Attribute"] != "launchPermission":
        raise invalid(f"Value ({request['Attribute']}) for parameter attribute is invalid. Unknown attribute.")
    with call.write() as tx:
        row = images.owned(tx, call, request["ImageId"])
        row.shared = []
        IMAGE.table.put(tx, call.scope, row)
    return {}


@operation(ARN)
def cancel_image_launch_permission(call: Call, request: Request) -> dict[str, Any]:
    """CancelImageLaunchPermission: the caller's account isn't to launch somebody's image any more."""
    with call.write() as tx:
        scope, row = images.find(tx, call, request["ImageId"])
        if scope.account == call.account or call.account not in row.shared:
            raise errors.InvalidRequest(f"The AMI '{row.id}' is not shared with your account.")
        row.shared = [one for one in row.shared if one != call.account]
        IMAGE.table.put(tx, scope, row)
    return {"Return": True}


def _chosen(request: Request) -> str:
    """Which attribute a request is about."""
    sharing = any(
        request.get(name)
        for name in ("LaunchPermission", "UserIds", "UserGroups", "OrganizationArns", "OrganizationalUnitArns")
    )
    given = [
        name
        for name, there in (
            ("description", request.get("Description") is not None),
            ("imdsSupport", request.get("ImdsSupport") is not None),
            ("launchPermission", sharing),
        )
        if there
    ]
    if len(given) > 1:
        raise mixed("Fields for multiple attribute types specified: " + ", ".join(given))
    named = request.get("Attribute")
    if named in ("productCodes", "ProductCodes") or request.get("ProductCodes"):
        raise errors.UnsupportedOperation("Product codes can't be added to an AMI.")
    if named and named not in ("description", "imdsSupport", "launchPermission"):
        raise invalid(f"Value ({named}) for parameter attribute is invalid. Unknown attribute.")
    if given:
        return given[0]
    if named and (request.get("Value") is not None or named == "description"):
        return str(named)
    raise errors.InvalidParameterCombination("No attributes specified.")


def _changes(request: Request) -> tuple[list[str], list[str]]:
    """Whom to add and whom to remove: account ids, "all", ARNs. Raises InvalidAMIAttributeItemValue and more."""
    listed = [
        *({"UserId": one} for one in request.get("UserIds") or ()),
        *({"Group": one} for one in request.get("UserGroups") or ()),
        *({"OrganizationArn": one} for one in request.get("OrganizationArns") or ()),
        *({"OrganizationalUnitArn": one} for one in request.get("OrganizationalUnitArns") or ()),
    ]
    given = request.get("LaunchPermission") or {}
    added, removed = list(given.get("Add") or ()), list(given.get("Remove") or ())
    if listed:
        kind = request.get("OperationType")
        if kind not in ("add", "remove"):
            raise invalid(f"Value ({kind}) for parameter operationType is invalid. Valid values are add and remove.")
        (added if kind == "add" else removed).extend(listed)
    return [_target(one) for one in added], [_target(one) for one in removed]


def _target(permission: Request) -> str:
    user, group = permission.get("UserId"), permission.get("Group")
    if user is not None:
        if not (len(user) == 12 and user.isascii() and user.isdigit()):
            raise _wrong("userId", user)
        return str(user)
    if group is not None:
        if group != "all":
            raise _wrong("UserGroup", group)
        return str(group)
    for name, part in _ARN_PARTS.items():
        value = permission.get(name)
        if value is not None:
            if not value.startswith("arn:aws:organizations::") or part not in value:
                raise _wrong(name, value)
            return str(value)
    raise errors.MissingParameter("The request must contain an account, a group or an ARN.")


def _share(call: Call, row: Image, added: list[str], removed: list[str]) -> None:
    if row.state == "disabled":
        raise errors.OperationNotPermitted(f"The AMI '{row.id}' is disabled and can't be shared.")
    if "all" in added and "all" not in row.shared:
        _check_public(call, row)
    kept = [one for one in row.shared if one not in removed]
    row.shared = kept + [one for one in dict.fromkeys(added) if one not in kept and one not in removed]


def _check_public(call: Call, row: Image) -> None:
    with call.read() as tx:
        if settings.of(tx, call.scope, settings.IMAGES) == settings.BLOCKED:
            raise errors.OperationNotPermitted(
                "You can't publicly share this image because block public access for AMIs is enabled for this account."
            )
    if any((one.get("Ebs") or {}).get("Encrypted") for one in row.mappings):
        raise invalid("Images with encrypted snapshots can't be made public.")


def _permission(one: str) -> dict[str, str]:
    if one == "all":
        return {"Group": "all"}
    if not one.startswith("arn:"):
        return {"UserId": one}
    return {"OrganizationalUnitArn" if ":ou/" in one else "OrganizationArn": one}


def _wrong(kind: str, value: str) -> AwsError:
    return coded("InvalidAMIAttributeItemValue", f'Invalid attribute item value "{value}" for {kind} item type.')
