"""The policy simulator: the gate's own evaluator, asked about what might be, telling the deciding statements."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from haneul.auth import tables
from haneul.auth.context import Given
from haneul.auth.decision import Decision, evaluate
from haneul.auth.directory import entity_policies, managed_document
from haneul.auth.organizations import control_policies
from haneul.auth.policy import Statement, compiled
from haneul.auth.principals import Policies, Principal
from haneul.service import Call, operation
from haneul.services.iam import context_keys, documents, entities
from haneul.services.iam.entities import Answer, Entity, Request
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import numbered
from haneul.state.store import Reader


class Source(NamedTuple):
    """A document with the name that the simulator tells it by, and the type by which it can be excluded."""

    id: str
    type: str | None
    document: str


class Question(NamedTuple):
    principal: Principal
    sources: list[Source]
    policies: Policies
    keys: dict[str, str | list[str]]
    resource_policy: str | None
    owner: str | None


def _source(call: Call, request: Request) -> str:
    return str(request["PolicySourceArn"])


@operation()
def simulate_custom_policy(call: Call, request: Request) -> Answer:
    """Policies given in full. Nothing of the account's own counts."""
    sources = _given(request["PolicyInputList"])
    levels = [
        tuple(level.get("ServiceControlPolicyInputList") or ())
        for level in request.get("OrderedOrganizationPolicyInputList") or ()
    ]
    principal = _caller(call, request) or _user(call.account, "simulated")
    policies = Policies(
        identity=tuple((source.id, source.document) for source in sources),
        boundary=_boundary(request),
        organization=tuple(levels),
    )
    return _simulate(call, request, principal, sources, policies)


@operation(resource=_source)
def simulate_principal_policy(call: Call, request: Request) -> Answer:
    """The policies of a user, group or role, with others added to them."""
    arn = request["PolicySourceArn"]
    with call.read() as tx:
        kind, entity = _entity(tx, call, arn)
        owned = [source for source in _owned(tx, call, entity) if not _is_excluded(request, source)]
        sources = owned + _given(request.get("PolicyInputList") or [])
        boundary = _boundary(request)
        if boundary is None and not isinstance(entity, tables.Group) and entity.boundary:
            boundary = managed_document(tx, call.account, entity.boundary)
        organization = control_policies(tx, call.account)
    principal = _caller(call, request) or _principal(call, kind, entity, arn)
    policies = Policies(
        identity=tuple((source.id, source.document) for source in sources),
        boundary=boundary,
        organization=organization,
    )
    return _simulate(call, request, principal, sources, policies)


@operation()
def get_context_keys_for_custom_policy(call: Call, request: Request) -> Answer:
    for document in request["PolicyInputList"]:
        _check(document)
    return {"ContextKeyNames": context_keys.all_names(request["PolicyInputList"])}


@operation(resource=_source)
def get_context_keys_for_principal_policy(call: Call, request: Request) -> Answer:
    extra = list(request.get("PolicyInputList") or [])
    for document in extra:
        _check(document)
    with call.read() as tx:
        _, entity = _entity(tx, call, request["PolicySourceArn"])
        owned = [source.document for source in _owned(tx, call, entity)]
    return {"ContextKeyNames": context_keys.all_names(owned + extra)}


def _simulate(call: Call, request: Request, principal: Principal, sources: list[Source], policies: Policies) -> Answer:
    for name in request["ActionNames"]:
        if ":" not in name:
            raise errors.InvalidInput(f"Invalid Action Name {name}")
    question = Question(
        principal, sources, policies, _keys(call, request, principal), request.get("ResourcePolicy"), _owner(request)
    )
    resources = request.get("ResourceArns") or ["*"]
    results = [_answer(question, action, one) for action in request["ActionNames"] for one in resources]
    return numbered(request, "EvaluationResults", results)


def _answer(question: Question, action: str, resource: str) -> Answer:
    keys = Given(question.keys)
    decision = evaluate(
        question.principal,
        action,
        resource,
        keys,
        question.policies,
        resource_policy=question.resource_policy,
        owner=question.owner,
    )
    matched, missing = _statements(question, action, resource, keys, decision)
    answer: Answer = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": _word(decision),
        "MatchedStatements": matched,
        "MissingContextValues": missing,
    }
    if question.policies.organization:
        answer["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": decision.kind != "organization"}
    if question.policies.boundary is not None:
        bounds = evaluate(
            question.principal,
            action,
            resource,
            keys,
            Policies(identity=(("boundary", question.policies.boundary),)),
        )
        answer["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": bounds.allowed}
    return answer


def _statements(
    question: Question, action: str, resource: str, keys: Given, decision: Decision
) -> tuple[list[Answer], list[str]]:
    """The statements that brought the decision about, and the keys that the statements in question lacked."""
    matched: list[Answer] = []
    missing: dict[str, None] = {}
    sources = list(question.sources)
    if question.resource_policy is not None:
        sources.append(Source("ResourcePolicy", "resource", question.resource_policy))
    given = {name.lower() for name in question.keys}
    for source in sources:
        original = {name.lower(): name for name in context_keys.names(source.document)}
        for statement in compiled(source.document).about(action.lower()):
            lacking = [original.get(key, key) for key in sorted(statement.keys) if key not in given]
            missing.update(dict.fromkeys(lacking))
            decides = not statement.allow if decision.explicit else statement.allow
            if (decision.allowed or decision.explicit) and decides and statement.holds(resource, keys):
                matched.append(_told(source, statement))
    return matched, list(missing)


def _told(source: Source, statement: Statement) -> Answer:
    places = context_keys.spans(source.document)
    if statement.index >= len(places):
        return {"SourcePolicyId": source.id}
    start, end = places[statement.index]
    return {
        "SourcePolicyId": source.id,
        "StartPosition": {"Line": start[0], "Column": start[1]},
        "EndPosition": {"Line": end[0], "Column": end[1]},
    }


