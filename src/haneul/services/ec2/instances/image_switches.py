"""Switches of an image: disabled or not, deprecated from when on, protected from being deregistered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.instances import image_describing, image_notices, images
from haneul.services.ec2.instances.state import IMAGE, Image
from haneul.services.ec2.operations import operation
from haneul.state.store import Writer

ARN = "arn:aws:ec2:{region}::image/{ImageId}"
COOLDOWN = 24 * 3600.0
_LONGEST = 10 * 366 * 86400.0
Request = Mapping[str, Any]


@operation(ARN)
def disable_image(call: Call, request: Request) -> dict[str, Any]:
    """DisableImage: nobody launches it, nobody else has it any more."""
    with call.write() as tx:
        row = images.owned(tx, call, request["ImageId"])
        if row.state not in ("available", "disabled"):
            raise errors.IncorrectState(f"The AMI '{row.id}' is in the '{row.state}' state.")
        row.shared = []
        _turn(tx, call, row, "disabled")
    return {"Return": True}


@operation(ARN)
def enable_image(call: Call, request: Request) -> dict[str, Any]:
    """EnableImage: a disabled image can be launched again."""
    with call.write() as tx:
        row = images.owned(tx, call, request["ImageId"])
        if row.state not in ("available", "disabled"):
            raise errors.IncorrectState(f"The AMI '{row.id}' is in the '{row.state}' state.")
        _turn(tx, call, row, "available")
    return {"Return": True}


@operation(ARN)
def enable_image_deprecation(call: Call, request: Request) -> dict[str, Any]:
    """EnableImageDeprecation: to the minute; from then on others don't find it without IncludeDeprecated."""
    at = round(float(request["DeprecateAt"]) / 60) * 60.0
    if at < call.now() - 60:
        raise invalid("The deprecation time can't be in the past.")
    with call.write() as tx:
        row = images.owned(tx, call, request["ImageId"])
        if at > call.now() + (2 * 366 * 86400.0 if "all" in row.shared else _LONGEST):
            raise invalid("The deprecation time is too far in the future: 10 years at most, 2 for public AMIs.")
        row.options = {**row.options, "DeprecatedAt": at, "DeprecationTime": image_describing.moment(at)}
        IMAGE.table.put(tx, call.scope, row)
    return {"Return": True}


@operation(ARN)
def disable_image_deprecation(call: Call, request: Request) -> dict[str, Any]:
    """DisableImageDeprecation."""
    with call.write() as tx:
        row = images.owned(tx, call, request["ImageId"])
        names = ("DeprecatedAt", "DeprecationTime")
        row.options = {name: value for name, value in row.options.items() if name not in names}
        IMAGE.table.put(tx, call.scope, row)
    return {"Return": True}


@operation(ARN)
def enable_image_deregistration_protection(call: Call, request: Request) -> dict[str, Any]:
    """EnableImageDeregistrationProtection."""
    state = "enabled-with-cooldown" if request.get("WithCooldown") else "enabled-without-cooldown"
    with call.write() as tx:
        row = images.owned(tx, call, request["ImageId"])
        row.options = {**row.options, "DeregistrationProtection": state}
        IMAGE.table.put(tx, call.scope, row)
    return {"Return": state}


@operation(ARN)
def disable_image_deregistration_protection(call: Call, request: Request) -> dict[str, Any]:
    """DisableImageDeregistrationProtection: at once, or a day later when it was enabled with a cooldown."""
    with call.write() as tx:
        row = images.owned(tx, call, request["ImageId"])
        if row.options.get("DeregistrationProtection") == "enabled-with-cooldown":
            row.options = {**row.options, "ProtectedUntil": call.now() + COOLDOWN}
        row.options = {**row.options, "DeregistrationProtection": "disabled"}
        IMAGE.table.put(tx, call.scope, row)
    return {"Return": "disabled"}


@operation()
def list_images_in_recycle_bin(call: Call, request: Request) -> dict[str, Any]:
    """ListImagesInRecycleBin: always empty. An image enters it by a rule of Recycle Bin's, and there are none here."""
    if request.get("ImageIds"):
        IMAGE.check(request["ImageIds"])
        raise images.missing(request["ImageIds"])
    return {"Images": []}


@operation(ARN)
def restore_image_from_recycle_bin(call: Call, request: Request) -> dict[str, Any]:
    """RestoreImageFromRecycleBin: nothing is in it. Raises InvalidAMIID.NotFound."""
    IMAGE.check([request["ImageId"]])
    raise images.missing([request["ImageId"]])


def _turn(tx: Writer, call: Call, row: Image, state: str) -> None:
    changed = row.state != state
    row.state = state
    IMAGE.table.put(tx, call.scope, row)
    if changed:
        image_notices.tell(tx, call.scope, row, call.now())
