"""Settings of an account in a region: the serial console, public images, CPU credits of new instances, and the tags
that notices of scheduled events hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2.errors import invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.state import ACCOUNTS, Account
from haneul.state.store import Reader

SERIAL = "serial-console"
IMAGES = "image-public-access"
CREDITS = "cpu-credits"
NOTICES = "event-notification-tags"
UNBLOCKED, BLOCKED = "unblocked", "block-new-sharing"
_UNLIMITED = ("t3", "t3a", "t4g", "t8i", "t9g")
"""Families whose CPU credits AWS leaves unlimited."""

Request = Mapping[str, Any]


def of(tx: Reader, scope: Scope, name: str) -> Any:
    """A setting; None when it was never made."""
    row = ACCOUNTS.get(tx, scope, "account")
    return None if row is None else row.settings.get(name)


def keep(call: Call, name: str, value: Any) -> None:
    with call.write() as tx:
        row = ACCOUNTS.get(tx, call.scope, "account") or Account()
        row.settings = {**row.settings, name: value}
        ACCOUNTS.put(tx, call.scope, row)


@operation()
def enable_serial_console_access(call: Call, request: Request) -> dict[str, Any]:
    """EnableSerialConsoleAccess."""
    keep(call, SERIAL, True)
    return {"SerialConsoleAccessEnabled": True}


@operation()
def disable_serial_console_access(call: Call, request: Request) -> dict[str, Any]:
    """DisableSerialConsoleAccess: no further console is opened."""
    keep(call, SERIAL, False)
    return {"SerialConsoleAccessEnabled": False}


@operation()
def get_serial_console_access_status(call: Call, request: Request) -> dict[str, Any]:
    """GetSerialConsoleAccessStatus: disabled until somebody enables it."""
    with call.read() as tx:
        return {"SerialConsoleAccessEnabled": bool(of(tx, call.scope, SERIAL)), "ManagedBy": "account"}


@operation()
def enable_image_block_public_access(call: Call, request: Request) -> dict[str, Any]:
    """EnableImageBlockPublicAccess: no image becomes public any more; those that are stay so."""
    if request["ImageBlockPublicAccessState"] != BLOCKED:
        raise invalid(f"Invalid value '{request['ImageBlockPublicAccessState']}' for ImageBlockPublicAccessState.")
    keep(call, IMAGES, BLOCKED)
    return {"ImageBlockPublicAccessState": BLOCKED}


@operation()
def disable_image_block_public_access(call: Call, request: Request) -> dict[str, Any]:
    """DisableImageBlockPublicAccess."""
    keep(call, IMAGES, UNBLOCKED)
    return {"ImageBlockPublicAccessState": UNBLOCKED}


@operation()
def get_image_block_public_access_state(call: Call, request: Request) -> dict[str, Any]:
    """GetImageBlockPublicAccessState."""
    with call.read() as tx:
        return {"ImageBlockPublicAccessState": of(tx, call.scope, IMAGES) or UNBLOCKED, "ManagedBy": "account"}


@operation()
def get_default_credit_specification(call: Call, request: Request) -> dict[str, Any]:
    """GetDefaultCreditSpecification of a family."""
    family = request["InstanceFamily"]
    with call.read() as tx:
        return _credits(family, credits_of(tx, call.scope, family))


@operation()
def modify_default_credit_specification(call: Call, request: Request) -> dict[str, Any]:
    """ModifyDefaultCreditSpecification: for instances launched from now on."""
    family, credits = request["InstanceFamily"], request["CpuCredits"]
    if credits not in ("standard", "unlimited"):
        raise invalid(f"Invalid value '{credits}' for CpuCredits. Valid values are 'standard' and 'unlimited'.")
    with call.read() as tx:
        others = of(tx, call.scope, CREDITS) or {}
    keep(call, CREDITS, {**others, family: credits})
    return _credits(family, credits)


def credits_of(tx: Reader, scope: Scope, family: str) -> str:
    """What a new instance of a burstable family gets that asks for nothing: standard or unlimited."""
    chosen = of(tx, scope, CREDITS) or {}
    return str(chosen.get(family) or ("unlimited" if family in _UNLIMITED else "standard"))


def _credits(family: str, credits: str) -> dict[str, Any]:
    return {"InstanceFamilyCreditSpecification": {"InstanceFamily": family, "CpuCredits": credits}}


@operation()
def describe_instance_event_notification_attributes(call: Call, request: Request) -> dict[str, Any]:
    """DescribeInstanceEventNotificationAttributes."""
    with call.read() as tx:
        return _notices(of(tx, call.scope, NOTICES) or {})


@operation()
def register_instance_event_notification_attributes(call: Call, request: Request) -> dict[str, Any]:
    """RegisterInstanceEventNotificationAttributes: tag keys, or all of them."""
    return _change_notices(call, request, add=True)


@operation()
def deregister_instance_event_notification_attributes(call: Call, request: Request) -> dict[str, Any]:
    """DeregisterInstanceEventNotificationAttributes."""
    return _change_notices(call, request, add=False)


def _change_notices(call: Call, request: Request, *, add: bool) -> dict[str, Any]:
    asked = request["InstanceTagAttribute"]
    every, keys = asked.get("IncludeAllTagsOfInstance"), asked.get("InstanceTagKeys") or []
    if every is None and not keys:
        raise invalid("You must specify either IncludeAllTagsOfInstance or InstanceTagKeys.")
    if every is not None and keys:
        raise invalid("You can't specify both IncludeAllTagsOfInstance and InstanceTagKeys.")
    with call.read() as tx:
        now = dict(of(tx, call.scope, NOTICES) or {})
    if every is not None:
        now["all"] = bool(every) if add else False
    kept = [key for key in now.get("keys", []) if add or key not in keys]
    now["keys"] = list(dict.fromkeys([*kept, *(keys if add else [])]))
    keep(call, NOTICES, now)
    return _notices(now)


def _notices(now: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"InstanceTagKeys": now.get("keys", []), "IncludeAllTagsOfInstance": bool(now.get("all"))}
    return {"InstanceTagAttribute": shown}
