"""RunInstances: all of it is settled in one transaction; machines, disks and packets come with the instances' steps."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from haneul.auth import passing
from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call
from haneul.services.ec2 import idempotency, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.account import settings as account_settings
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.instances import capacity, describing, devices, notices, requesting, types, wiring
from haneul.services.ec2.instances.state import INSTANCE, KEY_PAIR, TEMPLATE, Image, Instance
from haneul.services.ec2.instances.types import InstanceType
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import keys
from haneul.services.ec2.vpc.state import ACCOUNTS, GROUP, INTERFACE, SUBNET
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

KIND = "ec2.instance"
DEFAULT_TYPE = "m1.small"
TAGGED = ("instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu")
Request = Mapping[str, Any]


@dataclass(frozen=True)
class Profile:
    arn: str = ""
    id: str = ""
    role: str = ""


@dataclass(frozen=True)
class Origin:
    """For whom a launch is. tags: AWS's own, on its instances. fleet: the fleet whose capacity they are, `weight` units
    each. request: the Spot request that waits for its instance."""

    tags: Mapping[str, str] = field(default_factory=dict)
    fleet: str = ""
    weight: float = 1.0
    request: str = ""


@dataclass(frozen=True)
class Launch:
    """Everything that the instances of one request share."""

    image: Image
    wires: list[wiring.Wire]
    mapped: devices.Mapped
    options: dict[str, Any]
    profile: Profile
    origin: Origin
    tags: dict[str, dict[str, str]]
    seats: list[str] = field(default_factory=list)
    """Capacity reservations that the first of them run in."""
    places: list[dict[str, Any]] = field(default_factory=list)
    """What Placement says of each of them beside what was asked for."""


def arns(call: Call, request: Request) -> list[str]:
    """What a launch touches, as the service authorization reference lists it."""
    from haneul.services.ec2.instances import templates

    scope = call.scope
    request = templates.seen(call, request)
    place = f"arn:aws:ec2:{scope.region}:{scope.account}"
    found = [f"{place}:instance/*", f"{place}:network-interface/*", f"{place}:volume/*"]
    if request.get("ImageId"):
        found.append(f"arn:aws:ec2:{scope.region}::image/{request['ImageId']}")
    if request.get("KeyName"):
        found.append(f"{place}:key-pair/{request['KeyName']}")
    nics = request.get("NetworkInterfaces") or ()
    subnets = {one.get("SubnetId") for one in (request, *nics)} - {None}
    groups = {*(request.get("SecurityGroupIds") or ()), *(one for nic in nics for one in nic.get("Groups") or ())}
    found += [SUBNET.arn(scope, one) for one in sorted(subnets)] + [GROUP.arn(scope, one) for one in sorted(groups)]
    found += [INTERFACE.arn(scope, one["NetworkInterfaceId"]) for one in nics if one.get("NetworkInterfaceId")]
    template = (request.get("LaunchTemplate") or {}).get("LaunchTemplateId")
    if template:
        found.append(TEMPLATE.arn(scope, template))
    return found


def conditions(call: Call, request: Request) -> dict[str, str | list[str]]:
    """The condition keys of a launch; what its template says counts like what it says itself."""
    from haneul.services.ec2.instances import templates

    request = templates.seen(call, request)
    keys: dict[str, str | list[str]] = {
        "ec2:Region": call.region,
        "ec2:InstanceType": request.get("InstanceType") or DEFAULT_TYPE,
        "ec2:InstanceMarketType": "spot" if requesting.spot(request) else "on-demand",
    }
    options = request.get("MetadataOptions") or {}
    if options.get("HttpTokens"):
        keys["ec2:MetadataHttpTokens"] = options["HttpTokens"]
    if options.get("HttpEndpoint"):
        keys["ec2:MetadataHttpEndpoint"] = options["HttpEndpoint"]
    if options.get("HttpPutResponseHopLimit") is not None:
        keys["ec2:MetadataHttpPutResponseHopLimit"] = str(options["HttpPutResponseHopLimit"])
    template = (request.get("LaunchTemplate") or {}).get("LaunchTemplateId")
    if template:
        keys["ec2:LaunchTemplate"] = TEMPLATE.arn(call.scope, template)
    return keys


@operation(arns, conditions=conditions)
async def run_instances(call: Call, request: Request) -> dict[str, Any]:
    """RunInstances: MaxCount instances, or as many as there is room for but not fewer than MinCount."""
    from haneul.services.ec2.instances import templates

    with call.read() as tx:
        made = idempotency.made_before(tx, call, request)
        if made is not None:
            return _reservation(call, tx, made)
        asked = templates.merged(tx, call, request)
    requesting.check(asked)
    keys.own(call, any((one.get("Ebs") or {}).get("Encrypted") for one in asked.get("BlockDeviceMappings") or ()))
    profile = profile_of(call, asked.get("IamInstanceProfile"))
    able = await asyncio.to_thread(capacity.able, planes.of(call.cloud))

    def settled(tx: Writer) -> dict[str, Any]:
        again = idempotency.made_before(tx, call, request)
        if again is None:
            again = launch(call, tx, asked, profile, able)
            idempotency.remember(tx, call, request, again)
        return _reservation(call, tx, again)

    return await call.transact(settled)


def check(call: Call, tx: Writer, asked: Request) -> None:
    """Raises what a launch would raise for things that aren't there, or don't fit together."""
    from haneul.services.ec2.instances import images, types

    images.resolve(tx, call, asked["ImageId"])
    types.spec(asked.get("InstanceType") or DEFAULT_TYPE)
    _check_key(call, tx, asked)
    wiring.wires(tx, call.scope, asked, {})


def launch(
    call: Call, tx: Writer, asked: Request, profile: Profile, able: capacity.Able, origin: Origin | None = None
) -> list[str]:
    """Write everything down; the new instances' ids. `asked` is as `templates.merged` gives it."""
    from haneul.services.ec2.instances import images, templates, types

    origin = origin or Origin()
    image = images.resolve(tx, call, asked["ImageId"])
    if image.state != "available":
        raise coded("InvalidAMIID.Unavailable", f"The image ID '{image.id}' is not available")
    spec = types.spec(asked.get("InstanceType") or DEFAULT_TYPE)
    capacity.check(able, image, spec)
    mapped = devices.merged(image, asked.get("BlockDeviceMappings") or ())
    _check_key(call, tx, asked)
    ours = call.principal.kind == "service"  # it may give tags of AWS's own (aws:autoscaling:groupName)
    tags = {kind: tagging.of_new(asked, kind, *TAGGED, reserved=ours) for kind in TAGGED[:3]}
    tags["instance"] |= {**templates.marks_of(asked), **origin.tags}
    made = Launch(
        image=image,
        wires=wiring.wires(tx, call.scope, asked, tags["network-interface"]),
        mapped=mapped,
        options=_options(call, tx, asked, image, spec),
        profile=profile,
        origin=origin,
        tags=tags,
    )
    count = _room(call, tx, asked, made, able, spec)
    reservation = tokens.resource_id("r")
    return [_instance(call, tx, asked, made, reservation, index) for index in range(count)]


