"""Values of secrets: put one, get one, get several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.secretsmanager.errors import errors, is_deleted, token_in_use
from haneul.services.secretsmanager.sealing import holds, open_value, seal, value_of
from haneul.services.secretsmanager.secrets import arn_of, by_secret, find, labels_of, place, refuse_replica
from haneul.services.secretsmanager.state import CURRENT, SECRETS, VERSIONS, Secret, Version
from haneul.wire.errors import AwsError

DAY = 86400.0


@operation(resource=by_secret)
def put_secret_value(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutSecretValue: current unless VersionStages says otherwise."""
    value = value_of(request)
    if value is None:
        raise errors.InvalidRequestException("You must provide either SecretString or SecretBinary.")
    with call.read() as tx:
        scope, secret = find(tx, call, request["SecretId"])
    refuse_replica(secret)
    token = request.get("ClientRequestToken") or tokens.uuid()
    stages = list(request.get("VersionStages") or [CURRENT])
    labels = store_value(call, scope, secret, token, value, stages)
    return {"ARN": arn_of(scope, secret), "Name": secret.name, "VersionId": token, "VersionStages": labels}


def store_value(
    call: Call, scope: Scope, secret: Secret, token: str, value: tuple[bytes, bool], stages: list[str]
) -> list[str]:
    """Store a value as the version `token`; the labels it has now. The same again is no error."""
    from haneul.services.secretsmanager.replicas import share

    arn = arn_of(scope, secret)
    with call.read() as tx:
        known = VERSIONS.get(tx, scope, secret.name, token)
    if known is not None and known.sealed:
        if holds(call, arn, known, value):
            return labels_of(secret, token)
        raise token_in_use(arn, token)
    version = seal(call, secret, arn, token, value)
    with call.write() as tx:
        fresh = SECRETS.get(tx, scope, secret.name)
        if fresh is None or fresh.deleted is not None:
            raise is_deleted()
        if CURRENT not in fresh.stages and CURRENT not in stages:
            stages = [*stages, CURRENT]  # the first value is the current one, whatever else it is
        place(tx, scope, fresh, version, stages, call.now())
    if fresh.replicas:
        share(call, scope, fresh)
    return labels_of(fresh, token)


@operation(resource=by_secret)
def get_secret_value(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetSecretValue: the current one, or by version id or label."""
    with call.read() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        version = choose(tx, scope, secret, request)
    return _open(call, scope, secret, version)


def choose(tx: Any, scope: Scope, secret: Secret, request: Mapping[str, Any]) -> Version:
    wanted, stage = request.get("VersionId"), request.get("VersionStage")
    if wanted is not None:
        version = VERSIONS.get(tx, scope, secret.name, wanted)
        if version is None or not version.sealed:
            raise errors.ResourceNotFoundException(
                f"Secrets Manager can't find the specified secret value for VersionId: {wanted}"
            )
        if stage is not None and secret.stages.get(stage) != wanted:
            raise errors.InvalidRequestException(
                "You provided a VersionStage that is not associated to the provided VersionId."
            )
        return version
    stage = stage or CURRENT
    held = secret.stages.get(stage)
    version = VERSIONS.get(tx, scope, secret.name, held) if held is not None else None
    if version is None or not version.sealed:
        raise errors.ResourceNotFoundException(
            f"Secrets Manager can't find the specified secret value for staging label: {stage}"
        )
    return version


def _open(call: Call, scope: Scope, secret: Secret, version: Version) -> dict[str, Any]:
    arn = arn_of(scope, secret)
    value = open_value(call, arn, version)
    _touch(call, scope, secret, version)
    return {
        "ARN": arn,
        "Name": secret.name,
        "VersionId": version.id,
        "SecretString": value.decode() if version.text else None,
        "SecretBinary": None if version.text else value,
        "VersionStages": labels_of(secret, version.id) or None,
        "CreatedDate": version.created,
    }


def _touch(call: Call, scope: Scope, secret: Secret, version: Version) -> None:
    """Note the day of the access. Nobody waits for the disk because of it."""
    today = call.now() // DAY * DAY
    if secret.accessed == today and version.accessed == today:
        return
    with call.cloud.store.write() as tx:
        fresh = SECRETS.get(tx, scope, secret.name)
        if fresh is not None:
            SECRETS.put(tx, scope, msgspec.structs.replace(fresh, accessed=today))
            VERSIONS.put(tx, scope, msgspec.structs.replace(version, accessed=today))


@operation()
def batch_get_secret_value(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """BatchGetSecretValue: up to twenty, by names or by filters; what fails is told beside the rest."""
    from haneul.services.secretsmanager.listing import open_token, select

    names, filters = request.get("SecretIdList"), request.get("Filters")
    if bool(names) == bool(filters):
        raise errors.InvalidParameterException("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    if names and request.get("MaxResults"):
        raise errors.InvalidParameterException(
            "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided."
        )
    more: dict[str, Any] = {}
    if not names:
        limit = request.get("MaxResults") or 20
        after = open_token(request.get("NextToken"))
        with call.read() as tx:
            rows = [
                s.name for s in SECRETS.scan(tx, call.scope) if s.deleted is None and select(s, filters or (), call)
            ]
        rows = [name for name in rows if name > after]
        if len(rows) > limit:
            more["NextToken"] = tokens.seal_page(rows[limit - 1])
        names = rows[:limit]
    values: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for name in names:
        try:
            values.append(get_secret_value(call, {"SecretId": name}))
        except AwsError as error:
            failures.append({"SecretId": name, "ErrorCode": error.code, "Message": error.message})
    return {"SecretValues": values, "Errors": failures, **more}
