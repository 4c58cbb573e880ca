"""The organization itself, its root, and the policy types that are in force under it."""

from __future__ import annotations

from haneul.auth import organizations as rows
from haneul.auth.tables import HOUSE, scope
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.organizations import tree
from haneul.services.organizations.errors import errors
from haneul.services.organizations.tree import Answer, Request, change


@operation()
def create_organization(call: Call, request: Request) -> Answer:
    features = request.get("FeatureSet", "ALL")
    with change(call) as tx:
        if rows.SEATS.get(tx, HOUSE, call.account) is not None:
            raise errors.AlreadyInOrganizationException("The provided account is already a member of an organization.")
        organization = rows.Organization(
            id=tree.new_id("o-", 10),
            management=call.account,
            email=f"master-{call.account}@example.com",
            features=features,
            root=tree.new_id("r-", 4),
            created=tree.now(call),
        )
        rows.ORGANIZATIONS.put(tx, scope(call.account), organization)
        own = rows.Member(
            id=call.account,
            name="master",
            email=organization.email,
            parent=organization.root,
            joined=organization.created,
            method="INVITED",
        )
        tree.seat(tx, organization, own)
    return {"Organization": describe(organization)}


@operation()
def describe_organization(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        return {"Organization": describe(tree.member(tx, call))}


@operation()
def delete_organization(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        own = tree.own(organization)
        if len(list(rows.MEMBERS.scan(tx, own, limit=2))) > 1 or list(rows.UNITS.scan(tx, own, limit=1)):
            raise errors.OrganizationNotEmptyException(
                "To delete an organization you must first remove all member accounts and organizational units."
            )
        for table in (rows.MEMBERS, rows.POLICIES, rows.TARGETS, rows.POLICY_TARGETS, rows.CREATIONS):
            table.delete_all(tx, own)
        rows.SEATS.delete(tx, HOUSE, call.account)
        rows.ORGANIZATIONS.delete(tx, own, call.account)
    return {}


@operation()
def list_roots(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
    return tree.page(request, "Roots", [organization], _root)


@operation(resource=tree.named("root", "RootId"))
def enable_policy_type(call: Call, request: Request) -> Answer:
    """From now on service-control policies count; every place gets the one that allows all."""
    kind = request["PolicyType"]
    with change(call) as tx:
        organization = _with_root(tree.managed(tx, call), request)
        if kind in organization.types:
            raise errors.PolicyTypeAlreadyEnabledException("The specified policy type is already enabled.")
        if kind != rows.SCP or organization.features != "ALL":
            raise errors.PolicyTypeNotAvailableForOrganizationException(
                "You can't use the specified policy type with the feature set currently enabled for this organization."
            )
        organization.types.append(kind)
        rows.ORGANIZATIONS.put(tx, tree.own(organization), organization)
        own = tree.own(organization)
        units = [unit.id for unit in rows.UNITS.scan(tx, own)]
        accounts = [account.id for account in rows.MEMBERS.scan(tx, own)]
        for target in (organization.root, *units, *accounts):
            tree.attach_default(tx, organization, target)
    return {"Root": _root(organization)}


@operation(resource=tree.named("root", "RootId"))
def disable_policy_type(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = _with_root(tree.managed(tx, call), request)
        kind = request["PolicyType"]
        if kind not in organization.types:
            raise errors.PolicyTypeNotEnabledException("This operation can be performed only for enabled policy types.")
        organization.types.remove(kind)
        rows.ORGANIZATIONS.put(tx, tree.own(organization), organization)
        for link in list(rows.TARGETS.scan(tx, tree.own(organization))):
            tree.detach(tx, organization, link.policy, link.target)
    return {"Root": _root(organization)}


@operation()
def enable_all_features(call: Call, request: Request) -> Answer:
    """An organization for consolidated billing becomes one with all features at once: nobody has to be asked here."""
    with change(call) as tx:
        organization = tree.managed(tx, call)
        if organization.features == "ALL":
            raise errors.HandshakeConstraintViolationException(
                "Your organization already has all features enabled.",
                Reason="ORGANIZATION_ALREADY_HAS_ALL_FEATURES",
            )
        organization.features = "ALL"
        rows.ORGANIZATIONS.put(tx, tree.own(organization), organization)
    now = tree.now(call)
    one = f"h-{tokens.random_hex(32)}"
    return {
        "Handshake": {
            "Id": one,
            "Arn": tree.arn(organization, "handshake/enable_all_features", one),
            "Parties": [{"Id": organization.id[2:], "Type": "ORGANIZATION"}],
            "State": "ACCEPTED",
            "RequestedTimestamp": now,
            "ExpirationTimestamp": now + 90 * 86_400,
            "Action": "ENABLE_ALL_FEATURES",
            "Resources": [{"Value": organization.id, "Type": "ORGANIZATION"}],
        }
    }


def describe(organization: rows.Organization) -> Answer:
    types = [{"Type": rows.SCP, "Status": "ENABLED"}] if organization.features == "ALL" else []
    return {
        "Id": organization.id,
        "Arn": tree.arn(organization, "organization"),
        "FeatureSet": organization.features,
        "MasterAccountArn": tree.arn(organization, "account", organization.management),
        "MasterAccountId": organization.management,
        "MasterAccountEmail": organization.email,
        "AvailablePolicyTypes": types,
    }


def _root(organization: rows.Organization) -> Answer:
    return {
        "Id": organization.root,
        "Arn": tree.arn(organization, "root", organization.root),
        "Name": "Root",
        "PolicyTypes": [{"Type": kind, "Status": "ENABLED"} for kind in organization.types],
    }


def _with_root(organization: rows.Organization, request: Request) -> rows.Organization:
    if request["RootId"] != organization.root:
        raise errors.RootNotFoundException("You specified a root that doesn't exist.")
    return organization
