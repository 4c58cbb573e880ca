"""PartiQL: one statement, a batch of them, or a transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from haneul.service import Call, operation
from haneul.services.dynamodb import memory, selections, transactions
from haneul.services.dynamodb.capacity import Bill, Bills, meter_write
from haneul.services.dynamodb.changes import Written
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.expressions import Condition, Update
from haneul.services.dynamodb.items import FAILED, check_item, returned
from haneul.services.dynamodb.names import resolve, table_arn
from haneul.services.dynamodb.plane import conditions, partiql, updates
from haneul.services.dynamodb.plane.binding import Unbound
from haneul.services.dynamodb.plane.partiql import Statement
from haneul.services.dynamodb.plane.syntax import Condition as Tree
from haneul.services.dynamodb.schemas import Schema
from haneul.services.dynamodb.selections import conjuncts, join, key_equalities
from haneul.services.dynamodb.state import TOKENS, TokenRow
from haneul.services.dynamodb.transactions import Action, Cancelled, Plan
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

BATCH_LIMIT = 25
DUPLICATE = "Duplicate primary key exists in table"
_KINDS = {"INSERT": "Insert", "UPDATE": "Update", "DELETE": "Delete", "SELECT": "Select", "EXISTS": "Select"}
_BATCH_CODES = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "DuplicateItemException": "DuplicateItem",
    "ResourceNotFoundException": "ResourceNotFound",
    "ItemCollectionSizeLimitExceededException": "ItemCollectionSizeLimitExceeded",
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "ValidationException": "ValidationError",
}


def _parsed(request: Mapping[str, Any]) -> list[Statement]:
    """The statements of any of the three requests, as far as they can be read."""
    told = request.get("Statements") or request.get("TransactStatements") or [request]
    found = []
    for each in told:
        try:
            found.append(partiql.parse(each["Statement"], each.get("Parameters")))
        except AwsError:
            continue
    return found


def _resources(call: Call, request: Mapping[str, Any]) -> list[str]:
    arns = []
    for statement in _parsed(request):
        arn = table_arn(call.scope, statement.table)
        arns.append(f"{arn}/index/{statement.index_name}" if statement.index_name else arn)
    return sorted(set(arns)) or ["*"]


def _actions(call: Call, request: Mapping[str, Any]) -> list[str]:
    return sorted({f"dynamodb:PartiQL{_KINDS[each.kind]}" for each in _parsed(request)}) or ["dynamodb:PartiQLSelect"]


@operation(resource=_resources, action=_actions)
def execute_statement(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ExecuteStatement. Raises ConditionalCheckFailedException, DuplicateItemException, ValidationException."""
    statement = partiql.parse(request["Statement"], request.get("Parameters"))
    if statement.kind == "EXISTS":
        raise invalid("EXISTS is only supported in ExecuteTransaction")
    if statement.kind == "SELECT":
        return selections.select(call, statement, request)
    bill, attributes = write(call, statement, request.get("ReturnValuesOnConditionCheckFailure"))
    output: dict[str, Any] = {"ConsumedCapacity": bill.tell(request.get("ReturnConsumedCapacity"))}
    output["Items"] = [attributes] if attributes else []
    return output


def write(call: Call, statement: Statement, on_failure: str | None) -> tuple[Bill, Any]:
    """Perform an INSERT, UPDATE or DELETE: what it cost, and what it returns."""
    with call.write() as tx:
        schema = resolve(call, tx, statement.table)
        action = action_of(schema, statement, on_failure)
        try:
            key = transactions.locate_action(schema, action)
            plan = transactions.plan_one(tx, action, schema, key)
        except Cancelled as cancelled:
            raise _raised(statement, cancelled) from None
        written = transactions.perform(memory.of(call.cloud), tx, plan, action, call.now())
    bill = Bill(schema.name)
    bill.written(schema, written)
    meter_write(call, bill.total)
    return bill, _returned(statement, plan, action)


def _raised(statement: Statement, cancelled: Cancelled) -> AwsError:
    reason = cancelled.reason
    if reason["Code"] == "ConditionalCheckFailed":
        if statement.kind == "INSERT":
            return errors.DuplicateItemException(DUPLICATE)
        members = {"Item": reason["Item"]} if "Item" in reason else {}
        return errors.ConditionalCheckFailedException(FAILED, **members)
    return invalid(reason["Message"])


