"""How many may run at once: reserved and provisioned concurrency, the account's limits, recursion, runtime updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.describing import instant
from haneul.services.lambda_.errors import errors, invalid
from haneul.services.lambda_.names import LATEST, parse
from haneul.services.lambda_.paging import page
from haneul.services.lambda_.running import ACCOUNT_LIMIT, house
from haneul.services.lambda_.state import FUNCTIONS, LAYERS, SETTINGS, VERSIONS, Setting

UNRESERVED = 100


@operation(resource=names.resource)
def put_function_concurrency(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutFunctionConcurrency: kept free for this function, and never more than this."""
    name = parse(call, request["FunctionName"])
    wanted = request["ReservedConcurrentExecutions"]
    with call.write() as tx:
        function = names.function(tx, name)
        others = sum(one.reserved or 0 for one in FUNCTIONS.scan(tx, name.scope) if one.name != name.name)
        if ACCOUNT_LIMIT - others - wanted < UNRESERVED:
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{UNRESERVED}]."
            )
        function.reserved = wanted
        FUNCTIONS.put(tx, name.scope, function)
    return {"ReservedConcurrentExecutions": wanted}


@operation(resource=names.resource)
def get_function_concurrency(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        return {"ReservedConcurrentExecutions": names.function(tx, name).reserved}


@operation(resource=names.resource)
def delete_function_concurrency(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.write() as tx:
        function = names.function(tx, name)
        function.reserved = None
        FUNCTIONS.put(tx, name.scope, function)
    return {}


@operation(resource=names.resource)
async def put_provisioned_concurrency_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutProvisionedConcurrencyConfig: environments that are kept warm."""
    name = parse(call, request["FunctionName"], request["Qualifier"])
    if name.qualifier == LATEST:
        raise invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
    count = request["ProvisionedConcurrentExecutions"]
    held = {"count": count, "modified": call.now()}
    with call.write() as tx:
        names.function(tx, name)
        version, _ = names.version(tx, name)
        SETTINGS.put(tx, name.scope, Setting(kind="provisioned", name=name.name, qualifier=name.qualifier, held=held))
    plane = house(call)
    plan = await plane.plan(call, name, version)
    plane.spawn(("warm", name), plane.engine.warm(plan, min(count, 32)))
    return _provisioned(held) | {
        "Status": "IN_PROGRESS",
        "AvailableProvisionedConcurrentExecutions": 0,
        "AllocatedProvisionedConcurrentExecutions": 0,
    }


def _provisioned(held: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "RequestedProvisionedConcurrentExecutions": held["count"],
        "AvailableProvisionedConcurrentExecutions": held["count"],
        "AllocatedProvisionedConcurrentExecutions": held["count"],
        "Status": "READY",
        "LastModified": instant(held["modified"]),
    }


@operation(resource=names.resource)
def get_provisioned_concurrency_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request["Qualifier"])
    with call.read() as tx:
        names.function(tx, name)
        row = SETTINGS.get(tx, name.scope, "provisioned", name.name, name.qualifier)
    if row is None:
        raise errors.ProvisionedConcurrencyConfigNotFoundException(
            "No Provisioned Concurrency Config found for this function", Type="User"
        )
    return _provisioned(row.held)


@operation(resource=names.resource)
async def delete_provisioned_concurrency_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request["Qualifier"])
    with call.write() as tx:
        names.function(tx, name)
        version, _ = names.version(tx, name)
        SETTINGS.delete(tx, name.scope, "provisioned", name.name, name.qualifier)
    plane = house(call)
    await plane.engine.warm(await plane.plan(call, name, version), 0)
    return {}


@operation(resource=names.resource)
def list_provisioned_concurrency_configs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        names.function(tx, name)
        rows = list(SETTINGS.scan(tx, name.scope, "provisioned", name.name))
    found = [{"FunctionArn": f"{name.arn}:{row.qualifier}"} | _provisioned(row.held) for row in rows]
    chosen, marker = page(found, request, 50)
    return {"ProvisionedConcurrencyConfigs": chosen, "NextMarker": marker}


@operation()
def get_account_settings(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        functions = list(FUNCTIONS.scan(tx, call.scope))
        used = sum(version.size for version in VERSIONS.scan(tx, call.scope))
        used += sum(layer.size for layer in LAYERS.scan(tx, call.scope))
    reserved = sum(function.reserved or 0 for function in functions)
    return {
        "AccountLimit": {
            "TotalCodeSize": 80530636800,
            "CodeSizeUnzipped": 262144000,
            "CodeSizeZipped": 52428800,
            "ConcurrentExecutions": ACCOUNT_LIMIT,
            "UnreservedConcurrentExecutions": ACCOUNT_LIMIT - reserved,
        },
        "AccountUsage": {"TotalCodeSize": used, "FunctionCount": len(functions)},
    }
