"""Attributes of instances, one a time: DescribeInstanceAttribute, ModifyInstanceAttribute, ResetInstanceAttribute."""

from __future__ import annotations

import base64
import binascii
import inspect
from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.instances import describing, requesting
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes.state import VOLUME
from haneul.state.store import Writer

ARN = "arn:aws:ec2:{region}:{account}:instance/{InstanceId}"
Request = Mapping[str, Any]
_FLAGS = {
    "DisableApiTermination": "DisableApiTermination",
    "DisableApiStop": "DisableApiStop",
    "EbsOptimized": "EbsOptimized",
}
"""Member of a request -> option of the row."""
_CHANGING = (
    "SourceDestCheck", "DisableApiStop", "DisableApiTermination", "InstanceType", "Kernel", "Ramdisk", "UserData",
    "InstanceInitiatedShutdownBehavior", "Groups", "EbsOptimized", "SriovNetSupport", "EnaSupport",
    "BlockDeviceMappings", "EnclaveOptions",
)  # fmt: skip


@operation(ARN, conditions=lambda call, request: {"ec2:Attribute": str(request["Attribute"])})
def describe_instance_attribute(call: Call, request: Request) -> dict[str, Any]:
    """DescribeInstanceAttribute: the one asked for."""
    with call.read() as tx:
        row = INSTANCE.get(tx, call.scope, request["InstanceId"])
        shown = describing.describe(describing.Links(tx, call.scope), row)
    name = request["Attribute"]
    found = _shown(row, shown).get(name)
    if found is None:
        raise invalid(f"Value ({name}) for parameter attribute is invalid. Unknown attribute.")
    return {"InstanceId": row.id, **found}


