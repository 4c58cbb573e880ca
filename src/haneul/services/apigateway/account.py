"""The account's own settings: who writes its logs, and its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS, ROOT, put
from haneul.state.store import Reader

LIMITS = {"burstLimit": 5000, "rateLimit": 10000.0}


def _held(tx: Reader, call: Call) -> dict[str, Any]:
    row = ITEMS.get(tx, call.scope, "account", ROOT, "account")
    return dict(row.held) if row is not None else {}


def _describe(held: Mapping[str, Any]) -> dict[str, Any]:
    return {**held, "throttleSettings": LIMITS, "features": ["UsagePlans"], "apiKeyVersion": "4"}


def _disables_plans(one: Mapping[str, Any]) -> bool:
    return one.get("op") == "remove" and one.get("path") == "/features" and one.get("value") == "UsagePlans"


@operation(resource=names.resource)
def get_account(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return _describe(_held(tx, call))


@operation(resource=names.resource)
def update_account(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        held = _held(tx, call)
        if any(_disables_plans(one) for one in request.get("patchOperations") or ()):
            raise bad("Usage Plans cannot be disabled once enabled")
        asked = [one for one in patching.checked(call, request) if not (one.get("path") or "").startswith("/features")]
        patching.apply(held, asked, (Rule("/cloudwatchRoleArn", "add replace remove"),))
        role = held.get("cloudwatchRoleArn")
        if role and not re.match(r"arn:[a-z\-]+:iam::\d{12}:role/.+", role):
            raise bad("The role ARN does not have required permissions configured. Please grant trust permission for "
                      "API Gateway and add the required role policy.")  # fmt: skip
        if not role:
            held.pop("cloudwatchRoleArn", None)
        put(tx, call.scope, "account", ROOT, "account", held, call.now())
    return _describe(held)
