"""Spot requests: RequestSpotInstances and what RunInstances asks for on the Spot market. Their step launches."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import errors, invalid, missing, mixed
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.fleets import notices, prices
from haneul.services.ec2.fleets.state import SPOT_REQUEST, SpotRequest
from haneul.services.ec2.instances import launching, requesting
from haneul.services.ec2.instances.state import Instance
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import zone_id
from haneul.services.ec2.vpc.state import GROUP
from haneul.state.store import Reader, Writer

Request = Mapping[str, Any]
KIND = "ec2.spot-request"
LASTS = 7 * 86400.0
"""Seconds for which a request without an end of its own is valid."""
COUNT = 1000
PENDING = ("pending-evaluation", "Your Spot request has been submitted for review, and is pending evaluation.")
FULFILLED = ("fulfilled", "Your spot request is fulfilled.")
_LINUX = "Linux/UNIX"
_TOLD = (
    "BlockDeviceMappings",
    "EbsOptimized",
    "ImageId",
    "InstanceType",
    "KernelId",
    "KeyName",
    "NetworkInterfaces",
    "RamdiskId",
    "SubnetId",
    "UserData",
)
_NICS = "LaunchSpecification.NetworkInterfaces."
_DEVICES = "LaunchSpecification.BlockDeviceMappings."
FILTERS: Filters = {
    "availability-zone-group": "AvailabilityZoneGroup",
    "create-time": "CreateTime",
    "fault-code": "Fault.Code",
    "fault-message": "Fault.Message",
    "instance-id": "InstanceId",
    "launch-group": "LaunchGroup",
    "launch.block-device-mapping.delete-on-termination": f"{_DEVICES}Ebs.DeleteOnTermination",
    "launch.block-device-mapping.device-name": f"{_DEVICES}DeviceName",
    "launch.block-device-mapping.snapshot-id": f"{_DEVICES}Ebs.SnapshotId",
    "launch.block-device-mapping.volume-size": f"{_DEVICES}Ebs.VolumeSize",
    "launch.block-device-mapping.volume-type": f"{_DEVICES}Ebs.VolumeType",
    "launch.group-id": "LaunchSpecification.SecurityGroups.GroupId",
    "launch.group-name": "LaunchSpecification.SecurityGroups.GroupName",
    "launch.image-id": "LaunchSpecification.ImageId",
    "launch.instance-type": "LaunchSpecification.InstanceType",
    "launch.kernel-id": "LaunchSpecification.KernelId",
    "launch.key-name": "LaunchSpecification.KeyName",
    "launch.monitoring-enabled": "LaunchSpecification.Monitoring.Enabled",
    "launch.ramdisk-id": "LaunchSpecification.RamdiskId",
    "launched-availability-zone": "LaunchedAvailabilityZone",
    "launched-availability-zone-id": "LaunchedAvailabilityZoneId",
    "network-interface.addresses.primary": f"{_NICS}PrivateIpAddresses.Primary",
    "network-interface.delete-on-termination": f"{_NICS}DeleteOnTermination",
    "network-interface.description": f"{_NICS}Description",
    "network-interface.device-index": f"{_NICS}DeviceIndex",
    "network-interface.group-id": f"{_NICS}Groups",
    "network-interface.network-interface-id": f"{_NICS}NetworkInterfaceId",
    "network-interface.private-ip-address": f"{_NICS}PrivateIpAddress",
    "network-interface.subnet-id": f"{_NICS}SubnetId",
    "product-description": "ProductDescription",
    "spot-instance-request-id": "SpotInstanceRequestId",
    "spot-price": "SpotPrice",
    "state": "State",
    "status-code": "Status.Code",
    "status-message": "Status.Message",
    "type": "Type",
    "valid-from": "ValidFrom",
    "valid-until": "ValidUntil",
}


def _arns(call: Call, request: Request) -> list[str]:
    place = f"arn:aws:ec2:{call.region}:{call.account}"
    found = [f"{place}:spot-instances-request/*"]
    specification = request.get("LaunchSpecification") or {}
    if specification.get("ImageId"):
        found.append(f"arn:aws:ec2:{call.region}::image/{specification['ImageId']}")
    if specification.get("KeyName"):
        found.append(f"{place}:key-pair/{specification['KeyName']}")
    if specification.get("SubnetId"):
        found.append(f"{place}:subnet/{specification['SubnetId']}")
    return found + [f"{place}:security-group/{one}" for one in specification.get("SecurityGroupIds") or ()]


@operation(_arns)
def request_spot_instances(call: Call, request: Request) -> dict[str, Any]:
    """RequestSpotInstances: InstanceCount requests, each for one instance, which its step launches."""
    launch = _launch_of(request)
    price = checked_price(request.get("SpotPrice"))
    count = request.get("InstanceCount")
    count = 1 if count is None else count
    if not 1 <= count <= COUNT:
        raise invalid(f"Value ({count}) for parameter instanceCount is invalid. It must be between 1 and {COUNT}.")
    _check_times(call, request)
    requesting.check(launch)
    profile = launching.profile_of(call, launch.get("IamInstanceProfile"))
    tags = tagging.of_new(request, "spot-instances-request")
    with call.write() as tx:
        made = idempotency.made_before(tx, call, request)
        if made is None:
            launching.check(call, tx, launch)
            made = []
            for _ in range(count):
                row = SpotRequest(
                    id=SPOT_REQUEST.new_id(),
                    state="open",
                    code=PENDING[0],
                    message=PENDING[1],
                    updated=call.now(),
                    created=call.now(),
                    type=request.get("Type") or "one-time",
                    price=price,
                    launch=launch,
                    profile=(profile.arn, profile.id, profile.role),
                    valid_from=request.get("ValidFrom") or 0.0,
                    valid_until=request.get("ValidUntil") or call.now() + LASTS,
                    interruption=request.get("InstanceInterruptionBehavior") or "terminate",
                    launch_group=request.get("LaunchGroup") or "",
                    zone_group=request.get("AvailabilityZoneGroup") or "",
                    tags=dict(tags),
                )
                SPOT_REQUEST.table.put(tx, call.scope, row)
                wake(tx, KIND, call.scope, (row.id,), call.now())
                made.append(row.id)
            idempotency.remember(tx, call, request, made)
        rows = SPOT_REQUEST.get_all(tx, call.scope, made)
        names = group_names(tx, call.scope)
        return {"SpotInstanceRequests": [describe(call, row, names) for row in rows]}


@operation()
def describe_spot_instance_requests(call: Call, request: Request) -> dict[str, Any]:
    """DescribeSpotInstanceRequests; ended ones are told for four hours."""
    with call.read() as tx:
        names = group_names(tx, call.scope)
    return listing.describe(
        call,
        request,
        SPOT_REQUEST,
        member="SpotInstanceRequests",
        ids="SpotInstanceRequestIds",
        filters=FILTERS,
        render=lambda _, row: describe(call, row, names),
    )


def _request_arns(call: Call, request: Request) -> list[str]:
    return [SPOT_REQUEST.arn(call.scope, one) for one in request.get("SpotInstanceRequestIds") or ()]


@operation(_request_arns)
def cancel_spot_instance_requests(call: Call, request: Request) -> dict[str, Any]:
    """CancelSpotInstanceRequests: what they launched runs on."""
    told = []
    with call.write() as tx:
        for row in SPOT_REQUEST.get_all(tx, call.scope, request["SpotInstanceRequestIds"]):
            if row.state in ("open", "active", "disabled"):
                cancel(tx, call, row)
            told.append({"SpotInstanceRequestId": row.id, "State": row.state})
    return {"CancelledSpotInstanceRequests": told}


def cancel(tx: Writer, call: Call, row: SpotRequest) -> None:
    """It launches no more."""
    if row.state == "open":
        message = "Your Spot request is canceled before it was fulfilled."
        settle(row, call.now(), "cancelled", "canceled-before-fulfillment", message)
    else:
        message = "Your Spot request is canceled, but your Spot Instance is still running."
        settle(row, call.now(), "cancelled", "request-canceled-and-instance-running", message)
    SPOT_REQUEST.table.put(tx, call.scope, row)
    wake(tx, KIND, call.scope, (row.id,), call.now())


def give(
    tx: Writer,
    call: Call,
    asked: Request,
    profile: launching.Profile,
    origin: launching.Origin,
    instance: Instance,
) -> str:
    """The id of the request behind an instance that is being launched on the Spot market: the one that waited for it,
    or a new one, for RunInstances and fleets."""
    if origin.request:
        row = SPOT_REQUEST.get(tx, call.scope, origin.request)
        settle(row, call.now(), "active", *FULFILLED)
    else:
        row = _fulfilled(call, asked, profile, origin)
    row.instance, row.zone, row.fault = instance.id, instance.zone, ("", "")
    SPOT_REQUEST.table.put(tx, call.scope, row)
    notices.tell_fulfilled(tx, call.scope, row, call.now())
    return row.id


def _fulfilled(call: Call, asked: Request, profile: launching.Profile, origin: launching.Origin) -> SpotRequest:
    options = requesting.spot(asked)
    kept = {name: value for name, value in asked.items() if value is not None and name not in ("ClientToken", "DryRun")}
    return SpotRequest(
        id=SPOT_REQUEST.new_id(),
        state="active",
        code=FULFILLED[0],
        message=FULFILLED[1],
        updated=call.now(),
        created=call.now(),
        type=options.get("SpotInstanceType") or "one-time",
        price=checked_price(options.get("MaxPrice")),
        launch={**kept, "MinCount": 1, "MaxCount": 1},
        profile=(profile.arn, profile.id, profile.role),
        valid_until=options.get("ValidUntil") or 0.0,
        interruption=options.get("InstanceInterruptionBehavior") or "terminate",
        marks=dict(origin.tags),
        fleet=origin.fleet,
        tags=tagging.of_new(asked, "spot-instances-request", *launching.TAGGED),
    )


def settle(row: SpotRequest, now: float, state: str, code: str, message: str) -> None:
    row.state, row.code, row.message, row.updated = state, code, message, now


def checked_price(text: str | None) -> str:
    """A maximum price as it was given, or "". Raises InvalidParameterValue."""
    if not text:
        return ""
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(0)
    if not price.is_finite() or price <= 0 or len(text) > 20:
        raise invalid(f"Invalid value '{text}' for the maximum price. It must be a positive number of USD an hour.")
    return text


def group_names(tx: Reader, scope: Scope) -> dict[str, str]:
    """Security groups' names by their ids."""
    return {row.id: row.name for row in GROUP.table.scan(tx, scope)}