def _returned(statement: Statement, plan: Plan, action: Action) -> Any:
    if statement.returning is None:
        return None
    if action.update is None:
        return plan.old[0] if statement.returning == "ALL_OLD" else None
    return returned(statement.returning, action.update, plan.old[0], plan.new)


def action_of(schema: Schema, statement: Statement, on_failure: str | None) -> Action:
    """A write statement (or EXISTS) as an action of a transaction. Raises ValidationException."""
    request: dict[str, Any] = {
        "TableName": statement.table,
        "ReturnValuesOnConditionCheckFailure": on_failure,
    }
    if statement.kind == "INSERT":
        assert statement.item is not None
        item = statement.item["M"]
        return Action("Put", {**request, "Item": item}, Condition(lambda old: not old), None, check_item(item))
    if statement.index_name is not None:
        raise invalid("Index cannot be used in this statement")
    parts = conjuncts(statement.where)
    key, rest = key_equalities(schema, parts)
    if len(key) != len(schema.key_names):
        raise invalid("Where clause does not contain a mandatory equality on all key attributes")
    request["Key"] = key
    condition = _condition(rest)
    if statement.kind == "EXISTS":
        if condition is None:
            raise invalid("EXISTS() must contain a single item read with additional condition")
        return Action("ConditionCheck", request, condition, None, 0)
    if statement.kind == "DELETE":
        return Action("Delete", request, condition, None, 0)
    actions = updates.bind_clauses(statement.clauses, Unbound())
    extra = condition.test if condition is not None else None
    present = Condition(lambda old: bool(old) and (extra is None or extra(old)))
    return Action("Update", request, present, Update.of(actions, present), 0)


def _condition(parts: list[Tree]) -> Condition | None:
    tree = join(parts)
    if tree is None:
        return None
    bound = conditions.bind_tree(tree, Unbound(), "")
    return Condition(bound.test, bound.paths)


def _member(told: Mapping[str, Any]) -> Statement | AwsError:
    """A statement of a batch, or what is wrong with it alone."""
    try:
        return partiql.parse(told["Statement"], told.get("Parameters"))
    except AwsError as wrong:
        return wrong


