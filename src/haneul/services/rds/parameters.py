"""DB parameter groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope, operation
from haneul.services.rds import listing, names, settings, tags
from haneul.services.rds.errors import errors, invalid, must, no_parameter_group
from haneul.services.rds.state import INSTANCES, PARAMETER_GROUPS, ParameterGroup
from haneul.state.store import Reader, Writer
from haneul.state.table import Table

LIMIT = 50
CHANGES = 20
_ARN = "arn:aws:rds:{region}:{account}:pg:{DBParameterGroupName}"
Groups = Table[ParameterGroup]


@operation(resource=_ARN)
def create_db_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBParameterGroup. Raises DBParameterGroupAlreadyExists, DBParameterGroupQuotaExceeded."""
    return {"DBParameterGroup": describe(call.scope, create(call, PARAMETER_GROUPS, request, "DBParameterGroupName"))}


@operation(resource="arn:aws:rds:{region}:{account}:pg:{TargetDBParameterGroupIdentifier}")
def copy_db_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CopyDBParameterGroup: from this region, or by ARN."""
    group = copy(call, PARAMETER_GROUPS, request, "DBParameterGroup", "pg")
    return {"DBParameterGroup": describe(call.scope, group)}


@operation(resource=_ARN)
def modify_db_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBParameterGroup: at most 20 parameters; dynamic ones reach the servers at once."""
    return modify(call, PARAMETER_GROUPS, request, "DBParameterGroupName")


@operation(resource=_ARN)
def reset_db_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ResetDBParameterGroup: some parameters, or all of them, back to what the family has."""
    return reset(call, PARAMETER_GROUPS, request, "DBParameterGroupName")


@operation(resource=_ARN)
def delete_db_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBParameterGroup. Raises InvalidDBParameterGroupState for a default one and one in use."""
    name = request["DBParameterGroupName"].lower()
    if name.startswith("default."):
        raise errors.InvalidDBParameterGroupState(f"Default DBParameterGroup cannot be deleted: {name}")
    with call.write() as tx:
        if PARAMETER_GROUPS.get(tx, call.scope, name) is None:
            raise no_parameter_group(name)
        if any(row.group == name for row in INSTANCES.scan(tx, call.scope)):
            raise errors.InvalidDBParameterGroupState(
                f"One or more database instances are still members of this parameter group {name}, "
                "so the group cannot be deleted"
            )
        PARAMETER_GROUPS.delete(tx, call.scope, name)
    return {}


@operation(resource="arn:aws:rds:{region}:{account}:pg:*")
def describe_db_parameter_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBParameterGroups: the defaults of the families in use are among them."""
    found = listed(call, PARAMETER_GROUPS, request, "DBParameterGroupName")
    return listing.page(
        request, "DBParameterGroups", found, lambda group: group.name, lambda group: describe(call.scope, group)
    )


@operation(resource=_ARN)
def describe_db_parameters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBParameters."""
    return parameters(call, PARAMETER_GROUPS, request, "DBParameterGroupName")