def describe(call: Call, row: SpotRequest, names: Mapping[str, str]) -> dict[str, Any]:
    """A SpotInstanceRequest. names: of the account's security groups."""
    type = row.launch.get("InstanceType") or launching.DEFAULT_TYPE
    price = Decimal(row.price) if row.price else prices.on_demand(call.region, type)
    return {
        "SpotInstanceRequestId": row.id,
        "State": row.state,
        "Status": {"Code": row.code, "Message": row.message, "UpdateTime": row.updated},
        "CreateTime": row.created,
        "Type": row.type,
        "SpotPrice": prices.text(price),
        "ProductDescription": _LINUX,
        "InstanceId": row.instance or None,
        "LaunchedAvailabilityZone": row.zone or None,
        "LaunchedAvailabilityZoneId": zone_id(row.zone) if row.zone else None,
        "LaunchSpecification": _specification(row.launch, names),
        "LaunchGroup": row.launch_group or None,
        "AvailabilityZoneGroup": row.zone_group or None,
        "InstanceInterruptionBehavior": row.interruption,
        "ValidFrom": row.valid_from or None,
        "ValidUntil": row.valid_until or None,
        "Fault": {"Code": row.fault[0], "Message": row.fault[1]} if row.fault[0] else None,
        "Tags": tagging.render(row.tags),
    }


