"""Secrets: create, describe, update, delete, restore."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.converge.timers import settle
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.secretsmanager.errors import errors, is_deleted, no_secret, token_in_use
from haneul.services.secretsmanager.sealing import holds, seal, value_of
from haneul.services.secretsmanager.state import (
    CURRENT,
    PREVIOUS,
    SECRETS,
    VERSIONS,
    Secret,
    Version,
)
from haneul.state.store import Reader, Writer

DAY = 86400.0
MOST_VERSIONS = 100
_NAME = re.compile(r"[a-zA-Z0-9/_+=.@!-]{1,512}")


def arn_of(scope: Scope, secret: Secret) -> str:
    return f"arn:aws:secretsmanager:{scope.region}:{scope.account}:secret:{secret.name}-{secret.suffix}"


def by_secret(call: Call, request: Mapping[str, Any]) -> str:
    """The ARN that the decision is about: the secret's own, whatever named it."""
    name = request.get("SecretId") or request.get("Name") or ""
    with call.read() as tx:
        scope, secret = look(tx, call, name)
    if secret is not None:
        return arn_of(scope, secret)
    return name if name.startswith("arn:") else f"arn:aws:secretsmanager:{call.region}:{call.account}:secret:{name}"


def by_new_name(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:secretsmanager:{call.region}:{call.account}:secret:{request['Name']}"


def look(tx: Reader, call: Call, name: str) -> tuple[Scope, Secret | None]:
    """The secret behind a name, an ARN, or an ARN without its random end."""
    scope, local, suffix = call.scope, name, None
    if name.startswith("arn:"):
        parts = name.split(":", 6)
        if len(parts) != 7 or parts[2] != "secretsmanager" or parts[3] != call.region:
            return scope, None
        scope, local = Scope(parts[4], parts[3]), parts[6]
        secret = SECRETS.get(tx, scope, local)
        if secret is not None:
            return scope, secret
        local, _, suffix = local.rpartition("-")
    secret = SECRETS.get(tx, scope, local)
    if secret is not None and suffix is not None and secret.suffix != suffix:
        return scope, None
    return scope, secret


def find(tx: Reader, call: Call, name: str, *, deleted: bool = False) -> tuple[Scope, Secret]:
    """The secret behind a name. Raises ResourceNotFoundException, InvalidRequestException when it is marked."""
    scope, secret = look(tx, call, name)
    if secret is None:
        raise no_secret()
    if secret.deleted is not None and not deleted:
        raise is_deleted()
    return scope, secret


OWNER = "aws:secretsmanager:owningService"
"""The tag that says which service keeps a secret for its own use."""


def check_tags(tags: Any, *, owned: bool = False) -> list[tuple[str, str]]:
    """Tags as they are kept. Those that begin with aws: are for services that own a secret."""
    found: dict[str, str] = {}
    for tag in tags or ():
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not owned and key.lower().startswith("aws:"):
            raise errors.InvalidParameterException("Tag keys can't begin with aws:.")
        if key in found:
            raise errors.InvalidRequestException("Duplicate tag keys found in request.")
        found[key] = value
    if len(found) > 50:
        raise errors.InvalidParameterException("A secret can have at most 50 tags.")
    return list(found.items())


def refuse_replica(secret: Secret) -> None:
    if secret.primary is not None:
        raise errors.InvalidParameterException(
            "Operation not permitted on a replica secret. Call must be made in primary secret's region."
        )


@operation(resource=by_new_name)
def create_secret(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateSecret. The same again with the same token gives the same version."""
    from haneul.services.secretsmanager.replicas import check_regions, replicate, statuses

    name = request["Name"]
    if not _NAME.fullmatch(name):
        raise errors.ValidationException(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )
    value = value_of(request)
    tags = check_tags(request.get("Tags"), owned=call.principal.kind == "service")
    token = request.get("ClientRequestToken") or tokens.uuid()
    with call.read() as tx:
        known = SECRETS.get(tx, call.scope, name)
        again = VERSIONS.get(tx, call.scope, name, token) if known is not None else None
    if known is not None:
        return _created_again(call, known, again, value)
    check_regions(call, request.get("AddReplicaRegions") or ())
    now = call.now()
    secret = Secret(
        name=name,
        suffix=_suffix(),
        created=now,
        changed=now,
        description=request.get("Description"),
        key=request.get("KmsKeyId"),
        kind=request.get("Type"),
        tags=tags,
    )
    arn = arn_of(call.scope, secret)
    version = None if value is None else seal(call, secret, arn, token, value)
    with call.write() as tx:
        if SECRETS.get(tx, call.scope, name) is not None:
            raise errors.ResourceExistsException(f"The operation failed because the secret {name} already exists.")
        if version is not None:
            VERSIONS.put(tx, call.scope, version)
            secret.stages = {CURRENT: token}
        SECRETS.put(tx, call.scope, secret)
    result: dict[str, Any] = {"ARN": arn, "Name": name, "VersionId": None if version is None else token}
    if request.get("AddReplicaRegions"):
        secret = replicate(call, secret, request["AddReplicaRegions"], bool(request.get("ForceOverwriteReplicaSecret")))
        result["ReplicationStatus"] = statuses(secret)
    return result


def _suffix() -> str:
    """Six random letters and digits, as in every secret's ARN."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(letters[int(tokens.random_hex(4), 16) % len(letters)] for _ in range(6))


def _created_again(
    call: Call, known: Secret, version: Version | None, value: tuple[bytes, bool] | None
) -> dict[str, Any]:
    if known.deleted is not None:
        raise errors.InvalidRequestException(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    arn = arn_of(call.scope, known)
    if version is not None and value is not None and version.sealed and holds(call, arn, version, value):
        return {"ARN": arn, "Name": known.name, "VersionId": version.id}
    if version is not None and version.sealed:
        raise token_in_use(arn, version.id)
    raise errors.ResourceExistsException(f"The operation failed because the secret {known.name} already exists.")


@operation(resource=by_secret)
def describe_secret(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSecret, marked for deletion or not."""
    with call.read() as tx:
        scope, secret = find(tx, call, request["SecretId"], deleted=True)
        versions = [version.id for version in VERSIONS.scan(tx, scope, secret.name)]
    described = describe(scope, secret)
    stages = {version: labels_of(secret, version) for version in versions}
    if labelled := {version: labels for version, labels in stages.items() if labels}:
        described["VersionIdsToStages"] = labelled
    return described


def labels_of(secret: Secret, version: str) -> list[str]:
    return [label for label, held in secret.stages.items() if held == version]


def describe(scope: Scope, secret: Secret) -> dict[str, Any]:
    """What DescribeSecret and ListSecrets both tell."""
    from haneul.services.secretsmanager.replicas import statuses

    described: dict[str, Any] = {
        "ARN": arn_of(scope, secret),
        "Name": secret.name,
        "Type": secret.kind,
        "Description": secret.description,
        "KmsKeyId": secret.key,
        "LastChangedDate": secret.changed,
        "LastAccessedDate": secret.accessed,
        "DeletedDate": secret.deleted,
        "CreatedDate": secret.created,
        "Tags": [{"Key": key, "Value": value} for key, value in secret.tags] if secret.tags else None,
        "OwningService": dict(secret.tags).get(OWNER),
        "RotationEnabled": secret.rotates,
        "RotationLambdaARN": secret.function,
        "LastRotatedDate": secret.rotated,
        "NextRotationDate": secret.next_rotation,
    }
    if secret.rules is not None:
        described["RotationRules"] = {
            "AutomaticallyAfterDays": secret.rules.days,
            "Duration": secret.rules.duration,
            "ScheduleExpression": secret.rules.expression,
        }
    if secret.replicas or secret.primary:
        described["PrimaryRegion"] = secret.primary or scope.region
    if secret.replicas:
        described["ReplicationStatus"] = statuses(secret)
    return described


def place(tx: Writer, scope: Scope, secret: Secret, version: Version, stages: list[str], now: float) -> None:
    """Store a version and give it its labels; whoever was current is the previous one now."""
    VERSIONS.put(tx, scope, version)
    labels = dict(secret.stages)
    for stage in stages:
        move_label(labels, stage, version.id)
    secret.stages = labels
    secret.changed = now
    SECRETS.put(tx, scope, secret)
    _prune(tx, scope, secret)


def move_label(labels: dict[str, str], stage: str, version: str) -> None:
    if stage == CURRENT and (current := labels.get(CURRENT)) is not None and current != version:
        labels[PREVIOUS] = current
        if labels.get(PREVIOUS) == version:
            del labels[PREVIOUS]
    labels[stage] = version


def _prune(tx: Writer, scope: Scope, secret: Secret) -> None:
    """Unlabelled versions beyond the newest hundred go."""
    labelled = set(secret.stages.values())
    loose = sorted((v for v in VERSIONS.scan(tx, scope, secret.name) if v.id not in labelled), key=lambda v: v.created)
    for version in loose[: max(0, len(loose) - MOST_VERSIONS)]:
        VERSIONS.delete(tx, scope, secret.name, version.id)


@operation(resource=by_secret)
def update_secret(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateSecret: its description and key, and a new current value when one is given."""
    from haneul.services.secretsmanager.replicas import share
    from haneul.services.secretsmanager.values import store_value

    value = value_of(request)
    with call.read() as tx:
        scope, secret = find(tx, call, request["SecretId"])
    refuse_replica(secret)
    version = None
    with call.write() as tx:
        secret = SECRETS.get(tx, scope, secret.name) or secret
        for member, name in (("Description", "description"), ("KmsKeyId", "key"), ("Type", "kind")):
            if member in request:
                setattr(secret, name, request[member])
        secret.changed = call.now()
        SECRETS.put(tx, scope, secret)
    if value is None:
        share(call, scope, secret)
    else:
        token = request.get("ClientRequestToken") or tokens.uuid()
        store_value(call, scope, secret, token, value, [CURRENT])
        version = token
    return {"ARN": arn_of(scope, secret), "Name": secret.name, "VersionId": version}


@operation(resource=by_secret)
def delete_secret(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteSecret: after 7 to 30 days, or at once when forced."""
    window, force = request.get("RecoveryWindowInDays"), bool(request.get("ForceDeleteWithoutRecovery"))
    if force and window is not None:
        raise errors.InvalidParameterException(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
        )
    if window is not None and not 7 <= window <= 30:
        raise errors.InvalidParameterException(
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
        )
    now = call.now()
    with call.write() as tx:
        scope, secret = look(tx, call, request["SecretId"])
        if secret is None:
            if force:
                ghost = Secret(name=request["SecretId"], suffix=_suffix(), created=now, changed=now)
                return {"ARN": arn_of(scope, ghost), "Name": ghost.name, "DeletionDate": now}
            raise no_secret()
        if secret.replicas:
            regions = ", ".join(replica.region for replica in secret.replicas)
            raise errors.InvalidParameterException(
                f"You can't delete secret {arn_of(scope, secret)} that still has replica regions [{regions}]."
            )
        refuse_replica(secret)
        if force:
            erase(tx, scope, secret)
            return {"ARN": arn_of(scope, secret), "Name": secret.name, "DeletionDate": now}
        if secret.deleted is not None:
            raise is_deleted()
        secret.deleted = now
        secret.purge = now + (window or 30) * DAY
        SECRETS.put(tx, scope, secret)
        converge.wake(tx, "secretsmanager.secret", scope, (secret.name,), secret.purge)
    return {"ARN": arn_of(scope, secret), "Name": secret.name, "DeletionDate": secret.purge}


def erase(tx: Writer, scope: Scope, secret: Secret) -> None:
    SECRETS.delete(tx, scope, secret.name)
    VERSIONS.delete_all(tx, scope, secret.name)
    settle(tx, "secretsmanager.secret", scope, (secret.name,))


@operation(resource=by_secret)
def restore_secret(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreSecret: it isn't marked any more."""
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"], deleted=True)
        refuse_replica(secret)
        if secret.deleted is None:
            return {"ARN": arn_of(scope, secret), "Name": secret.name}
        secret.deleted = secret.purge = None
        SECRETS.put(tx, scope, secret)
        settle(tx, "secretsmanager.secret", scope, (secret.name,))
        if secret.next_rotation is not None:
            converge.wake(tx, "secretsmanager.secret", scope, (secret.name,), secret.next_rotation)
    return {"ARN": arn_of(scope, secret), "Name": secret.name}