@operation(resource=_resources, action=_actions)
def batch_execute_statement(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """BatchExecuteStatement: each statement on its own, each with its own error."""
    told = request["Statements"]
    if len(told) > BATCH_LIMIT:
        raise invalid("Too many statements requested for the BatchExecuteStatement call")
    statements = [_member(each) for each in told]
    reads = {each.kind == "SELECT" for each in statements if isinstance(each, Statement)}
    if len(reads) > 1:
        raise invalid("The entire batch must consist of either read statements or write statements")
    responses = []
    bills = Bills()
    for statement, each in zip(statements, told, strict=True):
        response: dict[str, Any] = {"TableName": statement.table} if isinstance(statement, Statement) else {}
        try:
            if isinstance(statement, AwsError):
                raise statement
            if statement.kind == "SELECT":
                item, bill = selections.one(call, statement, bool(each.get("ConsistentRead")), "BatchExecuteStatement")
            else:
                bill, item = write(call, statement, each.get("ReturnValuesOnConditionCheckFailure"))
            total = bills.of(bill.name)
            total.table += bill.table
            for mine, theirs in ((total.globals, bill.globals), (total.locals, bill.locals)):
                for name, amount in theirs.items():
                    mine[name] = mine.get(name, 0.0) + amount
            if item:
                response["Item"] = item
        except AwsError as error:
            response["Error"] = {
                "Code": _BATCH_CODES.get(error.code, "InternalServerError"),
                "Message": error.message,
                **({"Item": error.members["Item"]} if "Item" in error.members else {}),
            }
        responses.append(response)
    return {"Responses": responses, "ConsumedCapacity": bills.tell(request.get("ReturnConsumedCapacity"))}


@operation(resource=_resources, action=_actions)
def execute_transaction(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ExecuteTransaction. Raises TransactionCanceledException, IdempotentParameterMismatchException."""
    told = request["TransactStatements"]
    statements = [partiql.parse(each["Statement"], each.get("Parameters")) for each in told]
    reads = {statement.kind == "SELECT" for statement in statements}
    if len(reads) > 1:
        raise invalid(
            "The entire transaction must consist of either read statements or write statements, you cannot mix both in "
            "one transaction"
        )
    for number, statement in enumerate(statements):
        _check_transacted(number, statement)
    how = request.get("ReturnConsumedCapacity")
    if statements[0].kind == "SELECT":
        return _read_all(call, statements, how)
    token = request.get("ClientRequestToken")
    digest = hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
    bills = Bills()
    with call.write() as tx:
        if token is not None and _seen(call, tx, token, digest):
            return {"Responses": [], "ConsumedCapacity": _replayed(call, tx, statements).tell(how, "Read")}
        located = []
        for number, (statement, each) in enumerate(zip(statements, told, strict=True)):
            schema = resolve(call, tx, statement.table)
            with _numbered(number):
                action = action_of(schema, statement, each.get("ReturnValuesOnConditionCheckFailure"))
            located.append((schema, action, statement))
        done = _perform_all(call, tx, located)
        if token is not None:
            TOKENS.put(
                tx, call.scope, TokenRow("ExecuteTransaction", token, digest, call.now() + transactions.TOKEN_LIFE)
            )
    for schema, written in done:
        bills.of(schema.name).written(schema, written, 2.0)
    meter_write(call, sum(bill.total for bill in bills.tables.values()))
    return {"Responses": [], "ConsumedCapacity": bills.tell(how, "Write")}


@contextmanager
def _numbered(number: int) -> Iterator[None]:
    """What is wrong with a statement of a transaction is told with its number."""
    try:
        yield
    except AwsError as wrong:
        if wrong.code != "ValidationException":
            raise
        raise invalid(f"Validation failed in TransactStatements[{number}]: {wrong.message}") from None


def _check_transacted(number: int, statement: Statement) -> None:
    with _numbered(number):
        if statement.returning is not None:
            raise invalid("RETURNING clause is not supported in ExecuteTransaction.")
        if statement.kind == "SELECT" and statement.index_name is not None:
            raise invalid("Reads on indices are not supported within transactions.")


def _replayed(call: Call, tx: Reader, statements: list[Statement]) -> Bills:
    """What a repeated transaction costs: the items it touched are read."""
    bills = Bills()
    for statement in statements:
        bills.of(resolve(call, tx, statement.table).name).table += 2.0
    return bills


def _seen(call: Call, tx: Reader, token: str, digest: bytes) -> bool:
    row = TOKENS.get(tx, call.scope, "ExecuteTransaction", token)
    if row is None or row.expires <= call.now():
        return False
    if row.digest != digest:
        raise errors.IdempotentParameterMismatchException(
            "Request parameters do not match the parameters of the original request with the same client token"
        )
    return True


def _perform_all(
    call: Call, tx: Writer, located: list[tuple[Schema, Action, Statement]]
) -> list[tuple[Schema, Written]]:
    reasons: list[dict[str, Any]] = []
    plans: list[Plan] = []
    places: set[tuple[bytes, bytes]] = set()
    for schema, action, statement in located:
        try:
            key = transactions.locate_action(schema, action)
            if (schema.data, key) in places:
                raise invalid(transactions.ONE_ITEM)
            places.add((schema.data, key))
            plans.append(transactions.plan_one(tx, action, schema, key))
            reasons.append({"Code": "None"})
        except Cancelled as cancelled:
            reason = cancelled.reason
            if statement.kind == "INSERT" and reason["Code"] == "ConditionalCheckFailed":
                reason = {**reason, "Code": "DuplicateItem", "Message": DUPLICATE}
            reasons.append(reason)
    transactions.cancel(reasons)
    store, now = memory.of(call.cloud), call.now()
    return [
        (plan.schema, transactions.perform(store, tx, plan, action, now))
        for plan, (_, action, _) in zip(plans, located, strict=True)
    ]


def _read_all(call: Call, statements: list[Statement], how: str | None) -> dict[str, Any]:
    responses = []
    bills = Bills()
    with call.read() as tx:
        for number, statement in enumerate(statements):
            with _numbered(number):
                item, bill = selections.one(call, statement, True, "ExecuteTransaction", tx)
            bills.of(bill.name).table += bill.table * 2
            responses.append({"Item": item} if item is not None else {})
    return {"Responses": responses, "ConsumedCapacity": bills.tell(how, "Read")}