def _room(call: Call, tx: Writer, asked: Request, made: Launch, able: capacity.Able, spec: InstanceType) -> int:
    """How many there will be, each with its seat and its place. Raises InsufficientInstanceCapacity,
    ReservationCapacityExceeded."""
    from haneul.services.ec2.hosts import placing
    from haneul.services.ec2.reservations import placement_groups, seats

    zone, most = made.wires[0].subnet.zone, asked["MaxCount"]
    seated = seats.Seats([])
    if not requesting.spot(asked):
        seated = seats.find(tx, call.scope, asked.get("CapacityReservationSpecification"), spec.name, zone, most)
    made.seats.extend(seated.taken)
    taken = len(seated.taken)
    count = taken if seated.only else taken + capacity.room(tx, able, spec, most - taken)
    if count < asked["MinCount"] and seated.only:
        raise seats.exceeded()
    hosts = placing.places(tx, call.scope, asked.get("Placement") or {}, spec, zone, min(count, most))
    groups = placement_groups.places(tx, call.scope, asked, spec, zone, len(hosts))
    made.places.extend({**group, **host} for group, host in zip(groups, hosts, strict=False))
    if len(made.places) < asked["MinCount"]:
        raise capacity.insufficient(spec, zone)
    return len(made.places)


def _check_key(call: Call, tx: Reader, asked: Request) -> None:
    if asked.get("KeyName") and not any(one.name == asked["KeyName"] for one in KEY_PAIR.table.scan(tx, call.scope)):
        raise coded("InvalidKeyPair.NotFound", f"The key pair '{asked['KeyName']}' does not exist")


