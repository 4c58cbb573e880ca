"""TransactWriteItems and TransactGetItems: all or nothing, serial with everything else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from haneul.service import Call, operation
from haneul.services.dynamodb import changes, expressions, iam, memory, throttle
from haneul.services.dynamodb.capacity import Bills, collection_metrics, meter_read, meter_write, read_units
from haneul.services.dynamodb.changes import Written
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.expressions import Condition, Update
from haneul.services.dynamodb.items import FAILED, check_item, put_key
from haneul.services.dynamodb.memory import Memory
from haneul.services.dynamodb.names import resolve, table_arn
from haneul.services.dynamodb.plane import legacy, projections, records, values
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import NOT_VALID, Schema
from haneul.services.dynamodb.state import TOKENS, TokenRow
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

SIZE_LIMIT = 4 * 1024 * 1024
TOKEN_LIFE = 600.0
ONE_ITEM = "Transaction request cannot include multiple operations on one item"
_KINDS = ("ConditionCheck", "Put", "Delete", "Update")


class Action(NamedTuple):
    """One action of a transaction, its expressions checked."""

    kind: str
    request: Mapping[str, Any]
    condition: Condition | None
    update: Update | None
    size: int


class Plan(NamedTuple):
    """What an action will do, once all of them may."""

    schema: Schema
    key: bytes
    stored: bytes | None
    old: tuple[Item | None, bytes]
    new: Item | None
    size: int


class Cancelled(Exception):
    """An action can't be done; `code` and `message` go into its cancellation reason."""

    def __init__(self, code: str, message: str, item: Item | None = None) -> None:
        super().__init__(message)
        self.reason: dict[str, Any] = {"Code": code, "Message": message}
        if item is not None:
            self.reason["Item"] = item


def _resources(call: Call, request: Mapping[str, Any]) -> list[str]:
    names = {each.get("TableName", "") for item in request["TransactItems"] for each in item.values()}
    return [name if name.startswith("arn:") else table_arn(call.scope, name) for name in sorted(names)]


def _write_actions(call: Call, request: Mapping[str, Any]) -> list[str]:
    """IAM asks for what a transaction does (PutItem ...), not for the transaction."""
    names = {"ConditionCheck": "ConditionCheckItem", "Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem"}
    return sorted({f"dynamodb:{names[kind]}" for item in request["TransactItems"] for kind in item if kind in names})


def _conditions(call: Call, request: Mapping[str, Any]) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {"dynamodb:EnclosingOperation": call.operation}
    if call.cloud.config.iam_enforced:
        leading: list[str] = []
        for item in request["TransactItems"]:
            for each in item.values():
                told = iam.item_conditions(call, each).get("dynamodb:LeadingKeys", [])
                leading += [told] if isinstance(told, str) else told
        if leading:
            found["dynamodb:LeadingKeys"] = leading
    return found


