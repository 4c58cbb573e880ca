"""Tags on accounts, units, policies and the root."""

from __future__ import annotations

from haneul.auth import organizations as rows
from haneul.service import Call, operation
from haneul.services.organizations import tree
from haneul.services.organizations.errors import errors
from haneul.services.organizations.tree import Answer, Request, change
from haneul.state.store import Reader, Writer

LIMIT = 50


@operation(resource=tree.anything("ResourceId"))
def tag_resource(call: Call, request: Request) -> Answer:
    new = tree.tags_of(request)
    with change(call) as tx:
        organization = tree.managed(tx, call)
        tags = _tags(tx, organization, request["ResourceId"]) | new
        if len(tags) > LIMIT:
            raise errors.ConstraintViolationException(
                "You have exceeded the number of tags allowed on this resource.", Reason="TAG_POLICY_VIOLATION"
            )
        _save(tx, organization, request["ResourceId"], tags)
    return {}


@operation(resource=tree.anything("ResourceId"))
def list_tags_for_resource(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        tags = _tags(tx, organization, request["ResourceId"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


@operation(resource=tree.anything("ResourceId"))
def untag_resource(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        tags = _tags(tx, organization, request["ResourceId"])
        _save(
            tx,
            organization,
            request["ResourceId"],
            {key: value for key, value in tags.items() if key not in request["TagKeys"]},
        )
    return {}


def _tags(tx: Reader, organization: rows.Organization, one: str) -> dict[str, str]:
    own = tree.own(organization)
    if one == organization.root:
        return organization.root_tags
    if one and one == organization.policy_id:
        return organization.policy_tags
    row = rows.MEMBERS.get(tx, own, one) or rows.UNITS.get(tx, own, one) or rows.POLICIES.get(tx, own, one)
    if row is None:
        raise errors.TargetNotFoundException("You specified a target that doesn't exist.")
    return row.tags


def _save(tx: Writer, organization: rows.Organization, one: str, tags: dict[str, str]) -> None:
    own = tree.own(organization)
    if one in (organization.root, organization.policy_id):
        if one == organization.root:
            organization.root_tags = tags
        else:
            organization.policy_tags = tags
        rows.ORGANIZATIONS.put(tx, own, organization)
        return
    member, unit, policy = rows.MEMBERS.get(tx, own, one), rows.UNITS.get(tx, own, one), rows.POLICIES.get(tx, own, one)
    if member is not None:
        member.tags = tags
        rows.MEMBERS.put(tx, own, member)
    elif unit is not None:
        unit.tags = tags
        rows.UNITS.put(tx, own, unit)
    elif policy is not None:
        policy.tags = tags
        rows.POLICIES.put(tx, own, policy)
