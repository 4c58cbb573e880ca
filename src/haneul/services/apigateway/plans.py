"""Usage plans: which keys may call which stages, how often, and how much they did."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, conflict, errors
from haneul.services.apigateway.keys import EVERYWHERE, key_of
from haneul.services.apigateway.methods import copy
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule, integer
from haneul.services.apigateway.state import COUNTS, ITEMS, ROOT, Count, Item, find, items, new_id, put, touched
from haneul.state.store import Reader

_RULES = (
    Rule("/name"),
    Rule("/description"),
    Rule("/productCode", "add replace remove"),
    Rule("/throttle", "remove"),
    Rule("/throttle/burstLimit", "add replace", integer),
    Rule("/throttle/rateLimit", "add replace", float),
    Rule("/quota", "remove"),
    Rule("/quota/limit", "add replace", integer),
    Rule("/quota/offset", "add replace", integer),
    Rule("/quota/period", "add replace"),
)
_STAGE_RULES = (
    Rule("/throttle/{}", "remove"),
    Rule("/throttle/{}/burstLimit", "add replace", integer),
    Rule("/throttle/{}/rateLimit", "add replace", float),
)


def _check(tx: Reader, call: Call, held: Mapping[str, Any]) -> None:
    quota = held.get("quota")
    if quota:
        if quota.get("period") not in ("DAY", "WEEK", "MONTH"):
            raise bad("Usage Plan quota period must be one of DAY, WEEK, MONTH")
        if quota.get("limit", 0) <= 0:
            raise bad("Usage Plan quota limit must be greater than 0")
        if not 0 <= quota.get("offset", 0) <= {"DAY": 0, "WEEK": 6, "MONTH": 27}[quota["period"]]:
            raise bad("Usage Plan quota offset must be zero in the DAY period" if quota["period"] == "DAY"
                      else "Usage Plan quota offset is out of range for the period")  # fmt: skip
    throttle = held.get("throttle")
    if throttle and (throttle.get("rateLimit", 0) < 0 or throttle.get("burstLimit", 0) < 0):
        raise bad("Usage Plan throttle limits must not be negative")
    for one in held.get("apiStages") or ():
        if not one.get("apiId") or not one.get("stage"):
            raise bad("Usage Plan stages must name an API and a stage")
        if ITEMS.get(tx, call.scope, "api", ROOT, one["apiId"]) is None:
            raise errors.NotFoundException(f"Invalid API identifier specified {call.account}:{one['apiId']}")
        if ITEMS.get(tx, call.scope, "stage", one["apiId"], one["stage"]) is None:
            raise errors.NotFoundException(f"API Stage not found: {one['apiId']}:{one['stage']}")


def describe(row: Item, tags: bool = False) -> dict[str, Any]:
    """A plan; where AWS tells of no tags too, with `tags`."""
    told = {key: value for key, value in row.held.items() if value or key == "apiStages"}
    return {"tags": {}} | told if tags else told


@operation(resource=names.resource)
def create_usage_plan(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        held = {
            key: copy(request[key])
            for key in ("name", "description", "throttle", "quota", "tags")
            if request.get(key) is not None
        }
        held["apiStages"] = copy(list(request.get("apiStages") or []))
        held["id"] = new_id()
        if held.get("quota"):
            held["quota"].setdefault("offset", 0)
        _check(tx, call, held)
        row = put(tx, call.scope, "plan", ROOT, held["id"], held, call.now())
        touched(tx, call.scope, EVERYWHERE)
    return describe(row)


@operation(resource=names.resource)
def get_usage_plan(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(find(tx, call.scope, "plan", ROOT, request["usagePlanId"]), tags=True)


@operation(resource=names.resource)
def get_usage_plans(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    wanted = request.get("keyId")
    with call.read() as tx:
        rows = sorted(items(tx, call.scope, "plan"), key=lambda row: (row.created, row.id))
        if wanted:
            rows = [row for row in rows if ITEMS.get(tx, call.scope, "plan-key", row.id, wanted) is not None]
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def update_usage_plan(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = find(tx, call.scope, "plan", ROOT, request["usagePlanId"])
        held = copy(row.held)
        for one in patching.checked(call, request):
            if (one.get("path") or "").startswith("/apiStages"):
                _change_stages(held, one)
            else:
                patching.apply(held, [one], _RULES)
        _check(tx, call, held)
        row.held = held
        ITEMS.put(tx, call.scope, row)
        touched(tx, call.scope, EVERYWHERE)
    return describe(row, tags=True)


def _change_stages(held: dict[str, Any], operation: Mapping[str, Any]) -> None:
    """ "/apiStages" with "api:stage" as the value, or a method's limits within one of them."""
    parts = patching.segments(operation["path"])
    verb, value = operation.get("op"), operation.get("value") or ""
    stages: list[dict[str, Any]] = held.setdefault("apiStages", [])
    named = parts[1] if len(parts) > 1 else value
    api, colon, stage = named.partition(":")
    if not colon:
        raise bad(f"Invalid patch value {value} specified for op '{verb}' with path '{operation['path']}'")
    known = next((one for one in stages if (one["apiId"], one["stage"]) == (api, stage)), None)
    if len(parts) <= 2:
        if verb == "add":
            if known is not None:
                raise conflict(f"API stage {named} has already been added to the usage plan")
            stages.append({"apiId": api, "stage": stage})
        elif verb == "remove":
            if known is None:
                raise errors.NotFoundException(f"API Stage not found: {named}")
            stages.remove(known)
        else:
            raise bad(
                f"Invalid patch path  '{operation['path']}' specified for op '{verb}'. Must be one of: [/apiStages]"
            )
        return
    if known is None:
        raise errors.NotFoundException(f"API Stage not found: {named}")
    rest = "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts[2:])
    patching.apply(known, [{**operation, "path": rest}], _STAGE_RULES)