@operation(resource=_resources, action=_write_actions, conditions=_conditions)
def transact_write_items(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TransactWriteItems. Raises TransactionCanceledException, IdempotentParameterMismatchException."""
    token = request.get("ClientRequestToken")
    digest = b"" if token is None else _digest(request)
    actions = [_parse(each) for each in request["TransactItems"]]
    if sum(action.size for action in actions) > SIZE_LIMIT:
        raise invalid("Transaction payload size cannot exceed 4 MB")
    store = memory.of(call.cloud)
    now = call.now()
    done: list[tuple[Plan, Action, Written]] = []
    with call.write() as tx:
        if token is not None and _seen(call, tx, token, digest, now):
            return _replayed(call, tx, actions, request)
        plans = _plan(call, tx, actions)
        for plan, action in zip(plans, actions, strict=True):
            done.append((plan, action, perform(store, tx, plan, action, now)))
        if token is not None:
            TOKENS.put(tx, call.scope, TokenRow("TransactWriteItems", token, digest, now + TOKEN_LIFE))
    bills = Bills()
    metrics: dict[str, list[dict[str, Any]]] = {}
    for plan, action, written in done:
        bills.of(plan.schema.name).written(plan.schema, written, 2.0)
        key = action.request.get("Key") or action.request.get("Item") or {}
        told = None if action.kind == "ConditionCheck" else collection_metrics(plan.schema, key, written)
        if told is not None:
            metrics.setdefault(plan.schema.name, []).append(told)
    for plan in {plan.schema.name: plan for plan, _, _ in done}.values():
        throttle.charge(call, plan.schema, "write", bills.of(plan.schema.name))
    meter_write(call, sum(bill.total for bill in bills.tables.values()))
    output: dict[str, Any] = {"ConsumedCapacity": bills.tell(request.get("ReturnConsumedCapacity"), "Write")}
    if request.get("ReturnItemCollectionMetrics") == "SIZE" and metrics:
        output["ItemCollectionMetrics"] = metrics
    return output


def _digest(request: Mapping[str, Any]) -> bytes:
    told = orjson.dumps(request["TransactItems"], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(told, digest_size=16).digest()


def _seen(call: Call, tx: Writer, token: str, digest: bytes, now: float) -> bool:
    """Whether this very transaction was done before. Raises IdempotentParameterMismatchException."""
    row = TOKENS.get(tx, call.scope, "TransactWriteItems", token)
    if row is None or row.expires <= now:
        return False
    if row.digest != digest:
        raise errors.IdempotentParameterMismatchException(
            "Request parameters do not match the parameters of the original request with the same client token"
        )
    return True


def _replayed(call: Call, tx: Reader, actions: list[Action], request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a repeated transaction: nothing is written, and what it touches is read."""
    bills = Bills()
    for action in actions:
        schema = resolve(call, tx, action.request["TableName"])
        bills.of(schema.name).table += 2.0
    return {"ConsumedCapacity": bills.tell(request.get("ReturnConsumedCapacity"), "Read")}


def _parse(each: Mapping[str, Any]) -> Action:
    """Check one action as far as that goes without the table. Raises ValidationException."""
    kinds = [kind for kind in _KINDS if kind in each]
    if len(kinds) != 1:
        raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    kind = kinds[0]
    request = each[kind]
    if kind == "Update":
        update = Update(request)
        return Action(
            kind, request, update.condition, update, values.check_item(request["Key"]) + _values_size(request)
        )
    legacy.check_mixture(request, ("ConditionExpression",), ())
    condition = expressions.write_condition(request)
    if kind == "Put":
        return Action(kind, request, condition, None, check_item(request["Item"]))
    return Action(kind, request, condition, None, values.check_item(request["Key"]))


def _values_size(request: Mapping[str, Any]) -> int:
    return sum(values.size_of(value) for value in (request.get("ExpressionAttributeValues") or {}).values())


def _plan(call: Call, tx: Writer, actions: list[Action]) -> list[Plan]:
    """What each action will do. Raises TransactionCanceledException when one of them can't."""
    located = _locate(call, tx, actions)
    plans: list[Plan] = []
    reasons: list[dict[str, Any]] = []
    for action, (schema, key) in zip(actions, located, strict=True):
        try:
            plans.append(plan_one(tx, action, schema, key))
            reasons.append({"Code": "None"})
        except Cancelled as cancelled:
            reasons.append(cancelled.reason)
    cancel(reasons)
    return plans


def _locate(call: Call, tx: Reader, actions: list[Action]) -> list[tuple[Schema, bytes]]:
    found: list[tuple[Schema, bytes]] = []
    for number, action in enumerate(actions):
        schema = resolve(call, tx, action.request["TableName"])
        throttle.admit(call, schema, "write")
        try:
            found.append((schema, locate_action(schema, action)))
        except Cancelled as cancelled:
            reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in actions]
            reasons[number] = cancelled.reason
            cancel(reasons)
    if len({(schema.data, key) for schema, key in found}) != len(found):
        raise invalid(ONE_ITEM)
    return found


def locate_action(schema: Schema, action: Action) -> bytes:
    """The key bytes of the action's item. Raises Cancelled."""
    try:
        if action.kind == "Put":
            return put_key(schema, action.request["Item"])
        if action.update is not None:
            action.update.check(schema)
        return schema.key(action.request["Key"])
    except AwsError as error:
        if error.message.startswith(NOT_VALID):
            raise  # empty keys: the one thing about keys that AWS refuses before it looks at the others
        raise Cancelled("ValidationError", error.message) from None


