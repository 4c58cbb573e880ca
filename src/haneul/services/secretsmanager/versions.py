"""Versions of secrets: list them, and move their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.secretsmanager.errors import errors
from haneul.services.secretsmanager.listing import open_token
from haneul.services.secretsmanager.replicas import share
from haneul.services.secretsmanager.secrets import arn_of, by_secret, find, labels_of, move_label, refuse_replica
from haneul.services.secretsmanager.state import CURRENT, SECRETS, VERSIONS


@operation(resource=by_secret)
def list_secret_version_ids(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListSecretVersionIds: those with labels, and the others when asked."""
    limit = request.get("MaxResults") or 100
    after = open_token(request.get("NextToken"))
    with call.read() as tx:
        scope, secret = find(tx, call, request["SecretId"], deleted=True)
        rows = [version for version in VERSIONS.scan(tx, scope, secret.name) if version.id > after]
    entries: list[dict[str, Any]] = []
    for version in rows:
        labels = labels_of(secret, version.id)
        if labels or request.get("IncludeDeprecated"):
            entries.append(
                {
                    "VersionId": version.id,
                    "VersionStages": labels or None,
                    "LastAccessedDate": version.accessed,
                    "CreatedDate": version.created,
                    "KmsKeyIds": [version.key or "DefaultEncryptionKey"],
                }
            )
    more = {"NextToken": tokens.seal_page(entries[limit - 1]["VersionId"])} if len(entries) > limit else {}
    return {"Versions": entries[:limit], "ARN": arn_of(scope, secret), "Name": secret.name, **more}


@operation(resource=by_secret)
def update_secret_version_stage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateSecretVersionStage: a label moves from one version to another."""
    stage = request["VersionStage"]
    source, target = request.get("RemoveFromVersionId"), request.get("MoveToVersionId")
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        refuse_replica(secret)
        held = secret.stages.get(stage)
        if target is not None and VERSIONS.get(tx, scope, secret.name, target) is None:
            raise errors.InvalidParameterException(f"Not a valid version: {target}")
        if source is not None and held != source:
            raise errors.InvalidParameterException(
                f"The parameter RemoveFromVersionId is not valid: staging label {stage} is not attached to version "
                f"{source}."
            )
        if source is None and target is not None and held is not None and held != target:
            raise errors.InvalidParameterException(
                f"The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to "
                f"version {held}, so you must explicitly reference that version in RemoveFromVersionId."
            )
        if target is None and stage == CURRENT:
            raise errors.InvalidParameterException(
                "You can only move staging label AWSCURRENT to a different secret version. "
                "It can't be completely removed."
            )
        labels = dict(secret.stages)
        if target is None:
            labels.pop(stage, None)
        else:
            move_label(labels, stage, target)
        secret.stages = labels
        secret.changed = call.now()
        SECRETS.put(tx, scope, secret)
    share(call, scope, secret)
    return {"ARN": arn_of(scope, secret), "Name": secret.name}
