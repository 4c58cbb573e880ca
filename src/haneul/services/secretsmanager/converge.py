"""What secrets do with time: go when their window ends, and rotate."""

from __future__ import annotations

import json
import logging

from haneul.kit import tokens
from haneul.service import Call, Step
from haneul.services.secretsmanager.rotations import begin, next_rotation
from haneul.services.secretsmanager.secrets import arn_of
from haneul.services.secretsmanager.state import SECRETS, VERSIONS, Secret
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.secretsmanager")
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
RETRY = 60.0


def step_secret(call: Call, secret: Secret) -> Step:
    """One step of a secret."""
    now = call.now()
    if secret.purge is not None:
        if secret.purge > now:
            return Step(secret, secret.purge - now)
        with call.write() as tx:
            VERSIONS.delete_all(tx, call.scope, secret.name)
        return Step(None)
    if secret.rotation is None:
        if not secret.rotates or secret.next_rotation is None:
            return Step(secret)
        if secret.next_rotation > now:
            return Step(secret, secret.next_rotation - now)
        with call.write() as tx:
            begin(tx, call.scope, secret, tokens.uuid(), now)
        return Step(secret, 0.0)
    if secret.retry_at is not None and secret.retry_at > now:
        return Step(secret, secret.retry_at - now)
    done = _rotate(call, secret)
    _note(call, secret.name, done=done, now=now)
    return Step(secret)  # the function changed the row through the API, so the loop looks at it again


def _note(call: Call, name: str, *, done: bool, now: float) -> None:
    """Write how the rotation went over the secret as the function left it."""
    with call.write() as tx:
        secret = SECRETS.get(tx, call.scope, name)
        if secret is None:
            return
        if done:
            _finish(secret, now)
        else:
            secret.retry_at = now + RETRY
        SECRETS.put(tx, call.scope, secret)


def _rotate(call: Call, secret: Secret) -> bool:
    """Run the four steps; False when the function failed one, and all of them must be tried again."""
    for step in STEPS:
        event = {"Step": step, "SecretId": arn_of(call.scope, secret), "ClientRequestToken": secret.rotation}
        try:
            answer = call.invoke(
                "lambda",
                "Invoke",
                {
                    "FunctionName": secret.function,
                    "InvocationType": "RequestResponse",
                    "Payload": json.dumps(event).encode(),
                },
            )
        except AwsError as error:
            log.warning("rotation of %s failed at %s: %s", secret.name, step, error.message)
            return False
        if answer.get("FunctionError"):
            log.warning("rotation of %s failed at %s: the function raised an error", secret.name, step)
            return False
    return True


def _finish(secret: Secret, now: float) -> None:
    secret.rotation = secret.retry_at = None
    secret.rotated = now
    secret.next_rotation = next_rotation(secret, now) if secret.rotates else None
