"""Trusted services, delegated administrators, and the policy by which an organization shares its own management."""

from __future__ import annotations

import re

import orjson

from haneul.auth import organizations as rows
from haneul.service import Call, operation
from haneul.services.organizations import accounts, tree
from haneul.services.organizations.errors import errors
from haneul.services.organizations.tree import Answer, Request, change
from haneul.state.store import Writer

_PRINCIPAL = re.compile(r"([a-z0-9-]+\.)+amazonaws\.com", re.ASCII)


@operation()
def enable_aws_service_access(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        _check_principal(request["ServicePrincipal"])
        organization.services.setdefault(request["ServicePrincipal"], tree.now(call))
        _save(tx, organization)
    return {}


@operation()
def list_aws_service_access_for_organization(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
    found = sorted(organization.services.items())
    return tree.page(
        request,
        "EnabledServicePrincipals",
        found,
        lambda one: {"ServicePrincipal": one[0], "DateEnabled": one[1]},
    )


@operation()
def disable_aws_service_access(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        _check_principal(request["ServicePrincipal"])
        organization.services.pop(request["ServicePrincipal"], None)
        _save(tx, organization)
    return {}


@operation(resource=tree.anything("AccountId"))
def register_delegated_administrator(call: Call, request: Request) -> Answer:
    service = request["ServicePrincipal"]
    with change(call) as tx:
        organization = tree.managed(tx, call)
        _check_principal(service)
        row = tree.account(tx, organization, request["AccountId"])
        if row.id == organization.management:
            raise errors.ConstraintViolationException(
                "You cannot register the management account as a delegated administrator.",
                Reason="CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
            )
        if service in row.delegated:
            raise errors.AccountAlreadyRegisteredException(
                "The provided account is already a delegated administrator for your organization."
            )
        now = tree.now(call)
        row.delegated[service] = now
        row.delegated_since = row.delegated_since or now
        rows.MEMBERS.put(tx, tree.own(organization), row)
    return {}


@operation()
def list_delegated_administrators(call: Call, request: Request) -> Answer:
    service = request.get("ServicePrincipal")
    with call.read() as tx:
        organization = tree.readable(tx, call)
        found = [
            row
            for row in rows.MEMBERS.scan(tx, tree.own(organization))
            if row.delegated and (service is None or service in row.delegated)
        ]
    return tree.page(
        request,
        "DelegatedAdministrators",
        found,
        lambda row: accounts.describe(organization, row) | {"DelegationEnabledDate": row.delegated_since},
    )


@operation(resource=tree.anything("AccountId"))
def list_delegated_services_for_account(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        row = tree.account(tx, organization, request["AccountId"])
    if not row.delegated:
        raise errors.AccountNotRegisteredException(
            "The provided account is not a registered delegated administrator for your organization."
        )
    return tree.page(
        request,
        "DelegatedServices",
        sorted(row.delegated.items()),
        lambda one: {"ServicePrincipal": one[0], "DelegationEnabledDate": one[1]},
    )


@operation(resource=tree.anything("AccountId"))
def deregister_delegated_administrator(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        row = tree.account(tx, organization, request["AccountId"])
        if row.delegated.pop(request["ServicePrincipal"], None) is None:
            raise errors.AccountNotRegisteredException(
                "The provided account is not a registered delegated administrator for your organization."
            )
        if not row.delegated:
            row.delegated_since = None
        rows.MEMBERS.put(tx, tree.own(organization), row)
    return {}


@operation(resource=tree.named("resourcepolicy", "PolicyId"))
def put_resource_policy(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        try:
            orjson.loads(request["Content"])
        except orjson.JSONDecodeError:
            raise errors.InvalidInputException(
                "The policy is not valid JSON.", Reason="INVALID_RESOURCE_POLICY_JSON"
            ) from None
        organization.policy = request["Content"]
        organization.policy_id = organization.policy_id or tree.new_id("rp-", 8)
        organization.policy_tags = tree.tags_of(request) or organization.policy_tags
        _save(tx, organization)
    return {"ResourcePolicy": _policy(organization)}


@operation()
def describe_resource_policy(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
    return {"ResourcePolicy": _policy(organization)}


@operation()
def delete_resource_policy(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        _policy(organization)
        organization.policy = organization.policy_id = ""
        organization.policy_tags = {}
        _save(tx, organization)
    return {}


def _check_principal(name: str) -> None:
    """AWS knows which services may be trusted; here it's enough that the name can be a service's."""
    if not _PRINCIPAL.fullmatch(name):
        raise errors.InvalidInputException(
            "You specified an unrecognized service principal.", Reason="UNRECOGNIZED_SERVICE_PRINCIPAL"
        )


def _save(tx: Writer, organization: rows.Organization) -> None:
    rows.ORGANIZATIONS.put(tx, tree.own(organization), organization)


def _policy(organization: rows.Organization) -> Answer:
    if not organization.policy:
        raise errors.ResourcePolicyNotFoundException(
            "We can't find a resource policy request with the parameter that you specified."
        )
    return {
        "ResourcePolicySummary": {
            "Id": organization.policy_id,
            "Arn": tree.arn(organization, "resourcepolicy", organization.policy_id),
        },
        "Content": organization.policy,
    }
