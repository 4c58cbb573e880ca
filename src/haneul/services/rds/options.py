"""Option groups. PostgreSQL has no options, so they hold none there; MariaDB's audit plugin is known by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.rds import listing, names, tags, versions
from haneul.services.rds.errors import errors, invalid, must
from haneul.services.rds.families import ENGINES, major
from haneul.services.rds.state import INSTANCES, OPTION_GROUPS, OptionGroup
from haneul.state.store import Reader, Writer

LIMIT = 20
_ARN = "arn:aws:rds:{region}:{account}:og:{OptionGroupName}"


@operation(resource=_ARN)
def create_option_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateOptionGroup. Raises OptionGroupAlreadyExistsFault, OptionGroupQuotaExceededFault."""
    engine, version = request["EngineName"], request["MajorEngineVersion"]
    _check(call, engine, version)
    if not request["OptionGroupDescription"]:
        raise must("OptionGroupDescription")
    group = OptionGroup(
        name=names.identifier(request["OptionGroupName"], "OptionGroupName", 255),
        engine=engine,
        major=version,
        description=request["OptionGroupDescription"],
        tags=tags.read(request.get("Tags")),
    )
    with call.write() as tx:
        _add(call, tx, group)
    return {"OptionGroup": describe(call.scope, group)}


def _check(call: Call, engine: str, version: str) -> None:
    if engine not in ENGINES:
        raise invalid("Invalid DB engine")
    known = {major(engine, one) for one in versions.available(call, ENGINES[engine])}
    if version not in known:
        raise errors.InvalidParameterCombination(f"Cannot find major version {version} for {engine}")


def _add(call: Call, tx: Writer, group: OptionGroup) -> None:
    if OPTION_GROUPS.get(tx, call.scope, group.name) is not None:
        raise errors.OptionGroupAlreadyExistsFault(f"An option group named {group.name} already exists.")
    if sum(1 for _ in OPTION_GROUPS.scan(tx, call.scope, limit=LIMIT)) >= LIMIT:
        raise errors.OptionGroupQuotaExceededFault(f"The quota of {LIMIT} option groups was exceeded.")
    OPTION_GROUPS.put(tx, call.scope, group)


@operation(resource="arn:aws:rds:{region}:{account}:og:{TargetOptionGroupIdentifier}")
def copy_option_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CopyOptionGroup."""
    scope, source = names.locate(call, request["SourceOptionGroupIdentifier"], "og")
    with call.write() as tx:
        found = _find(tx, scope, source)
        copy = OptionGroup(
            name=names.identifier(request["TargetOptionGroupIdentifier"], "TargetOptionGroupIdentifier", 255),
            engine=found.engine,
            major=found.major,
            description=request["TargetOptionGroupDescription"],
            options=list(found.options),
            tags=tags.read(request.get("Tags")),
        )
        _add(call, tx, copy)
    return {"OptionGroup": describe(call.scope, copy)}


def _find(tx: Reader, scope: Scope, name: str) -> OptionGroup:
    group = OPTION_GROUPS.get(tx, scope, name.lower())
    if group is None and name.startswith("default:"):
        engine, _, version = name.removeprefix("default:").rpartition("-")
        if engine.startswith(("mariadb", "mysql")):
            engine, _, first = engine.partition("-")
            version = f"{first}.{version}"
        if engine in ENGINES:
            return OptionGroup(
                name=name, engine=engine, major=version, description=f"Default option group for {engine} {version}"
            )
    if group is None:
        raise errors.OptionGroupNotFoundFault(f"Specified OptionGroupName: {name} not found.")
    return group


@operation(resource="arn:aws:rds:{region}:{account}:og:*")
def describe_option_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeOptionGroups: one's own and the default ones."""
    listing.filters(request, ())
    name, engine = request.get("OptionGroupName"), request.get("EngineName")
    if name and engine:
        raise errors.InvalidParameterCombination("OptionGroupName can't be specified together with EngineName.")
    with call.read() as tx:
        if name:
            found = [_find(tx, call.scope, name)]
        else:
            found = [*OPTION_GROUPS.scan(tx, call.scope), *_defaults(call, tx)]
    found = [
        group
        for group in found
        if engine in (None, group.engine) and request.get("MajorEngineVersion", group.major) == group.major
    ]
    return listing.page(
        request, "OptionGroupsList", found, lambda group: group.name, lambda group: describe(call.scope, group)
    )


def _defaults(call: Call, tx: Reader) -> list[OptionGroup]:
    from haneul.services.rds.views import option_group

    names_in_use = {option_group(row) for row in INSTANCES.scan(tx, call.scope)}
    return [_find(tx, call.scope, name) for name in sorted(names_in_use) if name.startswith("default:")]


@operation(resource=_ARN)
def modify_option_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyOptionGroup: no engine here has options to add, so only removing does anything."""
    with call.write() as tx:
        group = OPTION_GROUPS.get(tx, call.scope, request["OptionGroupName"].lower())
        if group is None:
            raise errors.OptionGroupNotFoundFault(f"Specified OptionGroupName: {request['OptionGroupName']} not found.")
        for option in request.get("OptionsToInclude") or ():
            raise invalid(f"Invalid option name: {option['OptionName']} for engine {group.engine} {group.major}")
        gone = set(request.get("OptionsToRemove") or ())
        group.options = [option for option in group.options if option["OptionName"] not in gone]
        OPTION_GROUPS.put(tx, call.scope, group)
    return {"OptionGroup": describe(call.scope, group)}


@operation(resource=_ARN)
def delete_option_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteOptionGroup. Raises InvalidOptionGroupStateFault for a default one and one in use."""
    name = request["OptionGroupName"].lower()
    if name.startswith("default:"):
        raise errors.InvalidOptionGroupStateFault(f"The default option group {name} can't be deleted.")
    with call.write() as tx:
        if OPTION_GROUPS.get(tx, call.scope, name) is None:
            raise errors.OptionGroupNotFoundFault(f"Specified OptionGroupName: {name} not found.")
        if any(row.option_group == name for row in INSTANCES.scan(tx, call.scope)):
            raise errors.InvalidOptionGroupStateFault(f"The option group {name} can't be deleted: it is in use.")
        OPTION_GROUPS.delete(tx, call.scope, name)
    return {}


@operation()
def describe_option_group_options(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeOptionGroupOptions: none of the engines here has any."""
    listing.filters(request, ())
    if request["EngineName"] not in ENGINES:
        raise invalid("Invalid DB engine")
    return {"OptionGroupOptions": []}


def describe(scope: Scope, group: OptionGroup) -> dict[str, Any]:
    return {
        "OptionGroupName": group.name,
        "OptionGroupDescription": group.description,
        "EngineName": group.engine,
        "MajorEngineVersion": group.major,
        "Options": group.options,
        "AllowsVpcAndNonVpcInstanceMemberships": True,
        "OptionGroupArn": names.arn(scope, "og", group.name),
    }
