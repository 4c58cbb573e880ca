"""Options of instances: metadata service, monitoring, placement, CPU credits, maintenance; each with its own call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import errors, invalid, mixed
from haneul.services.ec2.hosts import placing
from haneul.services.ec2.instances import power, requesting, types
from haneul.services.ec2.instances.attributes import ARN
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.operations import operation
from haneul.services.ec2.reservations import placement_groups
from haneul.services.ec2.vpc.state import ACCOUNTS, Account
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

Request = Mapping[str, Any]
_METADATA = ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "HttpProtocolIpv6", "InstanceMetadataTags")
_DEFAULTS = ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "InstanceMetadataTags", "HttpTokensEnforced")


@operation(ARN)
def modify_instance_metadata_options(call: Call, request: Request) -> dict[str, Any]:
    """ModifyInstanceMetadataOptions: in force with the next request to 169.254.169.254."""
    given = {name: request[name] for name in _METADATA if request.get(name) is not None}
    if "HttpPutResponseHopLimit" in given:
        requesting.check_hops(given["HttpPutResponseHopLimit"])
    with call.write() as tx:
        row = INSTANCE.get(tx, call.scope, request["InstanceId"])
        if row.state in ("shutting-down", "terminated"):
            raise errors.IncorrectInstanceState(f"The instance '{row.id}' is not in a state that allows this.")
        if given.get("InstanceMetadataTags") == "enabled" and any("/" in key or " " in key for key in row.tags):
            raise invalid("Tag keys with spaces or slashes can't be shown in instance metadata.")
        row.options = {**row.options, "MetadataOptions": {**row.options["MetadataOptions"], **given}}
        INSTANCE.table.put(tx, call.scope, row)
    return {"InstanceId": row.id, "InstanceMetadataOptions": row.options["MetadataOptions"]}


@operation()
def get_instance_metadata_defaults(call: Call, request: Request) -> dict[str, Any]:
    """GetInstanceMetadataDefaults of the account in this region."""
    with call.read() as tx:
        row = ACCOUNTS.get(tx, call.scope, "account")
    return {"AccountLevel": dict((row.settings if row is not None else {}).get("metadata-defaults") or {})}


@operation()
def modify_instance_metadata_defaults(call: Call, request: Request) -> dict[str, Any]:
    """ModifyInstanceMetadataDefaults: for instances launched from now on; "no-preference" and -1 take one back."""
    limit = request.get("HttpPutResponseHopLimit")
    if limit not in (None, -1):
        requesting.check_hops(limit)
    with call.write() as tx:
        row = ACCOUNTS.get(tx, call.scope, "account") or Account()
        defaults = dict(row.settings.get("metadata-defaults") or {})
        for name in _DEFAULTS:
            if request.get(name) in ("no-preference", -1):
                defaults.pop(name, None)
            elif request.get(name) is not None:
                defaults[name] = request[name]
        row.settings = {**row.settings, "metadata-defaults": defaults}
        ACCOUNTS.put(tx, call.scope, row)
    return {"Return": True}


@operation(power.arns)
def monitor_instances(call: Call, request: Request) -> dict[str, Any]:
    """MonitorInstances: figures every minute instead of every five."""
    return _monitor(call, request, True)


@operation(power.arns)
def unmonitor_instances(call: Call, request: Request) -> dict[str, Any]:
    """UnmonitorInstances."""
    return _monitor(call, request, False)


def _monitor(call: Call, request: Request, on: bool) -> dict[str, Any]:
    told = []
    with call.write() as tx:
        for row in INSTANCE.get_all(tx, call.scope, request.get("InstanceIds") or ()):
            was = bool(row.options.get("Monitoring"))
            row.options = {**row.options, "Monitoring": on}
            _put(call, tx, row)
            state = ("enabled" if on else "disabled") if was == on else ("pending" if on else "disabling")
            told.append({"InstanceId": row.id, "Monitoring": {"State": state}})
    return {"InstanceMonitorings": told}


@operation(ARN)
def modify_instance_placement(call: Call, request: Request) -> dict[str, Any]:
    """ModifyInstancePlacement of a stopped instance: its group, tenancy and host, which count when it starts."""
    if request.get("HostResourceGroupArn"):
        raise errors.UnsupportedOperation("Host resource groups are not supported here.")
    names = ("GroupName", "GroupId", "PartitionNumber", "Tenancy", "Affinity", "HostId")
    given = {name: request[name] for name in names if request.get(name) is not None}
    with call.write() as tx:
        row = INSTANCE.get(tx, call.scope, request["InstanceId"])
        if row.state != "stopped":
            raise errors.IncorrectInstanceState(f"The instance '{row.id}' is not in the 'stopped' state.")
        placement = {**(row.options.get("Placement") or {}), **given}
        if given.get("GroupName") or given.get("GroupId"):
            found = placement_groups.places(tx, call.scope, {"Placement": given}, types.spec(row.type), row.zone, 1)
            placement |= found[0] if found else {}
        elif "GroupName" in given:
            placement = {name: value for name, value in placement.items() if name not in ("GroupId", "PartitionNumber")}
        if placing.wanted(given):
            placement |= {"Tenancy": "host"}
            if given.get("HostId"):
                placing.places(tx, call.scope, given, types.spec(row.type), row.zone, 1)
        elif given.get("Tenancy"):
            placement.pop("HostId", None)
        row.options = {**row.options, "Placement": {name: value for name, value in placement.items() if value}}
        INSTANCE.table.put(tx, call.scope, row)
    return {"Return": True}


@operation(ARN)
def modify_instance_cpu_options(call: Call, request: Request) -> dict[str, Any]:
    """ModifyInstanceCpuOptions of a stopped instance, which starts with so many vCPUs. Raises InvalidParameterValue for
    what the type doesn't have."""
    if request.get("NestedVirtualization") == "enabled":
        raise errors.UnsupportedOperation("Nested virtualization is not supported by the machines here.")
    with call.write() as tx:
        row = INSTANCE.get(tx, call.scope, request["InstanceId"])
        if row.state != "stopped":
            raise errors.IncorrectInstanceState(f"The instance '{row.id}' is not in the 'stopped' state.")
        given = {name: request[name] for name in ("CoreCount", "ThreadsPerCore") if request.get(name) is not None}
        cores = requesting.cpu_options({**(row.options.get("CpuOptions") or {}), **given}, types.spec(row.type))
        vcpus = cores["CoreCount"] * cores["ThreadsPerCore"]
        row.options = {**row.options, "CpuOptions": cores, "vcpus": vcpus}
        INSTANCE.table.put(tx, call.scope, row)
    return {"InstanceId": row.id, **cores}


