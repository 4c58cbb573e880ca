"""LaunchInstances: instances of a group launched while the caller waits, in a place of his choice."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from haneul.converge.timers import settle
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.autoscaling import activities, launching
from haneul.services.autoscaling.activities import sentence
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.names import by_group, group_of, members_of, wake_group, wake_member
from haneul.services.autoscaling.neighbours import ask
from haneul.services.autoscaling.recipes import Recipe
from haneul.services.autoscaling.refreshing import configuration
from haneul.services.autoscaling.selection import counts
from haneul.services.autoscaling.state import GROUPS, LAUNCHES, MEMBERS, Group, Launch, Member
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

MOST = 100
KEPT = 8 * 3600.0
"""Seconds that a client token is remembered."""
LATER = 30.0
"""Seconds after which the instances' own steps take over, if the cloud died meanwhile."""
Request = Mapping[str, Any]


@operation(resource=by_group)
async def launch_instances(call: Call, request: Request) -> dict[str, Any]:
    """LaunchInstances. Raises IdempotentParameterMismatch, ValidationError; what EC2 refuses is told in Errors."""
    token = request.get("ClientToken") or tokens.uuid()
    digest = hashlib.sha256(orjson.dumps(dict(request), option=orjson.OPT_SORT_KEYS)).hexdigest()
    with call.read() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        zone, subnet = _place(group, request)
        before = _before(tx, call, token, digest)
    if before is not None:
        return before.answer
    recipe = await asyncio.to_thread(lambda: launching.recipe(call, group, configuration(call, group)))
    rows = await call.transact(lambda tx: _plan(tx, call, request, recipe, zone, subnet))
    made, failed = [], []
    for row in rows:
        try:
            answer = await ask(call, "ec2", "RunInstances", row.launch)
            made.append((row, answer["Instances"][0]))
        except AwsError as error:
            failed.append((row, error))
    later = request.get("RetryStrategy") == "retry-with-group-configuration"
    answer = _answer(group.name, token, made, failed)

    def note(tx: Writer) -> None:
        for row, _ in made:
            wake_member(tx, call.scope, row, call.now())  # it finds the same instance by the same token
        for row, error in failed:
            _give_up(tx, call, row, error, later)
        for old in list(LAUNCHES.scan(tx, call.scope)):
            if old.at < call.now() - KEPT:
                LAUNCHES.delete(tx, call.scope, old.token)
        LAUNCHES.put(tx, call.scope, Launch(token=token, digest=digest, answer=answer, at=call.now()))

    await call.transact(note)
    return answer


def _before(tx: Reader, call: Call, token: str, digest: str) -> Launch | None:
    row = LAUNCHES.get(tx, call.scope, token)
    if row is not None and row.digest != digest:
        raise errors.IdempotentParameterMismatch("The client token was used with other parameters before.")
    return row


def _place(group: Group, request: Request) -> tuple[str, str]:
    """The zone and the subnet, by what the request says of them. Raises ValidationError."""
    zones, subnets = list(request.get("AvailabilityZones") or ()), list(request.get("SubnetIds") or ())
    if request.get("AvailabilityZoneIds"):
        raise invalid("Specify AvailabilityZones or SubnetIds.")
    if subnets:
        zone = next((name for name, held in group.subnets.items() if subnets[0] in held), None)
        if zone is None or (zones and zones[0] != zone):
            raise invalid(f"The subnet {subnets[0]} is not one of the Auto Scaling group's, or not of the zone.")
        return zone, str(subnets[0])
    if not zones and len(group.zones) > 1:
        raise invalid("AvailabilityZones or SubnetIds must be specified for a group with several Availability Zones.")
    zone = zones[0] if zones else group.zones[0]
    if zone not in group.zones:
        raise invalid(f"The Availability Zone {zone} is not one of the Auto Scaling group's.")
    return zone, (group.subnets.get(zone) or [""])[0]


def _plan(tx: Writer, call: Call, request: Request, recipe: Recipe, zone: str, subnet: str) -> list[Member]:
    """Write down what is to be launched; the desired capacity grows with it."""
    group = group_of(tx, call.scope, request["AutoScalingGroupName"])
    present, capacity = members_of(tx, call.scope, group.name), 0
    rows: list[Member] = []
    actual = sum(one.weight for one in present if counts(one))
    while capacity < request["RequestedCapacity"]:
        now = call.now()
        row = Member(
            group=group.name,
            id=tokens.ordered_id(),
            state="Pending",
            zone=zone,
            subnet=subnet,
            created=now,
            entered=now,
        )
        launching.fill(group, recipe, row, [*present, *rows])
        capacity += row.weight
        rows.append(row)
        if len(rows) > MOST:
            raise invalid(f"At most {MOST} instances can be launched at once.")
    if group.desired + capacity > group.maximum:
        raise invalid(
            f"Launching {capacity} would violate the max size ({group.maximum}) of AutoScalingGroup {group.name}."
        )
    group.desired += capacity
    cause = f"an instance was launched in response to a user request, increasing the capacity from {actual} to "
    for row in rows:
        told = [sentence(call.now(), f"{cause}{actual + capacity}.")]
        activities.begin(
            tx, call.scope, group, call.now(), "Launching a new EC2 instance", told, row, 30, "PreInService"
        )
        MEMBERS.put(tx, call.scope, row)
        wake_member(tx, call.scope, row, call.now() + LATER)
    GROUPS.put(tx, call.scope, group)
    return rows


def _give_up(tx: Writer, call: Call, row: Member, error: AwsError, later: bool) -> None:
    """What wasn't launched is not wanted any more, unless it is to be tried again by the group."""
    group, fresh = GROUPS.get(tx, call.scope, row.group), MEMBERS.get(tx, call.scope, row.group, row.id)
    if group is None or fresh is None or fresh.instance:
        return
    activity = activities.of(tx, call.scope, fresh)
    if activity is not None:
        message = f"{error.message} Launching EC2 instance failed."
        activities.finish(tx, call.scope, activity, call.now(), "Failed", message)
    MEMBERS.delete(tx, call.scope, row.group, row.id)
    settle(tx, "autoscaling.member", call.scope, (row.group, row.id))
    if not later:
        group.desired = max(group.minimum, group.desired - row.weight)
        GROUPS.put(tx, call.scope, group)
    wake_group(tx, call.scope, group.name, call.now())


def _answer(
    group: str, token: str, made: list[tuple[Member, dict[str, Any]]], failed: list[tuple[Member, AwsError]]
) -> dict[str, Any]:
    def what(row: Member) -> dict[str, Any]:
        return {
            "InstanceType": row.type,
            "MarketType": "spot" if row.spot else "on-demand",
            "SubnetId": row.subnet or None,
            "AvailabilityZone": row.zone,
        }

    return {
        "AutoScalingGroupName": group,
        "ClientToken": token,
        "Instances": [
            {**what(row), "SubnetId": one.get("SubnetId"), "InstanceIds": [one["InstanceId"]]} for row, one in made
        ],
        "Errors": [{**what(row), "ErrorCode": error.code, "ErrorMessage": error.message} for row, error in failed],
    }