def _specification(launch: Request, names: Mapping[str, str]) -> dict[str, Any]:
    """A LaunchSpecification: groups with their names, the placement's few members."""
    found = {name: launch.get(name) for name in _TOLD}
    placement = launch.get("Placement") or {}
    ids = {name: identifier for identifier, name in names.items()}
    groups = [{"GroupId": one, "GroupName": names.get(one)} for one in launch.get("SecurityGroupIds") or ()]
    groups += [{"GroupId": ids.get(one), "GroupName": one} for one in launch.get("SecurityGroups") or ()]
    kept = ("AvailabilityZone", "AvailabilityZoneId", "GroupName", "Tenancy")
    return {
        **found,
        "InstanceType": launch.get("InstanceType") or launching.DEFAULT_TYPE,
        "IamInstanceProfile": launch.get("IamInstanceProfile"),
        "Monitoring": {"Enabled": bool((launch.get("Monitoring") or {}).get("Enabled"))},
        "Placement": {name: placement[name] for name in kept if placement.get(name)} or None,
        "SecurityGroups": groups,
    }


def _launch_of(request: Request) -> dict[str, Any]:
    """What RunInstances would be asked for. Raises MissingParameter, InvalidParameterCombination."""
    if request.get("BlockDurationMinutes"):
        raise errors.UnsupportedOperation("Spot Instances with a defined duration are no longer offered.")
    specification = request.get("LaunchSpecification")
    if not specification:
        raise missing("launchSpecification")
    options = {"SpotInstanceType": request.get("Type") or "one-time"}
    interruption = request.get("InstanceInterruptionBehavior")
    if interruption in ("stop", "hibernate") and options["SpotInstanceType"] != "persistent":
        raise mixed(f"Interruption behavior '{interruption}' is only valid for persistent Spot requests.")
    if interruption:
        options["InstanceInterruptionBehavior"] = interruption
    kept = {name: value for name, value in specification.items() if name != "AddressingType" and value is not None}
    return {
        **kept,
        "MinCount": 1,
        "MaxCount": 1,
        "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options},
    }


def _check_times(call: Call, request: Request) -> None:
    until = request.get("ValidUntil")
    if until is not None and until <= call.now():
        raise invalid("The parameter validUntil must be in the future.")
    if until is not None and request.get("ValidFrom") and request["ValidFrom"] >= until:
        raise invalid("The parameter validFrom must be before validUntil.")