@operation(ARN)
def modify_instance_maintenance_options(call: Call, request: Request) -> dict[str, Any]:
    """ModifyInstanceMaintenanceOptions: told again; nothing here is ever maintained behind one's back."""
    given = {name: request[name] for name in ("AutoRecovery", "RebootMigration") if request.get(name) is not None}
    with call.write() as tx:
        row = INSTANCE.get(tx, call.scope, request["InstanceId"])
        kept = {"AutoRecovery": "default", **(row.options.get("MaintenanceOptions") or {}), **given}
        row.options = {**row.options, "MaintenanceOptions": kept}
        INSTANCE.table.put(tx, call.scope, row)
    return {"InstanceId": row.id, **kept}


@operation()
def describe_instance_credit_specifications(call: Call, request: Request) -> dict[str, Any]:
    """DescribeInstanceCreditSpecifications: of burstable instances; without ids, of those that are unlimited."""
    named = request.get("InstanceIds") or ()
    if named and request.get("MaxResults") is not None:
        raise mixed("The parameter instancesSet cannot be used with the parameter maxResults")
    with call.read() as tx:
        rows = INSTANCE.get_all(tx, call.scope, named) if named else list(INSTANCE.table.scan(tx, call.scope))
    shown = [
        (row.id, {"InstanceId": row.id, "CpuCredits": row.options["Credits"]})
        for row in rows
        if row.options.get("Credits") and row.state != "terminated" and (named or row.options["Credits"] == "unlimited")
    ]
    return listing.paged(request, "InstanceCreditSpecifications", shown, {"instance-id": "InstanceId"})


@operation(
    lambda call, request: [
        INSTANCE.arn(call.scope, one["InstanceId"]) for one in request["InstanceCreditSpecifications"]
    ]
)
def modify_instance_credit_specification(call: Call, request: Request) -> dict[str, Any]:
    """ModifyInstanceCreditSpecification: each by itself is changed or refused."""
    done: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    with call.write() as tx:
        for one in request["InstanceCreditSpecifications"]:
            identifier = one["InstanceId"]
            try:
                row = INSTANCE.get(tx, call.scope, identifier)
                if not row.options.get("Credits"):
                    raise AwsError(
                        "InstanceCreditSpecification.NotSupported",
                        f"The instance type {row.type} does not support CPU credits.",
                    )
                wanted = requesting.credits_of({"CpuCredits": one.get("CpuCredits") or ""}, row.type)
            except AwsError as error:
                refused.append({"InstanceId": identifier, "Error": {"Code": error.code, "Message": error.message}})
                continue
            row.options = {**row.options, "Credits": wanted}
            INSTANCE.table.put(tx, call.scope, row)
            done.append({"InstanceId": identifier})
    return {
        "SuccessfulInstanceCreditSpecifications": done,
        "UnsuccessfulInstanceCreditSpecifications": refused,
    }


def _put(call: Call, tx: Writer, row: Instance) -> None:
    INSTANCE.table.put(tx, call.scope, row)
    if row.state == "running":
        wake(tx, power.KIND, call.scope, (row.id,), call.now())