@operation(resource=names.resource)
def delete_usage_plan(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = find(tx, call.scope, "plan", ROOT, request["usagePlanId"])
        if row.held.get("apiStages"):
            raise bad(
                f"Cannot delete Usage Plan '{row.id}'. All the associated API stages should be removed before deleting "
                "the usage plan"
            )
        ITEMS.delete_all(tx, call.scope, "plan-key", row.id)
        COUNTS.delete_all(tx, call.scope, row.id)
        ITEMS.delete(tx, call.scope, "plan", ROOT, row.id)
        touched(tx, call.scope, EVERYWHERE)
    return {}


# Keys of a plan


def _describe_key(key: Item, kind: str = "API_KEY") -> dict[str, Any]:
    return {"id": key.id, "type": kind, "value": key.held["value"], "name": key.held.get("name")}


@operation(resource=names.resource)
def create_usage_plan_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateUsagePlanKey. Raises ConflictException."""
    with call.write() as tx:
        if request["keyType"] != "API_KEY":
            raise bad("Invalid key type specified")
        plan = find(tx, call.scope, "plan", ROOT, request["usagePlanId"])
        key = key_of(tx, call, request["keyId"])
        if ITEMS.get(tx, call.scope, "plan-key", plan.id, key.id) is not None:
            raise conflict(f"Usage Plan Key already exists for key {key.id} in usage plan {plan.id}")
        put(tx, call.scope, "plan-key", plan.id, key.id, {"type": "API_KEY"}, call.now())
        touched(tx, call.scope, EVERYWHERE)
    return _describe_key(key)


@operation(resource=names.resource)
def get_usage_plan_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        plan = find(tx, call.scope, "plan", ROOT, request["usagePlanId"])
        if ITEMS.get(tx, call.scope, "plan-key", plan.id, request["keyId"]) is None:
            raise errors.NotFoundException("Invalid Usage Plan Key identifier specified")
        return _describe_key(key_of(tx, call, request["keyId"]))


@operation(resource=names.resource)
def get_usage_plan_keys(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    start = request.get("nameQuery") or ""
    with call.read() as tx:
        plan = find(tx, call.scope, "plan", ROOT, request["usagePlanId"])
        rows = [key_of(tx, call, row.id) for row in items(tx, call.scope, "plan-key", plan.id)]
    return page([_describe_key(key) for key in rows if (key.held.get("name") or "").startswith(start)], request)


@operation(resource=names.resource)
def delete_usage_plan_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        plan = find(tx, call.scope, "plan", ROOT, request["usagePlanId"])
        if ITEMS.get(tx, call.scope, "plan-key", plan.id, request["keyId"]) is None:
            raise errors.NotFoundException("Invalid Usage Plan Key identifier specified")
        ITEMS.delete(tx, call.scope, "plan-key", plan.id, request["keyId"])
        touched(tx, call.scope, EVERYWHERE)
    return {}


# Usage


def _days(request: Mapping[str, Any]) -> list[str]:
    try:
        first, last = (datetime.date.fromisoformat(request[key]) for key in ("startDate", "endDate"))
    except ValueError:
        raise bad("Usage Plan start and end dates must be of the form yyyy-MM-dd") from None
    if last < first or (last - first).days > 366:
        raise bad("Invalid date range specified: the start date must not be after the end date")
    return [(first + datetime.timedelta(days=step)).isoformat() for step in range((last - first).days + 1)]


@operation(resource=names.resource)
def get_usage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetUsage: for each key, a pair (used, left) a day."""
    days = _days(request)
    call.cloud.planes["apigateway"].keep_counts()
    with call.read() as tx:
        plan = find(tx, call.scope, "plan", ROOT, request["usagePlanId"])
        keys = [row.id for row in items(tx, call.scope, "plan-key", plan.id)]
        if request.get("keyId"):
            keys = [key for key in keys if key == request["keyId"]]
        told = {key: _usage(tx, call, plan, key, days) for key in keys}
    return {
        "usagePlanId": plan.id,
        "startDate": request["startDate"],
        "endDate": request["endDate"],
        "items": {key: pairs for key, pairs in told.items() if any(used for used, _ in pairs)},
    }


def _usage(tx: Reader, call: Call, plan: Item, key: str, days: list[str]) -> list[list[int]]:
    limit = (plan.held.get("quota") or {}).get("limit", 0)
    left, pairs = limit, []
    for day in days:
        row = COUNTS.get(tx, call.scope, plan.id, key, day)
        used = row.used if row is not None else 0
        left = max(0, left - used) if limit else 0
        pairs.append([max(used, 0), left])
    return pairs


@operation(resource=names.resource)
def update_usage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateUsage: what is left of a key's quota today."""
    day = datetime.datetime.fromtimestamp(call.now(), datetime.UTC).date().isoformat()
    plane = call.cloud.planes["apigateway"]
    plane.keep_counts()
    with call.write() as tx:
        plan = find(tx, call.scope, "plan", ROOT, request["usagePlanId"])
        key_of(tx, call, request["keyId"])
        quota = plan.held.get("quota")
        if not quota:
            raise bad(f"Usage Plan {plan.id} does not have a quota")
        held: dict[str, Any] = {}
        patching.apply(held, patching.checked(call, request), (Rule("/remaining", "replace", integer),))
        if "remaining" in held:
            row = Count(plan=plan.id, key=request["keyId"], day=day, used=quota["limit"] - held["remaining"])
            COUNTS.put(tx, call.scope, row)
        pairs = _usage(tx, call, plan, request["keyId"], [day])
    plane.forget_counts(plan.id, request["keyId"])
    return {"usagePlanId": plan.id, "startDate": day, "endDate": day, "items": {request["keyId"]: pairs}}
