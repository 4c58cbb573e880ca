"""Tags of every kind of resource, by ARN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.rds import names
from haneul.services.rds.errors import errors, invalid, no_cluster, no_cluster_snapshot, no_instance, no_snapshot
from haneul.services.rds.state import (
    BLUE_GREENS,
    CLUSTER_PARAMETER_GROUPS,
    CLUSTER_SNAPSHOTS,
    CLUSTERS,
    ENDPOINTS,
    GLOBAL_CLUSTERS,
    INSTANCES,
    OPTION_GROUPS,
    PARAMETER_GROUPS,
    PROXIES,
    SNAPSHOTS,
    SUBNET_GROUPS,
    SUBSCRIPTIONS,
)
from haneul.state.store import Reader
from haneul.state.table import Table
from haneul.wire.errors import AwsError

LIMIT = 50
_TABLES: dict[str, Table[Any]] = {
    "db": INSTANCES,
    "cluster": CLUSTERS,
    "snapshot": SNAPSHOTS,
    "cluster-snapshot": CLUSTER_SNAPSHOTS,
    "pg": PARAMETER_GROUPS,
    "cluster-pg": CLUSTER_PARAMETER_GROUPS,
    "subgrp": SUBNET_GROUPS,
    "og": OPTION_GROUPS,
    "es": SUBSCRIPTIONS,
    "cluster-endpoint": ENDPOINTS,
    "db-proxy": PROXIES,
    "deployment": BLUE_GREENS,
    "global-cluster": GLOBAL_CLUSTERS,
}


@operation(resource="{ResourceName}")
def add_tags_to_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AddTagsToResource. Raises the not-found error of the kind that the ARN names."""
    added = read(request.get("Tags"))
    with call.write() as tx:
        table, scope, row = _find(call, tx, request["ResourceName"])
        row.tags = row.tags | added
        if len(row.tags) > LIMIT:
            raise invalid(f"The number of tags exceeds the limit of {LIMIT} for a resource.")
        table.put(tx, scope, row)
    return {}


@operation(resource="{ResourceName}")
def remove_tags_from_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RemoveTagsFromResource: names that aren't there are no error."""
    gone = set(request["TagKeys"])
    with call.write() as tx:
        table, scope, row = _find(call, tx, request["ResourceName"])
        row.tags = {name: value for name, value in row.tags.items() if name not in gone}
        table.put(tx, scope, row)
    return {}


@operation(resource="{ResourceName}")
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    with call.read() as tx:
        _, _, row = _find(call, tx, request["ResourceName"])
    return {"TagList": render(row.tags)}


def read(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """The request's tags. Raises InvalidParameterValue."""
    found = {tag.get("Key", ""): tag.get("Value", "") for tag in tags or ()}
    if len(found) > LIMIT:
        raise invalid(f"The number of tags exceeds the limit of {LIMIT} for a resource.")
    for key, value in found.items():
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            raise invalid(f"Tag keys must be 1 to 128 characters long and must not begin with aws: or rds:: {key}")
        if len(value) > 256:
            raise invalid(f"Tag values must be at most 256 characters long: {key}")
    return found


def render(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _find(call: Call, tx: Reader, arn: str) -> tuple[Table[Any], Scope, Any]:
    scope, kind, name = names.split_arn(arn)
    table = _TABLES.get(kind)
    if table is None or scope.account != call.account:
        raise invalid(f"The specified resource name does not match an RDS resource in this region: {arn}")
    if kind == "global-cluster":
        scope = Scope(scope.account, "aws-global")
    if kind == "db-proxy":  # named by its id in the ARN
        row = next((one for one in PROXIES.scan(tx, scope) if one.resource_id == name), None)
    else:
        row = table.get(tx, scope, name)
    if row is None:
        raise _absent(kind, name)
    return table, scope, row


def _absent(kind: str, name: str) -> AwsError:
    makers = {
        "db": no_instance,
        "cluster": no_cluster,
        "snapshot": no_snapshot,
        "cluster-snapshot": no_cluster_snapshot,
    }
    if kind in makers:
        return makers[kind](name)
    if kind in ("pg", "cluster-pg"):
        return errors.DBParameterGroupNotFound(f"DBParameterGroup not found: {name}")
    if kind == "og":
        return errors.OptionGroupNotFoundFault(f"Specified OptionGroupName: {name} not found.")
    if kind == "subgrp":
        return errors.DBSubnetGroupNotFoundFault(f"DB subnet group '{name}' does not exist.")
    return invalid(f"The specified resource name does not match an RDS resource in this region: {kind}:{name}")
