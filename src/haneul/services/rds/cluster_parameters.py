"""DB cluster parameter groups: the same as DB parameter groups, for a whole cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.rds import listing, names, parameters
from haneul.services.rds.errors import errors, no_parameter_group
from haneul.services.rds.state import CLUSTER_PARAMETER_GROUPS, CLUSTERS, ParameterGroup

_ARN = "arn:aws:rds:{region}:{account}:cluster-pg:{DBClusterParameterGroupName}"
_MEMBER = "DBClusterParameterGroupName"


@operation(resource=_ARN)
def create_db_cluster_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBClusterParameterGroup."""
    group = parameters.create(call, CLUSTER_PARAMETER_GROUPS, request, _MEMBER)
    return {"DBClusterParameterGroup": describe(call.scope, group)}


@operation(resource="arn:aws:rds:{region}:{account}:cluster-pg:{TargetDBClusterParameterGroupIdentifier}")
def copy_db_cluster_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CopyDBClusterParameterGroup."""
    group = parameters.copy(call, CLUSTER_PARAMETER_GROUPS, request, "DBClusterParameterGroup", "cluster-pg")
    return {"DBClusterParameterGroup": describe(call.scope, group)}


@operation(resource=_ARN)
def modify_db_cluster_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBClusterParameterGroup."""
    return parameters.modify(call, CLUSTER_PARAMETER_GROUPS, request, _MEMBER)


@operation(resource=_ARN)
def reset_db_cluster_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ResetDBClusterParameterGroup."""
    return parameters.reset(call, CLUSTER_PARAMETER_GROUPS, request, _MEMBER)


@operation(resource=_ARN)
def delete_db_cluster_parameter_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBClusterParameterGroup."""
    name = request[_MEMBER].lower()
    if name.startswith("default."):
        raise errors.InvalidDBParameterGroupState(f"Default DBClusterParameterGroup cannot be deleted: {name}")
    with call.write() as tx:
        if CLUSTER_PARAMETER_GROUPS.get(tx, call.scope, name) is None:
            raise no_parameter_group(name)
        if any(row.group == name for row in CLUSTERS.scan(tx, call.scope)):
            raise errors.InvalidDBParameterGroupState(
                f"One or more DB clusters are still members of this parameter group {name}, "
                "so the group cannot be deleted"
            )
        CLUSTER_PARAMETER_GROUPS.delete(tx, call.scope, name)
    return {}


@operation(resource="arn:aws:rds:{region}:{account}:cluster-pg:*")
def describe_db_cluster_parameter_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBClusterParameterGroups."""
    found = parameters.listed(call, CLUSTER_PARAMETER_GROUPS, request, _MEMBER)
    return listing.page(
        request, "DBClusterParameterGroups", found, lambda group: group.name, lambda group: describe(call.scope, group)
    )


@operation(resource=_ARN)
def describe_db_cluster_parameters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBClusterParameters."""
    return parameters.parameters(call, CLUSTER_PARAMETER_GROUPS, request, _MEMBER)


@operation()
def describe_engine_default_cluster_parameters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeEngineDefaultClusterParameters."""
    return {"EngineDefaults": parameters.defaults(request)}


def describe(scope: Scope, group: ParameterGroup) -> dict[str, Any]:
    return {
        "DBClusterParameterGroupName": group.name,
        "DBParameterGroupFamily": group.family,
        "Description": group.description,
        "DBClusterParameterGroupArn": names.arn(scope, "cluster-pg", group.name),
    }
