"""Who else may use a queue: statements of its policy, and the guard that the gate asks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Guard, operation
from haneul.services.sqs.broker import broker, locate
from haneul.services.sqs.errors import errors, invalid_value, missing
from haneul.services.sqs.queues import by_url, update

_ACTIONS = frozenset(
    {
        "*",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    }
)
_LABEL = re.compile(r"[\w-]{1,80}", re.ASCII)


@operation(resource=by_url)
def add_permission(call: Call, request: Mapping[str, Any]) -> None:
    """AddPermission: a statement named by its label."""
    live = broker(call).find(call, request["QueueUrl"])
    label, accounts, actions = request["Label"], request.get("AWSAccountIds"), request.get("Actions")
    if not actions:
        raise missing("Actions")
    if not accounts:
        raise errors.InvalidParameterValue("Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.")
    if not _LABEL.fullmatch(label):
        raise invalid_value(
            label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length."
        )
    for action in actions:
        if action not in _ACTIONS:
            if action in _OWNERS:
                raise invalid_value(
                    f"SQS:{action}", "ActionName", "Only the queue owner is allowed to invoke this action."
                )
            raise errors.InvalidParameterValue(
                f"Value SQS:{action} for parameter ActionName is invalid. "
                "Reason: Please refer to the appropriate WSDL for a list of valid actions. "
            )
    if len(actions) > 7:
        raise errors.OverLimit(f"{len(actions)} Actions were found, maximum allowed is 7.")
    text = live.row.attributes.get("Policy")
    policy = json.loads(text) if text else _empty(live.arn)
    statements = policy["Statement"] = _statements(policy)
    if any(statement.get("Sid") == label for statement in statements):
        raise invalid_value(label, "Label", "Already exists.")
    if len(statements) >= 20:
        raise errors.OverLimit("20 statements were found, maximum allowed is 20.")
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    names = ["SQS:" + action for action in actions]
    statements.append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
            "Action": names[0] if len(names) == 1 else names,
            "Resource": live.arn,
        }
    )
    update(call, live, attributes={**live.row.attributes, "Policy": json.dumps(policy, separators=(",", ":"))})


_OWNERS = frozenset(
    {
        "AddPermission",
        "CancelMessageMoveTask",
        "CreateQueue",
        "DeleteQueue",
        "ListMessageMoveTasks",
        "ListQueues",
        "ListQueueTags",
        "RemovePermission",
        "SetQueueAttributes",
        "StartMessageMoveTask",
        "TagQueue",
        "UntagQueue",
    }
)


def _empty(arn: str) -> dict[str, Any]:
    return {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}


def _statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = policy.get("Statement") or []
    return list(found) if isinstance(found, list) else [found]


@operation(resource=by_url)
def remove_permission(call: Call, request: Mapping[str, Any]) -> None:
    """RemovePermission."""
    live = broker(call).find(call, request["QueueUrl"])
    label = request["Label"]
    text = live.row.attributes.get("Policy")
    policy = json.loads(text) if text else _empty(live.arn)
    statements = _statements(policy)
    kept = [statement for statement in statements if statement.get("Sid") != label]
    if len(kept) == len(statements):
        raise invalid_value(label, "Label", "can't find label on existing policy.")
    attributes = dict(live.row.attributes)
    if kept:
        attributes["Policy"] = json.dumps({**policy, "Statement": kept}, separators=(",", ":"))
    else:
        attributes.pop("Policy", None)
    update(call, live, attributes=attributes)


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The queue's owner and its policy."""
    house = broker(call)
    if (url := request.get("QueueUrl")) is not None:
        scope, name = locate(call, url)
        live = house.get(scope, name)
    elif (arn := request.get("SourceArn")) is not None:
        live = house.by_arn(arn)
    else:
        return None
    return None if live is None else Guard(live.scope.account, live.row.attributes.get("Policy"))