def _word(decision: Decision) -> str:
    if decision.allowed:
        return "allowed"
    return "explicitDeny" if decision.explicit else "implicitDeny"


def _check(document: str) -> None:
    try:
        policy = json.loads(document)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise errors.InvalidInput("Invalid policy: it must be a JSON object.")


def _given(inputs: list[str]) -> list[Source]:
    for document in inputs:
        try:
            documents.check_identity(document)
        except Exception as error:
            message = getattr(error, "message", "")
            raise errors.InvalidInput(f"Invalid policy: {message}") from None
    return [Source(f"PolicyInputList.{number}", None, document) for number, document in enumerate(inputs, 1)]


def _boundary(request: Request) -> str | None:
    given = request.get("PermissionsBoundaryPolicyInputList")
    if not given:
        return None
    if len(given) > 1:
        raise errors.InvalidInput("Only one permissions boundary can be simulated.")
    return str(given[0])


def _owner(request: Request) -> str | None:
    owner = request.get("ResourceOwner")
    if owner is None:
        return None
    return owner.split(":")[4] if owner.startswith("arn:") and owner.count(":") >= 5 else str(owner)


def _keys(call: Call, request: Request, principal: Principal) -> dict[str, str | list[str]]:
    moment = datetime.fromtimestamp(call.now(), UTC)
    keys: dict[str, str | list[str]] = {
        "aws:CurrentTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(call.now())),
        "aws:PrincipalAccount": principal.account,
        "aws:PrincipalArn": principal.role_arn or principal.arn,
        "aws:userid": principal.user_id,
    }
    if principal.kind == "user":
        keys["aws:username"] = principal.user_name
    keys |= dict(principal.session)
    for entry in request.get("ContextEntries") or ():
        values = [str(value) for value in entry.get("ContextKeyValues") or ()]
        if values and entry.get("ContextKeyName"):
            is_list = str(entry.get("ContextKeyType", "")).endswith("List")
            keys[entry["ContextKeyName"]] = values if is_list else values[0]
    return keys


def _caller(call: Call, request: Request) -> Principal | None:
    """Who is to be simulated as calling, when the request says it."""
    arn = request.get("CallerArn")
    if arn is None:
        return None
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[5].startswith("user/"):
        raise errors.InvalidInput(f"Invalid caller ARN {arn}: it must name an IAM user.")
    return _user(parts[4], arn.rpartition("/")[2], arn)


def _user(account: str, name: str, arn: str | None = None) -> Principal:
    return Principal(
        account=account,
        arn=arn or f"arn:aws:iam::{account}:user/{name}",
        kind="user",
        user_id="AIDASIMULATEDPRINCIPAL",
        user_name=name,
    )


def _principal(call: Call, kind: str, entity: Entity, arn: str) -> Principal:
    tags: dict[str, Any] = {} if isinstance(entity, tables.Group) else dict(entity.tags)
    session = {f"aws:PrincipalTag/{key}": value for key, value in tags.items()}
    if kind == "role":
        return Principal(
            account=call.account,
            arn=f"arn:aws:sts::{call.account}:assumed-role/{entity.name}/simulated",
            kind="role",
            user_id=f"{entity.id}:simulated",
            role_arn=arn,
            session=session,
        )
    return Principal(
        account=call.account, arn=arn, kind="user", user_id=entity.id, user_name=entity.name, session=session
    )


def _entity(tx: Reader, call: Call, arn: str) -> tuple[str, Entity]:
    parts = arn.split(":", 5)
    kind, _, name = parts[-1].partition("/")
    name = name.rpartition("/")[2]
    if len(parts) != 6 or parts[2] != "iam" or kind not in ("user", "group", "role") or not name:
        raise errors.InvalidInput(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    if parts[4] != call.account:
        raise errors.AccessDenied(f"The policies of {arn} belong to another account.")
    return kind, entities.entity(tx, call, kind, name)


def _owned(tx: Reader, call: Call, entity: Entity) -> Iterator[Source]:
    """An entity's policies and its groups', by the names that the simulator gives them."""
    yield from _sources(tx, call, entity)
    if isinstance(entity, tables.User):
        for key in entity.groups:
            group = tables.GROUPS.get(tx, tables.scope(call.account), key)
            if group is not None:
                yield from _sources(tx, call, group)


def _sources(tx: Reader, call: Call, entity: Entity) -> Iterator[Source]:
    kind = "user" if isinstance(entity, tables.User) else "group" if isinstance(entity, tables.Group) else "role"
    for name, document in entity_policies(tx, call.account, entity):
        if name.startswith("arn:"):
            is_aws = name.startswith("arn:aws:iam::aws:")
            yield Source(name.rpartition("/")[2], "aws-managed" if is_aws else "user-managed", document)
        else:
            yield Source(f"{kind}_{entity.name}_{name}", kind, document)


def _is_excluded(request: Request, source: Source) -> bool:
    for one in request.get("PolicyExclusionList") or ():
        inline = one.get("InlinePolicyIdentifier")
        if inline is not None:
            name = f"{inline['AttachmentType']}_{inline['AttachmentName']}_{inline['PolicyName']}"
            if source.id == name:
                return True
        if one.get("PolicyArn") is not None and source.id == one["PolicyArn"].rpartition("/")[2]:
            return True
        if one.get("PolicyType") == "inline" and source.type in ("user", "group", "role"):
            return inline is None
        if one.get("PolicyType") in ("aws-managed", "user-managed") and "PolicyArn" not in one:
            return bool(source.type == one["PolicyType"])
    return False
