"""Event windows: when scheduled events may stop, reboot or end instances. Nothing is ever scheduled here, so that they
are kept and told only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.account.state import EVENT_WINDOW, EventWindow
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.hosts.state import HOST
from haneul.services.ec2.instances.state import INSTANCE
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader

LIMIT = 200
"""Windows of an account in a region."""
TARGETS = {"InstanceIds": 100, "InstanceTags": 50, "DedicatedHostIds": 50}
"""The most that one window may have of each."""
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DAY = "(?:[0-6]|SUN|MON|TUE|WED|THU|FRI|SAT)"
_SPAN = r"\d{1,2}-\d{1,2}"
_CRON = re.compile(rf"\* ({_SPAN}(?:,{_SPAN})*) \* \* (\*|{_DAY}(?:,{_DAY})*)")
_EACH, _ALL = 2, 4
"""Hours of one range at least, and of all of them together."""
_WEEK = 7 * 24

Request = Mapping[str, Any]
ARN = "arn:aws:ec2:{region}:{account}:instance-event-window/{InstanceEventWindowId}"


def _target(name: str, part: str = "") -> Any:
    def read(item: Mapping[str, Any]) -> list[str]:
        found = (item.get("AssociationTarget") or {}).get(name) or []
        if name != "Tags":
            return list(found)
        return [one[part] if part else f"{one['Key']}={one['Value']}" for one in found]

    return read


_FILTERS: Filters = {
    "dedicated-host-id": _target("DedicatedHostIds"),
    "event-window-name": "Name",
    "instance-id": _target("InstanceIds"),
    "instance-tag": _target("Tags"),
    "instance-tag-key": _target("Tags", "Key"),
    "instance-tag-value": _target("Tags", "Value"),
}


@operation("arn:aws:ec2:{region}:{account}:instance-event-window/*")
def create_instance_event_window(call: Call, request: Request) -> dict[str, Any]:
    """CreateInstanceEventWindow, by time ranges or by a cron expression."""
    ranges, cron = _times(request)
    if not ranges and not cron:
        raise invalid("You must specify either TimeRanges or CronExpression.")
    tags = tagging.of_new(request, "instance-event-window")
    with call.write() as tx:
        if sum(1 for _ in EVENT_WINDOW.table.scan(tx, call.scope)) >= LIMIT:
            raise errors.InstanceEventWindowLimitExceeded(f"The limit of {LIMIT} event windows has been reached.")
        row = EventWindow(id=EVENT_WINDOW.new_id(), name=request.get("Name") or "", ranges=ranges, cron=cron, tags=tags)
        EVENT_WINDOW.table.put(tx, call.scope, row)
    return {"InstanceEventWindow": describe(row, "creating")}


@operation()
def describe_instance_event_windows(call: Call, request: Request) -> dict[str, Any]:
    """DescribeInstanceEventWindows."""
    return listing.describe(
        call,
        request,
        EVENT_WINDOW,
        member="InstanceEventWindows",
        ids="InstanceEventWindowIds",
        filters=_FILTERS,
        render=lambda tx, row: describe(row),
        limits=(20, 500),
    )


@operation(ARN)
def modify_instance_event_window(call: Call, request: Request) -> dict[str, Any]:
    """ModifyInstanceEventWindow: its name, and when it is."""
    ranges, cron = _times(request)
    with call.write() as tx:
        row = EVENT_WINDOW.get(tx, call.scope, request["InstanceEventWindowId"])
        row.name = request.get("Name") or row.name
        if ranges or cron:
            row.ranges, row.cron = ranges, cron
        EVENT_WINDOW.table.put(tx, call.scope, row)
    return {"InstanceEventWindow": describe(row, "creating")}


@operation(ARN)
def delete_instance_event_window(call: Call, request: Request) -> dict[str, Any]:
    """DeleteInstanceEventWindow: one with targets only by force."""
    with call.write() as tx:
        row = EVENT_WINDOW.get(tx, call.scope, request["InstanceEventWindowId"])
        if (row.instances or row.instance_tags or row.hosts) and not request.get("ForceDelete"):
            raise errors.InvalidRequest(
                f"The event window '{row.id}' has associated targets. Disassociate them, or use ForceDelete."
            )
        EVENT_WINDOW.table.delete(tx, call.scope, row.id)
    return {"InstanceEventWindowState": {"InstanceEventWindowId": row.id, "State": "deleting"}}


@operation(ARN)
def associate_instance_event_window(call: Call, request: Request) -> dict[str, Any]:
    """AssociateInstanceEventWindow with instances, with tags or with hosts; one sort of target for each window."""
    asked = _asked(request["AssociationTarget"])
    with call.write() as tx:
        row = EVENT_WINDOW.get(tx, call.scope, request["InstanceEventWindowId"])
        _there(call, tx, asked)
        row.instances = list(dict.fromkeys([*row.instances, *asked["InstanceIds"]]))
        row.hosts = list(dict.fromkeys([*row.hosts, *asked["DedicatedHostIds"]]))
        row.instance_tags = list(dict.fromkeys([*row.instance_tags, *asked["InstanceTags"]]))
        held: dict[str, list[Any]] = {
            "InstanceIds": row.instances,
            "InstanceTags": row.instance_tags,
            "DedicatedHostIds": row.hosts,
        }
        if sum(bool(one) for one in held.values()) > 1:
            raise mixed("Only one type of target (instance IDs, Dedicated Host IDs, or tags) can be specified.")
        for name, limit in TARGETS.items():
            if len(held[name]) > limit:
                raise invalid(f"An event window has at most {limit} {name}.")
        EVENT_WINDOW.table.put(tx, call.scope, row)
    return {"InstanceEventWindow": describe(row, "creating")}


@operation(ARN)
def disassociate_instance_event_window(call: Call, request: Request) -> dict[str, Any]:
    """DisassociateInstanceEventWindow."""
    asked = _asked(request["AssociationTarget"])
    with call.write() as tx:
        row = EVENT_WINDOW.get(tx, call.scope, request["InstanceEventWindowId"])
        row.instances = [one for one in row.instances if one not in asked["InstanceIds"]]
        row.hosts = [one for one in row.hosts if one not in asked["DedicatedHostIds"]]
        row.instance_tags = [one for one in row.instance_tags if one not in asked["InstanceTags"]]
        EVENT_WINDOW.table.put(tx, call.scope, row)
    return {"InstanceEventWindow": describe(row, "creating")}


def describe(row: EventWindow, state: str = "active") -> dict[str, Any]:
    """An InstanceEventWindow."""
    target = {
        "InstanceIds": row.instances or None,
        "Tags": [{"Key": key, "Value": value} for key, value in row.instance_tags] or None,
        "DedicatedHostIds": row.hosts or None,
    }
    target = {name: value for name, value in target.items() if value}
    return {
        "InstanceEventWindowId": row.id,
        "Name": row.name or None,
        "TimeRanges": row.ranges or None,
        "CronExpression": row.cron or None,
        "AssociationTarget": target or None,
        "State": state,
        "Tags": tagging.render(row.tags),
    }


def _asked(target: Request) -> dict[str, list[Any]]:
    return {
        "InstanceIds": list(target.get("InstanceIds") or ()),
        "InstanceTags": [(one.get("Key") or "", one.get("Value") or "") for one in target.get("InstanceTags") or ()],
        "DedicatedHostIds": list(target.get("DedicatedHostIds") or ()),
    }


def _there(call: Call, tx: Reader, asked: Mapping[str, Sequence[Any]]) -> None:
    if not any(asked.values()):
        raise errors.MissingParameter("The request must contain the parameter AssociationTarget")
    INSTANCE.get_all(tx, call.scope, asked["InstanceIds"])
    HOST.get_all(tx, call.scope, asked["DedicatedHostIds"])


def _times(request: Request) -> tuple[list[dict[str, Any]], str]:
    """Time ranges and cron expression, one of which may be there. Raises InvalidParameterCombination,
    InvalidParameterValue."""
    ranges, cron = request.get("TimeRanges") or [], request.get("CronExpression") or ""
    if ranges and cron:
        raise mixed("You cannot specify both TimeRanges and CronExpression.")
    if ranges:
        _check([_length(one) for one in ranges])
    if cron:
        _check(_lengths(cron))
    return [dict(one) for one in ranges], cron


def _length(one: Request) -> int:
    """Hours of a range, which may pass the end of the week."""
    for name in ("StartWeekDay", "StartHour", "EndWeekDay", "EndHour"):
        if one.get(name) is None:
            raise errors.MissingParameter(f"The request must contain the parameter {name}")
    if not (0 <= one["StartHour"] <= 23 and 0 <= one["EndHour"] <= 23):
        raise invalid("StartHour and EndHour must be from 0 to 23.")
    start = _DAYS.index(one["StartWeekDay"]) * 24 + int(one["StartHour"])
    end = _DAYS.index(one["EndWeekDay"]) * 24 + int(one["EndHour"])
    return (end - start) % _WEEK


def _lengths(cron: str) -> list[int]:
    found = _CRON.fullmatch(cron)
    if found is None:
        raise coded("InvalidParameterValue", f"Value ({cron}) for parameter cronExpression is invalid.")
    lengths = []
    for span in found[1].split(","):
        first, last = (int(hour) for hour in span.split("-"))
        if first > 24 or last > 24:
            raise coded("InvalidParameterValue", f"Value ({cron}) for parameter cronExpression is invalid.")
        lengths.append((last - first) % 24)
    return lengths


def _check(lengths: Sequence[int]) -> None:
    if any(length < _EACH for length in lengths):
        raise invalid(f"Each time range of an event window must be at least {_EACH} hours.")
    if sum(lengths) < _ALL:
        raise invalid(f"The combined time ranges of an event window must be at least {_ALL} hours.")
