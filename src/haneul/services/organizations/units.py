"""Organizational units: the branches of the tree, five deep at most."""

from __future__ import annotations

from haneul.auth import organizations as rows
from haneul.service import Call, operation
from haneul.services.organizations import tree
from haneul.services.organizations.errors import errors
from haneul.services.organizations.tree import Answer, Request, change
from haneul.state.store import Reader

DEPTH = 5
_UNIT = tree.named("ou", "OrganizationalUnitId")


@operation(resource=tree.anything("ParentId"))
def create_organizational_unit(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        parent = tree.parent(tx, organization, request["ParentId"])
        _check_name(tx, organization, parent.id, request["Name"])
        if _depth(tx, organization, parent) >= DEPTH:
            raise errors.ConstraintViolationException(
                "You exceeded the OU depth limit.", Reason="OU_DEPTH_LIMIT_EXCEEDED"
            )
        unit = rows.Unit(
            id=tree.new_id(f"ou-{organization.root[2:]}-", 8),
            name=request["Name"],
            parent=parent.id,
            created=tree.now(call),
            tags=tree.tags_of(request),
        )
        rows.UNITS.put(tx, tree.own(organization), unit)
        tree.attach_default(tx, organization, unit.id)
    return {"OrganizationalUnit": _describe(organization, unit)}


@operation(resource=_UNIT)
def describe_organizational_unit(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        unit = _find(tx, organization, request["OrganizationalUnitId"])
    return {"OrganizationalUnit": _describe(organization, unit)}


@operation(resource=tree.anything("ParentId"))
def list_organizational_units_for_parent(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        parent = tree.parent(tx, organization, request["ParentId"])
        found = [unit for unit in rows.UNITS.scan(tx, tree.own(organization)) if unit.parent == parent.id]
    return tree.page(request, "OrganizationalUnits", found, lambda unit: _describe(organization, unit))


@operation(resource=_UNIT)
def update_organizational_unit(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        unit = _find(tx, organization, request["OrganizationalUnitId"])
        name = request.get("Name", unit.name)
        if name != unit.name:
            _check_name(tx, organization, unit.parent, name)
            unit.name = name
            rows.UNITS.put(tx, tree.own(organization), unit)
    return {"OrganizationalUnit": _describe(organization, unit)}


@operation(resource=_UNIT)
def delete_organizational_unit(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        unit = _find(tx, organization, request["OrganizationalUnitId"])
        if _children(tx, organization, unit.id):
            raise errors.OrganizationalUnitNotEmptyException(
                "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child "
                "OUs, and try the operation again."
            )
        for link in list(rows.TARGETS.scan(tx, tree.own(organization), unit.id)):
            tree.detach(tx, organization, link.policy, unit.id)
        rows.UNITS.delete(tx, tree.own(organization), unit.id)
    return {}


@operation(resource=tree.anything("ChildId"))
def list_parents(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        child = tree.place(tx, organization, request["ChildId"])
        parent = None if child is None else tree.place(tx, organization, child.parent)
    if parent is None:
        raise errors.ChildNotFoundException(
            "We can't find an organizational unit (OU) or AWS account with the ChildId that you specified."
        )
    return tree.page(request, "Parents", [parent], lambda one: {"Id": one.id, "Type": one.type})


@operation(resource=tree.anything("ParentId"))
def list_children(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        parent = tree.parent(tx, organization, request["ParentId"])
        found = [one for one in _children(tx, organization, parent.id) if one.type == request["ChildType"]]
    return tree.page(request, "Children", found, lambda one: {"Id": one.id, "Type": one.type})


def _children(tx: Reader, organization: rows.Organization, parent: str) -> list[tree.Place]:
    own = tree.own(organization)
    units = [one.id for one in rows.UNITS.scan(tx, own) if one.parent == parent]
    accounts = [one.id for one in rows.MEMBERS.scan(tx, own) if one.parent == parent]
    places = [tree.place(tx, organization, one) for one in (*units, *accounts)]
    return [one for one in places if one is not None]


def _find(tx: Reader, organization: rows.Organization, one: str) -> rows.Unit:
    unit = rows.UNITS.get(tx, tree.own(organization), one)
    if unit is None:
        raise errors.OrganizationalUnitNotFoundException("You specified an organizational unit that doesn't exist.")
    return unit


def _check_name(tx: Reader, organization: rows.Organization, parent: str, name: str) -> None:
    if any(one.parent == parent and one.name == name for one in rows.UNITS.scan(tx, tree.own(organization))):
        raise errors.DuplicateOrganizationalUnitException("An OU with the same name already exists.")


def _depth(tx: Reader, organization: rows.Organization, found: tree.Place) -> int:
    depth = 0
    place: tree.Place | None = found
    while place is not None and place.type != "ROOT":
        depth += 1
        place = tree.place(tx, organization, place.parent)
    return depth


def _describe(organization: rows.Organization, unit: rows.Unit) -> Answer:
    return {"Id": unit.id, "Arn": tree.arn(organization, "ou", unit.id), "Name": unit.name}