def _shown(row: Instance, shown: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    options = row.options
    return {
        "instanceType": {"InstanceType": {"Value": row.type}},
        "kernel": {"KernelId": {}},
        "ramdisk": {"RamdiskId": {}},
        "userData": {"UserData": {"Value": row.user_data} if row.user_data else {}},
        "disableApiTermination": {"DisableApiTermination": {"Value": bool(options.get("DisableApiTermination"))}},
        "disableApiStop": {"DisableApiStop": {"Value": bool(options.get("DisableApiStop"))}},
        "instanceInitiatedShutdownBehavior": {
            "InstanceInitiatedShutdownBehavior": {"Value": options.get("ShutdownBehavior", "stop")}
        },
        "rootDeviceName": {"RootDeviceName": {"Value": row.root_device}},
        "blockDeviceMapping": {"BlockDeviceMappings": shown["BlockDeviceMappings"]},
        "productCodes": {"ProductCodes": []},
        "sourceDestCheck": {"SourceDestCheck": {"Value": bool(shown.get("SourceDestCheck", True))}},
        "groupSet": {"Groups": [{"GroupId": group["GroupId"]} for group in shown["SecurityGroups"]]},
        "ebsOptimized": {"EbsOptimized": {"Value": bool(options.get("EbsOptimized"))}},
        "sriovNetSupport": {"SriovNetSupport": {}},
        "enaSupport": {"EnaSupport": {"Value": True}},
        "enclaveOptions": {"EnclaveOptions": {"Enabled": False}},
    }


@operation(ARN)
async def modify_instance_attribute(call: Call, request: Request) -> dict[str, Any]:
    """ModifyInstanceAttribute: one a call; the type and user data only while it is stopped (IncorrectInstanceState)."""
    asked = _named(request)
    given = [name for name in _CHANGING if asked.get(name) is not None]
    if not given:
        raise errors.MissingParameter("The request must contain an attribute to modify")
    if len(given) > 1:
        raise mixed("Fields for multiple attribute types specified: " + ", ".join(given))
    if given[0] in ("Groups", "SourceDestCheck"):
        return await _on_interface(call, asked, given[0])

    def modify(tx: Writer) -> None:
        row = INSTANCE.get(tx, call.scope, request["InstanceId"])
        _CHANGES[given[0]](call, tx, row, asked[given[0]])
        INSTANCE.table.put(tx, call.scope, row)

    await call.transact(modify)
    return {}


def _named(request: Request) -> dict[str, Any]:
    """The request with its older way to say things (Attribute and Value) put into the newer one."""
    asked = dict(request)
    name, value = request.get("Attribute"), request.get("Value")
    if not name or value is None:
        return asked
    member = str(name)[:1].upper() + str(name)[1:]
    if member not in _CHANGING:
        raise invalid(f"Value ({name}) for parameter attribute is invalid. Unknown attribute.")
    if member in (*_FLAGS, "SourceDestCheck", "EnaSupport"):
        asked[member] = {"Value": value.lower() == "true"}
    elif member == "UserData":
        try:
            asked[member] = {"Value": base64.b64decode(value, validate=True)}
        except (binascii.Error, ValueError):
            raise coded("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
    else:
        asked[member] = {"Value": value}
    return asked


async def _on_interface(call: Call, asked: Request, name: str) -> dict[str, Any]:
    """What belongs to the primary interface is changed there, where rules are tightened before the answer."""
    with call.read() as tx:
        row = INSTANCE.get(tx, call.scope, asked["InstanceId"])
        nics = describing.Links(tx, call.scope).interfaces(row.id)
    if not nics:
        raise errors.IncorrectInstanceState(f"The instance '{row.id}' has no network interface.")
    if len(nics) > 1:
        raise coded(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{row.id}'. "
            "Please specify an interface ID for the operation instead.",
        )
    inner = {"NetworkInterfaceId": nics[0].id, name: asked[name]}
    answer = call.invoke("ec2", "ModifyNetworkInterfaceAttribute", inner)
    if inspect.isawaitable(answer):
        await answer
    return {}


def _stopped(row: Instance) -> None:
    if row.state != "stopped":
        raise errors.IncorrectInstanceState(f"The instance '{row.id}' is not in the 'stopped' state.")


def _change_type(call: Call, tx: Writer, row: Instance, asked: Request) -> None:
    from haneul.services.ec2.instances import types

    spec = types.spec(asked["Value"])
    _stopped(row)
    if row.options.get("Architecture", "x86_64") not in spec.architectures:
        raise invalid(
            f"The architecture '{spec.architectures[0]}' of the specified instance type does not match the "
            f"architecture '{row.options.get('Architecture', 'x86_64')}' of the instance."
        )
    row.type = spec.name
    row.options = {
        **row.options,
        "vcpus": spec.vcpus,
        "memory": spec.memory,
        "CpuOptions": requesting.cpu_options(None, spec),
        "Credits": requesting.credits_of(None, spec.name),
    }


def _change_user_data(call: Call, tx: Writer, row: Instance, asked: Request) -> None:
    _stopped(row)
    raw: bytes = asked.get("Value") or b""
    if len(raw) > requesting.USER_DATA:
        raise invalid(f"User data is limited to {requesting.USER_DATA} bytes")
    row.user_data = base64.b64encode(raw).decode()


def _change_behavior(call: Call, tx: Writer, row: Instance, asked: Request) -> None:
    value = asked.get("Value")
    if value not in ("stop", "terminate"):
        raise invalid(f"Value ({value}) for parameter instanceInitiatedShutdownBehavior is invalid.")
    row.options = {**row.options, "ShutdownBehavior": value}


def _flag(name: str) -> Any:
    def change(call: Call, tx: Writer, row: Instance, asked: Request) -> None:
        if name == "EbsOptimized":
            _stopped(row)
        row.options = {**row.options, _FLAGS[name]: bool(asked.get("Value"))}

    return change


def _change_mappings(call: Call, tx: Writer, row: Instance, asked: Any) -> None:
    """Whether volumes go when the instance is terminated."""
    held = dict(describing.Links(tx, call.scope).volumes(row.id))
    for one in asked:
        volume = held.get(one.get("DeviceName") or "")
        if volume is None:
            raise coded(
                "InvalidInstanceAttributeValue", f"No device is currently mapped at {one.get('DeviceName') or ''}"
            )
        delete = (one.get("Ebs") or {}).get("DeleteOnTermination")
        if delete is not None:
            volume.attachments[row.id]["delete"] = bool(delete)
            VOLUME.table.put(tx, call.scope, volume)


def _refused(call: Call, tx: Writer, row: Instance, asked: Any) -> None:
    raise errors.UnsupportedOperation("The machines here have no such attribute to change.")


def _allowed_ena(call: Call, tx: Writer, row: Instance, asked: Request) -> None:
    _stopped(row)
    if not asked.get("Value"):
        raise errors.UnsupportedOperation("Every instance here has enhanced networking.")


_CHANGES: dict[str, Any] = {
    "InstanceType": _change_type,
    "UserData": _change_user_data,
    "InstanceInitiatedShutdownBehavior": _change_behavior,
    "BlockDeviceMappings": _change_mappings,
    "EnaSupport": _allowed_ena,
    "Kernel": _refused,
    "Ramdisk": _refused,
    "SriovNetSupport": _refused,
    "EnclaveOptions": _refused,
    **{name: _flag(name) for name in _FLAGS},
}


@operation(ARN)
async def reset_instance_attribute(call: Call, request: Request) -> dict[str, Any]:
    """ResetInstanceAttribute: sourceDestCheck goes back to true; kernel and ramdisk were never set."""
    name = request["Attribute"]
    with call.read() as tx:
        row = INSTANCE.get(tx, call.scope, request["InstanceId"])
    if name == "sourceDestCheck":
        return await _on_interface(call, {"InstanceId": row.id, "SourceDestCheck": {"Value": True}}, "SourceDestCheck")
    if name not in ("kernel", "ramdisk"):
        raise invalid(f"Value ({name}) for parameter attribute is invalid. The attribute can't be reset.")
    _stopped(row)
    return {}