@operation()
def describe_engine_default_parameters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeEngineDefaultParameters."""
    return {"EngineDefaults": defaults(request)}


# What cluster parameter groups do in the same way.


def find(tx: Reader, scope: Scope, table: Groups, name: str) -> ParameterGroup | None:
    """The group, or the default one of a family, which exists wherever the family does."""
    group = table.get(tx, scope, name)
    if group is None and name.startswith("default."):
        family = name.removeprefix("default.")
        if settings.catalogue(family) is not None and (table is PARAMETER_GROUPS or family.startswith("aurora")):
            return ParameterGroup(name=name, family=family, description=f"Default parameter group for {family}")
    return group


def create(call: Call, table: Groups, request: Mapping[str, Any], member: str) -> ParameterGroup:
    name = names.identifier(request[member], member, 255)
    family = request["DBParameterGroupFamily"]
    if settings.catalogue(family) is None:
        raise invalid(f"ParameterGroupFamily {family} is not a valid parameter group family")
    if not request["Description"]:
        raise must("Description")
    group = ParameterGroup(
        name=name, family=family, description=request["Description"], tags=tags.read(request.get("Tags"))
    )
    with call.write() as tx:
        _add(tx, call.scope, table, group)
    return group


def copy(call: Call, table: Groups, request: Mapping[str, Any], kind: str, arn_kind: str) -> ParameterGroup:
    scope, source = names.locate(call, request[f"Source{kind}Identifier"], arn_kind)
    name = names.identifier(request[f"Target{kind}Identifier"], f"Target{kind}Identifier", 255)
    with call.write() as tx:
        found = find(tx, scope, table, source)
        if found is None or scope.account != call.account:
            raise no_parameter_group(source)
        group = ParameterGroup(
            name=name,
            family=found.family,
            description=request[f"Target{kind}Description"],
            values=dict(found.values),
            tags=tags.read(request.get("Tags")),
        )
        _add(tx, call.scope, table, group)
    return group


def _add(tx: Writer, scope: Scope, table: Groups, group: ParameterGroup) -> None:
    if table.get(tx, scope, group.name) is not None:
        raise errors.DBParameterGroupAlreadyExists(f"Parameter group {group.name} already exists")
    if sum(1 for _ in table.scan(tx, scope, limit=LIMIT)) >= LIMIT:
        raise errors.DBParameterGroupQuotaExceeded(f"You have exceeded the limit of {LIMIT} parameter groups.")
    table.put(tx, scope, group)


def modify(call: Call, table: Groups, request: Mapping[str, Any], member: str) -> dict[str, Any]:
    name = request[member].lower()
    changes = request["Parameters"]
    if not changes:
        raise must("Parameters")
    if len(changes) > CHANGES:
        raise invalid(f"The request contains more than {CHANGES} parameters.")
    with call.write() as tx:
        group = _changeable(tx, call.scope, table, name)
        for change in changes:
            key, value = change.get("ParameterName"), change.get("ParameterValue")
            method = change.get("ApplyMethod")
            if not key or value is None or not method:
                raise invalid("The parameters ParameterName, ParameterValue, and ApplyMethod must be provided.")
            settings.check_change(group.family, key, value, method)
            group.values[key] = (value, method)
        table.put(tx, call.scope, group)
        tell_members(tx, call, table, name)
    return {member: name}


def reset(call: Call, table: Groups, request: Mapping[str, Any], member: str) -> dict[str, Any]:
    name = request[member].lower()
    changes = request.get("Parameters") or []
    everything = request.get("ResetAllParameters", not changes)
    if everything and changes:
        raise errors.InvalidParameterCombination("Parameters can't be given when ResetAllParameters is true.")
    with call.write() as tx:
        group = _changeable(tx, call.scope, table, name)
        if everything:
            group.values = {}
        for change in changes:
            key = change.get("ParameterName", "")
            if key not in (settings.catalogue(group.family) or {}):
                raise invalid(f"Could not find parameter with name: {key}")
            group.values.pop(key, None)
        table.put(tx, call.scope, group)
        tell_members(tx, call, table, name)
    return {member: name}


def _changeable(tx: Writer, scope: Scope, table: Groups, name: str) -> ParameterGroup:
    group = find(tx, scope, table, name)
    if group is None:
        raise no_parameter_group(name)
    if name.startswith("default."):
        raise errors.InvalidDBParameterGroupState(f"Default parameter groups can't be modified: {name}")
    return group


def tell_members(tx: Writer, call: Call, table: Groups, name: str) -> None:
    """Have every instance that uses the group look at it again."""
    from haneul.services.rds.state import CLUSTERS

    clusters = set()
    if table is not PARAMETER_GROUPS:
        clusters = {cluster.id for cluster in CLUSTERS.scan(tx, call.scope) if cluster.group == name}
    for row in INSTANCES.scan(tx, call.scope):
        if row.cluster in clusters or (table is PARAMETER_GROUPS and row.group == name):
            wake(tx, "rds.instance", call.scope, (row.id,), call.now())


def listed(call: Call, table: Groups, request: Mapping[str, Any], member: str) -> list[ParameterGroup]:
    listing.filters(request, ())
    with call.read() as tx:
        if member in request:
            group = find(tx, call.scope, table, request[member].lower())
            if group is None:
                raise no_parameter_group(request[member])
            return [group]
        own = list(table.scan(tx, call.scope))
        return own + in_use(tx, call.scope, table)


def in_use(tx: Reader, scope: Scope, table: Groups) -> list[ParameterGroup]:
    """The default groups that instances or clusters have."""
    from haneul.services.rds.state import CLUSTERS

    rows: list[Any] = list(INSTANCES.scan(tx, scope) if table is PARAMETER_GROUPS else CLUSTERS.scan(tx, scope))
    found = (find(tx, scope, table, name) for name in {row.group for row in rows if row.group.startswith("default.")})
    return [group for group in found if group is not None]


def parameters(call: Call, table: Groups, request: Mapping[str, Any], member: str) -> dict[str, Any]:
    name = request[member].lower()
    with call.read() as tx:
        group = find(tx, call.scope, table, name)
    if group is None:
        raise no_parameter_group(name)
    source = request.get("Source")
    found = [
        _parameter(one, group.values.get(one.name))
        for one in (settings.catalogue(group.family) or {}).values()
        if source is None or _source(one, one.name in group.values) == source
    ]
    wanted = listing.filters(request, ("parameter-name",)).get("parameter-name")
    if wanted is not None:
        found = [one for one in found if one["ParameterName"] in wanted]
    return listing.page(request, "Parameters", found, lambda one: one["ParameterName"], lambda one: one)


def defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    family = request["DBParameterGroupFamily"]
    catalogue = settings.catalogue(family)
    if catalogue is None:
        raise invalid(f"Invalid ParameterGroupFamily {family}")
    shown = [_parameter(one, None) for one in catalogue.values()]
    output = listing.page(request, "Parameters", shown, lambda one: one["ParameterName"], lambda one: one)
    return output | {"DBParameterGroupFamily": family}


def _source(parameter: settings.Parameter, changed: bool) -> str:
    return "user" if changed else "system" if parameter.system else "engine-default"


def _parameter(parameter: settings.Parameter, own: tuple[str, str] | None) -> dict[str, Any]:
    return {
        "ParameterName": parameter.name,
        "ParameterValue": own[0] if own else parameter.default,
        "Description": parameter.description,
        "Source": _source(parameter, own is not None),
        "ApplyType": "static" if parameter.static else "dynamic",
        "DataType": parameter.kind,
        "AllowedValues": parameter.allowed or None,
        "IsModifiable": parameter.modifiable,
        "ApplyMethod": own[1] if own else "pending-reboot",
    }


def describe(scope: Scope, group: ParameterGroup) -> dict[str, Any]:
    return {
        "DBParameterGroupName": group.name,
        "DBParameterGroupFamily": group.family,
        "Description": group.description,
        "DBParameterGroupArn": names.arn(scope, "pg", group.name),
    }
