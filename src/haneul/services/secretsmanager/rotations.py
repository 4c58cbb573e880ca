"""Rotation: a Lambda function makes, sets, tests and finishes a new version, step by step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.converge.timers import settle
from haneul.kit import schedules, tokens
from haneul.service import Call, operation
from haneul.services.secretsmanager.errors import errors
from haneul.services.secretsmanager.secrets import arn_of, by_secret, find, refuse_replica
from haneul.services.secretsmanager.state import PENDING, SECRETS, VERSIONS, Rules, Secret, Version

DAY = 86400.0
_DURATION = re.compile(r"[0-9h]{2,3}")


@operation(resource=by_secret)
def rotate_secret(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RotateSecret: now (unless RotateImmediately is false), and again by its rules."""
    function, rules = request.get("RotationLambdaARN"), _rules(request.get("RotationRules"))
    token = request.get("ClientRequestToken") or tokens.uuid()
    now = call.now()
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        refuse_replica(secret)
        if not (function or secret.function):
            raise errors.InvalidRequestException("No Lambda rotation function ARN is associated with this secret.")
        if secret.rotation is not None or _half_done(secret):
            raise errors.InvalidRequestException(
                "A previous rotation isn't complete. That rotation will be reattempted."
            )
        secret.function = function or secret.function
        secret.rules = rules or secret.rules or Rules(days=30)
        secret.rotates = True
        secret.next_rotation = next_rotation(secret, now)
        if request.get("RotateImmediately", True):
            begin(tx, scope, secret, token, now)
            due = now
        else:
            due = secret.next_rotation or now
        SECRETS.put(tx, scope, secret)
        converge.wake(tx, "secretsmanager.secret", scope, (secret.name,), due)
    return {"ARN": arn_of(scope, secret), "Name": secret.name, "VersionId": token}


def _half_done(secret: Secret) -> bool:
    """Whether a version still waits to become current: pending, and nothing else."""
    pending = secret.stages.get(PENDING)
    return pending is not None and list(secret.stages.values()).count(pending) == 1


def begin(tx: Any, scope: Any, secret: Secret, token: str, now: float) -> None:
    """Make the version that the rotation will fill (the caller writes the secret)."""
    if VERSIONS.get(tx, scope, secret.name, token) is None:
        VERSIONS.put(tx, scope, Version(secret=secret.name, id=token, created=now, key=secret.key))
    secret.stages = {**secret.stages, PENDING: token}
    secret.rotation = token


def _rules(given: Mapping[str, Any] | None) -> Rules | None:
    if not given:
        return None
    days, expression, duration = (
        given.get("AutomaticallyAfterDays"),
        given.get("ScheduleExpression"),
        given.get("Duration"),
    )
    if days is not None and expression is not None:
        raise errors.InvalidParameterException("You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
    if duration is not None and not _DURATION.fullmatch(duration):
        raise errors.InvalidParameterException("The Duration value is invalid.")
    if expression is not None:
        try:
            schedules.parse(expression)
        except schedules.ScheduleError:
            raise errors.InvalidParameterException("The ScheduleExpression value is invalid.") from None
    return Rules(days=days, duration=duration, expression=expression)


def next_rotation(secret: Secret, now: float) -> float | None:
    """When the secret rotates next by its rules."""
    rules = secret.rules
    if rules is None:
        return None
    if rules.expression is not None:
        return schedules.parse(rules.expression).next_after(now, now)
    return now + (rules.days or 30) * DAY


@operation(resource=by_secret)
def cancel_rotate_secret(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CancelRotateSecret: no more rotations; a version that was pending stays."""
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        refuse_replica(secret)
        if not secret.function:
            raise errors.InvalidRequestException(
                "You can't cancel a rotation for a secret that has no rotation function."
            )
        version = secret.stages.get(PENDING)
        secret.rotates = False
        secret.rotation = None
        secret.next_rotation = None
        SECRETS.put(tx, scope, secret)
        settle(tx, "secretsmanager.secret", scope, (secret.name,))
    return {"ARN": arn_of(scope, secret), "Name": secret.name, "VersionId": version}
