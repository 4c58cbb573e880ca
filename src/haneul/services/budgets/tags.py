"""Tags of budgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.budgets.errors import errors
from haneul.services.budgets.state import BUDGETS, Budget, arn_of
from haneul.state.store import Reader

MAX_TAGS = 50


def by_arn(call: Call, request: Mapping[str, Any]) -> str:
    return str(request["ResourceARN"])


@operation(resource=by_arn)
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource. Raises NotFoundException, ServiceQuotaExceededException, InvalidParameterException."""
    new = tags_of(request["ResourceTags"])
    with call.write() as tx:
        budget = _find(tx, call, request["ResourceARN"])
        budget.tags = _bounded(budget.tags | new)
        BUDGETS.put(tx, call.scope, budget)
    return {}


@operation(resource=by_arn)
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource. Raises NotFoundException."""
    gone = set(request["ResourceTagKeys"])
    with call.write() as tx:
        budget = _find(tx, call, request["ResourceARN"])
        budget.tags = {key: value for key, value in budget.tags.items() if key not in gone}
        BUDGETS.put(tx, call.scope, budget)
    return {}


@operation(resource=by_arn)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource. Raises NotFoundException."""
    with call.read() as tx:
        budget = _find(tx, call, request["ResourceARN"])
    return {"ResourceTags": [{"Key": key, "Value": value} for key, value in budget.tags.items()]}


def tags_of(members: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as a request says them. Raises InvalidParameterException, ServiceQuotaExceededException."""
    pairs = [(one["Key"], one["Value"]) for one in members]
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise errors.InvalidParameterException("Duplicate tag keys are not allowed.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise errors.InvalidParameterException("Tag keys can't start with aws:.")
    return _bounded(tags)


def _bounded(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MAX_TAGS:
        raise errors.ServiceQuotaExceededException(f"A resource can have {MAX_TAGS} tags at most.")
    return tags


def _find(tx: Reader, call: Call, arn: str) -> Budget:
    begins = arn_of(call.scope, "")
    budget = BUDGETS.get(tx, call.scope, arn.removeprefix(begins)) if arn.startswith(begins) else None
    if budget is None:
        raise errors.NotFoundException(f"Unable to find resource: {arn}.")
    return budget