def _instance(call: Call, tx: Writer, asked: Request, launch: Launch, reservation: str, index: int) -> str:
    subnet = launch.wires[0].subnet
    now = call.now()
    row = Instance(
        id=INSTANCE.new_id(),
        state="pending",
        image=launch.image.id,
        type=asked.get("InstanceType") or DEFAULT_TYPE,
        zone=subnet.zone,
        vpc=subnet.vpc,
        subnet=subnet.id,
        reservation=reservation,
        index=index,
        launched=now,
        created=now,
        key=asked.get("KeyName") or "",
        profile=launch.profile.arn,
        user_data=requesting.user_data(asked.get("UserData")),
        root_device=launch.image.root_device,
        reason=("pending", "pending"),
        options=launch.options,
        client_token=asked.get("ClientToken") or "",
        tags=dict(launch.tags["instance"]),
    )
    if launch.profile.arn:
        row.options = {
            **row.options,
            "ProfileId": launch.profile.id,
            "ProfileAssociation": tokens.resource_id("iip-assoc"),
            "ProfileSince": now,
        }
    if launch.places[index]:
        row.options = {**row.options, "Placement": {**row.options.get("Placement", {}), **launch.places[index]}}
    if index < len(launch.seats):
        row.options = {**row.options, "CapacityReservationId": launch.seats[index]}
    if launch.origin.fleet:
        row.options = {**row.options, "Fleet": launch.origin.fleet, "FleetWeight": launch.origin.weight}
    if requesting.spot(asked):
        from haneul.services.ec2.fleets import spot_requests

        request = spot_requests.give(tx, call, asked, launch.profile, launch.origin, row)
        row.options = {**row.options, "Lifecycle": "spot", "SpotRequest": request}
    if launch.wires[0].public:
        row.options = {**row.options, "PublicAddress": True}
    plane = planes.of(call.cloud)
    for wire in launch.wires:
        wiring.make(tx, call.scope, now, plane, row.id, wire)
    devices.make(tx, call.scope, now, zone=row.zone, instance=row.id, mapped=launch.mapped, tags=launch.tags["volume"])
    INSTANCE.table.put(tx, call.scope, row)
    notices.tell(tx, call.scope, row, now)
    wake(tx, KIND, call.scope, (row.id,), now)
    return row.id


def _options(call: Call, tx: Reader, asked: Request, image: Image, spec: types.InstanceType) -> dict[str, Any]:
    """What the row keeps and tells again, by AWS's names."""
    account = ACCOUNTS.get(tx, call.scope, "account")
    settings = (account.settings if account is not None else {}).get("metadata-defaults") or {}
    placement = {
        name: value
        for name, value in (asked.get("Placement") or {}).items()
        if name in ("Affinity", "GroupName", "GroupId", "PartitionNumber", "Tenancy", "SpreadDomain") and value
    }
    cores = requesting.cpu_options(asked.get("CpuOptions"), spec)
    kept: dict[str, Any] = {
        "Architecture": image.architecture,
        "Boot": image.boot,
        "BootMode": image.options.get("BootMode"),
        "vcpus": cores["CoreCount"] * cores["ThreadsPerCore"],
        "memory": spec.memory,
        "CpuOptions": cores,
        "MetadataOptions": requesting.metadata_options(asked.get("MetadataOptions"), image, settings),
        "Placement": placement,
        "Monitoring": bool((asked.get("Monitoring") or {}).get("Enabled")),
        "EbsOptimized": bool(asked.get("EbsOptimized")),
        "DisableApiTermination": bool(asked.get("DisableApiTermination")),
        "DisableApiStop": bool(asked.get("DisableApiStop")),
        "ShutdownBehavior": asked.get("InstanceInitiatedShutdownBehavior") or "stop",
        "Credits": requesting.credits_of(
            asked.get("CreditSpecification"), spec.name, account_settings.credits_of(tx, call.scope, spec.family)
        ),
        "CapacityReservationSpecification": asked.get("CapacityReservationSpecification"),
        "MaintenanceOptions": asked.get("MaintenanceOptions"),
        "PrivateDnsNameOptions": asked.get("PrivateDnsNameOptions"),
        "SpotOptions": dict(requesting.spot(asked)) or None,
        "Requester": None if call.principal.kind != "service" else call.principal.arn,
    }
    return {name: value for name, value in kept.items() if value not in (None, {}, "", False)}


def profile_of(call: Call, asked: Request | None) -> Profile:
    """The instance profile that a request names, which the caller may pass on. Raises InvalidParameterValue."""
    if not asked or not (asked.get("Arn") or asked.get("Name")):
        return Profile()
    if asked.get("Arn") and asked.get("Name"):
        raise errors.InvalidParameterCombination(
            "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'"
        )
    name = asked.get("Name") or str(asked["Arn"]).rpartition("/")[2]
    try:
        found = call.invoke("iam", "GetInstanceProfile", {"InstanceProfileName": name})["InstanceProfile"]
    except AwsError:
        found = None
    if found is None or (asked.get("Arn") and found["Arn"] != asked["Arn"]):
        member, label = ("arn", "ARN") if asked.get("Arn") else ("name", "name")
        raise invalid(
            f"Value ({asked.get('Arn') or name}) for parameter iamInstanceProfile.{member} is invalid. "
            f"Invalid IAM Instance Profile {label}"
        )
    role = found["Roles"][0]["Arn"] if found["Roles"] else ""
    if role:
        passing.check(call, role, "ec2.amazonaws.com")
    return Profile(found["Arn"], found["InstanceProfileId"], role)


def _reservation(call: Call, tx: Reader, ids: list[str]) -> dict[str, Any]:
    links = describing.Links(tx, call.scope)
    rows = [row for row in (INSTANCE.find(tx, call.scope, one) for one in ids) if row is not None]
    shown = [describing.with_reservation(links, row) for row in rows]
    return describing.reservations(call.scope, shown)[0] if shown else {}