def perform(store: Memory, tx: Writer, plan: Plan, action: Action, now: float) -> Written:
    """Do what was planned."""
    if action.kind in ("Put", "Update") and plan.new is not None:
        return changes.put(store, tx, plan.schema, plan.key, plan.stored, plan.new, plan.size, now, plan.old)
    if action.kind == "Delete" and plan.stored is not None:
        return changes.remove(store, tx, plan.schema, plan.key, plan.stored, now, plan.old)
    return Written(changes.units(plan.size))


def cancel(reasons: list[dict[str, Any]]) -> None:
    """Raise TransactionCanceledException if one of the reasons is one."""
    codes = [reason["Code"] for reason in reasons]
    if any(code != "None" for code in codes):
        raise errors.TransactionCanceledException(
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]",
            CancellationReasons=reasons,
        )


def plan_one(tx: Reader, action: Action, schema: Schema, key: bytes) -> Plan:
    stored = tx.get(schema.base + key)
    old = changes.load(tx, schema, key, stored)
    if action.condition is not None and not action.condition.test(old[0] or {}):
        told = action.request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        raise Cancelled("ConditionalCheckFailed", FAILED, old[0] if told else None)
    before = 0 if stored is None else records.size(stored)
    if action.kind == "Put":
        return Plan(schema, key, stored, old, action.request["Item"], action.size)
    if action.update is None:
        return Plan(schema, key, stored, old, None, before)
    if old[0] is None and action.update.only_removes():
        return Plan(schema, key, stored, old, None, before)
    base = dict(action.request["Key"])
    new = base if old[0] is None else orjson.loads(old[1])
    try:
        size = action.update.apply(schema, dict(base) if old[0] is None else old[0], new)
    except AwsError as error:
        if error.message.startswith(NOT_VALID):
            raise
        raise Cancelled("ValidationError", error.message) from None
    return Plan(schema, key, stored, old, new, size)


@operation(resource=_resources, action="dynamodb:GetItem", conditions=_conditions)
def transact_get_items(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TransactGetItems. Raises TransactionCanceledException, ResourceNotFoundException, ValidationException."""
    gets = [each["Get"] for each in request["TransactItems"]]
    paths = [expressions.read_projection(get) for get in gets]
    for get in gets:
        values.check_item(get["Key"])
    bills = Bills()
    responses: list[dict[str, Any]] = []
    total = 0
    with call.read() as tx:
        for (schema, key), wanted in zip(_locate_gets(call, tx, gets), paths, strict=True):
            value = tx.get(schema.base + key)
            size = 0 if value is None else records.size(value)
            total += size
            bills.of(schema.name).table += read_units(size, True) * 2
            if value is None:
                responses.append({})
                continue
            json = records.json_of(tx, schema.pieces, key, value)
            if wanted is None:
                responses.append({"Item": orjson.Fragment(json)})
            else:
                responses.append({"Item": projections.project(orjson.loads(json), projections.tree(wanted))})
    if total > SIZE_LIMIT:
        raise invalid("Transaction payload size cannot exceed 4 MB")
    meter_read(call, sum(bill.total for bill in bills.tables.values()))
    return {"Responses": responses, "ConsumedCapacity": bills.tell(request.get("ReturnConsumedCapacity"), "Read")}


def _locate_gets(call: Call, tx: Reader, gets: list[Mapping[str, Any]]) -> list[tuple[Schema, bytes]]:
    found: list[tuple[Schema, bytes]] = []
    for number, get in enumerate(gets):
        schema = resolve(call, tx, get["TableName"])
        throttle.admit(call, schema, "read")
        try:
            found.append((schema, schema.key(get["Key"])))
        except AwsError as error:
            reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in gets]
            reasons[number] = {"Code": "ValidationError", "Message": error.message}
            cancel(reasons)
    if len({(schema.data, key) for schema, key in found}) != len(found):
        raise invalid(ONE_ITEM)
    return found
