"""Service-control policies: what nobody in an account may do, whatever its own policies say."""

from __future__ import annotations

from typing import Any

import orjson

from haneul.auth import organizations as rows
from haneul.service import Call, operation
from haneul.services.organizations import tree
from haneul.services.organizations.errors import errors
from haneul.services.organizations.tree import Answer, Request, change
from haneul.state.store import Reader

SIZE = 10_240
PER_TARGET = 5
_POLICY = tree.named("policy/service_control_policy", "PolicyId")
_FULL = rows.OrgPolicy(
    rows.FULL_ACCESS_ID, "FullAWSAccess", "Allows access to every operation", rows.SCP, rows.FULL_ACCESS
)


@operation()
def create_policy(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        kind = _available(organization, request["Type"])
        _check(request["Content"])
        _check_name(tx, organization, request["Name"])
        policy = rows.OrgPolicy(
            id=tree.new_id("p-", 8),
            name=request["Name"],
            description=request["Description"],
            type=kind,
            content=request["Content"],
            tags=tree.tags_of(request),
        )
        rows.POLICIES.put(tx, tree.own(organization), policy)
    return {"Policy": _describe(organization, policy)}


@operation(resource=_POLICY)
def describe_policy(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        policy = find(tx, organization, request["PolicyId"])
    return {"Policy": _describe(organization, policy)}


@operation()
def list_policies(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        kind = request["Filter"]
        found = [one for one in rows.POLICIES.scan(tx, tree.own(organization)) if one.type == kind]
    if kind == rows.SCP:
        found.insert(0, _FULL)
    return tree.page(request, "Policies", found, lambda policy: _summary(organization, policy))


@operation(resource=_POLICY)
def update_policy(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        policy = _editable(tx, organization, request["PolicyId"])
        if "Content" in request:
            _check(request["Content"])
            policy.content = request["Content"]
        if request.get("Name", policy.name) != policy.name:
            _check_name(tx, organization, request["Name"])
            policy.name = request["Name"]
        policy.description = request.get("Description", policy.description)
        rows.POLICIES.put(tx, tree.own(organization), policy)
    return {"Policy": _describe(organization, policy)}


@operation(resource=_POLICY)
def delete_policy(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        policy = _editable(tx, organization, request["PolicyId"])
        if any(True for _ in rows.POLICY_TARGETS.scan(tx, tree.own(organization), policy.id, limit=1)):
            raise errors.PolicyInUseException("The policy is attached to one or more entities.")
        rows.POLICIES.delete(tx, tree.own(organization), policy.id)
    return {}


@operation(resource=_POLICY)
def attach_policy(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        own = tree.own(organization)
        policy = find(tx, organization, request["PolicyId"])
        target = _target(tx, organization, request["TargetId"])
        if policy.type not in organization.types:
            raise errors.PolicyTypeNotEnabledException("This operation can be performed only for enabled policy types.")
        if rows.TARGETS.get(tx, own, target.id, policy.id) is not None:
            raise errors.DuplicatePolicyAttachmentException(
                "The selected policy is already attached to the specified target."
            )
        if len(list(rows.TARGETS.scan(tx, own, target.id))) >= PER_TARGET:
            raise errors.ConstraintViolationException(
                "You have attached the maximum number of policies of this type to the target.",
                Reason="MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            )
        tree.attach(tx, organization, policy.id, target.id)
    return {}


@operation(resource=_POLICY)
def detach_policy(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        own = tree.own(organization)
        policy = find(tx, organization, request["PolicyId"])
        target = _target(tx, organization, request["TargetId"])
        attached = list(rows.TARGETS.scan(tx, own, target.id))
        if policy.id not in [link.policy for link in attached]:
            raise errors.PolicyNotAttachedException("The policy isn't attached to the specified target.")
        if len(attached) == 1:
            raise errors.ConstraintViolationException(
                "You can't remove the last policy of this type from the target.",
                Reason="MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            )
        tree.detach(tx, organization, policy.id, target.id)
    return {}


@operation(resource=tree.anything("TargetId"))
def list_policies_for_target(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        target = _target(tx, organization, request["TargetId"])
        links = list(rows.TARGETS.scan(tx, tree.own(organization), target.id))
        policies = [find(tx, organization, link.policy) for link in links]
    found = [policy for policy in policies if policy.type == request["Filter"]]
    return tree.page(request, "Policies", found, lambda policy: _summary(organization, policy))


@operation(resource=_POLICY)
def list_targets_for_policy(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        policy = find(tx, organization, request["PolicyId"])
        links = rows.POLICY_TARGETS.scan(tx, tree.own(organization), policy.id)
        places = [tree.place(tx, organization, link.target) for link in links]
    found = [place for place in places if place is not None]
    return tree.page(
        request,
        "Targets",
        found,
        lambda place: {
            "TargetId": place.id,
            "Arn": tree.place_arn(organization, place),
            "Name": place.name,
            "Type": place.type,
        },
    )


def find(tx: Reader, organization: rows.Organization, one: str) -> rows.OrgPolicy:
    if one == rows.FULL_ACCESS_ID:
        return _FULL
    policy = rows.POLICIES.get(tx, tree.own(organization), one)
    if policy is None:
        raise errors.PolicyNotFoundException("You specified a policy that doesn't exist.")
    return policy


def _editable(tx: Reader, organization: rows.Organization, one: str) -> rows.OrgPolicy:
    policy = find(tx, organization, one)
    if policy is _FULL:
        raise errors.InvalidInputException("You specified a policy that can't be modified.", Reason="IMMUTABLE_POLICY")
    return policy


def _target(tx: Reader, organization: rows.Organization, one: str) -> tree.Place:
    found = tree.place(tx, organization, one)
    if found is None:
        raise errors.TargetNotFoundException("You specified a target that doesn't exist.")
    return found


def _available(organization: rows.Organization, kind: str) -> str:
    if kind != rows.SCP or organization.features != "ALL":
        raise errors.PolicyTypeNotAvailableForOrganizationException(
            "You can't use the specified policy type with the feature set currently enabled for this organization."
        )
    return kind


def _check_name(tx: Reader, organization: rows.Organization, name: str) -> None:
    names = [one.name for one in rows.POLICIES.scan(tx, tree.own(organization))]
    if name in names or name == _FULL.name:
        raise errors.DuplicatePolicyException("A policy with the same name already exists.")


def _check(content: str) -> None:
    """The grammar of service-control policies: that of identity policies, without principals."""
    try:
        policy = orjson.loads(content)
    except orjson.JSONDecodeError:
        policy = None
    if not isinstance(policy, dict) or not _is_sound(policy.get("Statement")):
        raise errors.MalformedPolicyDocumentException(
            "The provided policy document does not meet the requirements of the specified policy type."
        )
    if len(content) > SIZE:
        raise errors.ConstraintViolationException(
            "The policy exceeds the maximum size.", Reason="POLICY_CONTENT_LIMIT_EXCEEDED"
        )


def _is_sound(statements: Any) -> bool:
    found = statements if isinstance(statements, list) else [statements]
    return bool(found) and all(
        isinstance(one, dict)
        and one.get("Effect") in ("Allow", "Deny")
        and ("Action" in one) != ("NotAction" in one)
        and ("Resource" in one) != ("NotResource" in one)
        and not {"Principal", "NotPrincipal"} & set(one)
        for one in found
    )


def _summary(organization: rows.Organization, policy: rows.OrgPolicy) -> Answer:
    kind = policy.type.lower()
    is_aws = policy.id == rows.FULL_ACCESS_ID
    arn = f"arn:aws:organizations::aws:policy/{kind}/{policy.id}"
    return {
        "Id": policy.id,
        "Arn": arn if is_aws else tree.arn(organization, f"policy/{kind}", policy.id),
        "Name": policy.name,
        "Description": policy.description,
        "Type": policy.type,
        "AwsManaged": is_aws,
    }


def _describe(organization: rows.Organization, policy: rows.OrgPolicy) -> Answer:
    return {"PolicySummary": _summary(organization, policy), "Content": policy.content}
