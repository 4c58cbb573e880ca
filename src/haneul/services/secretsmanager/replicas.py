"""Replicas: copies of a secret in other regions, kept in step with the primary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from haneul.service import Call, Scope, operation
from haneul.services.secretsmanager.errors import errors
from haneul.services.secretsmanager.sealing import open_value, seal
from haneul.services.secretsmanager.secrets import arn_of, by_secret, erase, find, refuse_replica
from haneul.services.secretsmanager.state import SECRETS, VERSIONS, Replica, Secret, Version


def statuses(secret: Secret) -> list[dict[str, Any]]:
    return [
        {
            "Region": replica.region,
            "KmsKeyId": replica.key or "alias/aws/secretsmanager",
            "Status": replica.status,
            "StatusMessage": replica.message,
        }
        for replica in secret.replicas
    ]


@operation(resource=by_secret)
def replicate_secret_to_regions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ReplicateSecretToRegions."""
    with call.read() as tx:
        scope, secret = find(tx, call, request["SecretId"])
    refuse_replica(secret)
    secret = replicate(call, secret, request["AddReplicaRegions"], bool(request.get("ForceOverwriteReplicaSecret")))
    return {"ARN": arn_of(scope, secret), "ReplicationStatus": statuses(secret)}


def check_regions(call: Call, regions: Sequence[Mapping[str, Any]], held: Sequence[str] = ()) -> None:
    """Refuse a region that is missing, the secret's own, or named before."""
    seen = set(held)
    for wanted in regions:
        region = wanted.get("Region")
        if not region or region == call.region:
            raise errors.InvalidParameterException("Invalid replica region.")
        if region in seen:
            raise errors.InvalidParameterException(f"The secret is already replicated to {region}.")
        seen.add(region)


def replicate(call: Call, secret: Secret, regions: Sequence[Mapping[str, Any]], force: bool) -> Secret:
    """Copy a secret into more regions; the secret with what became of each."""
    check_regions(call, regions, [replica.region for replica in secret.replicas])
    replicas = list(secret.replicas)
    for wanted in regions:
        region = wanted["Region"]
        replica = Replica(region=region, key=wanted.get("KmsKeyId"))
        with call.read() as tx:
            there = SECRETS.get(tx, Scope(call.account, region), secret.name)
        if there is not None and not force:
            replica.status = "Failed"
            replica.message = f"Replication failed: Secret name {secret.name} already exists in region {region}."
        replicas.append(replica)
    with call.write() as tx:
        secret = msgspec.structs.replace(SECRETS.get(tx, call.scope, secret.name) or secret, replicas=replicas)
        SECRETS.put(tx, call.scope, secret)
    share(call, call.scope, secret)
    return secret


def share(call: Call, scope: Scope, secret: Secret) -> None:
    """Bring every replica up to date with the primary, tags and policy too; values are sealed anew under its key."""
    if not secret.replicas:
        return
    with call.read() as tx:
        versions = [v for v in VERSIONS.scan(tx, scope, secret.name) if v.sealed]
    for replica in secret.replicas:
        if replica.status == "Failed":
            continue
        there = Scope(scope.account, replica.region)
        with call.read() as tx:
            held = {version.id for version in VERSIONS.scan(tx, there, secret.name)}
        copy = msgspec.structs.replace(
            secret,
            key=replica.key,
            replicas=[],
            primary=scope.region,
            rotates=None,
            function=None,
            rules=None,
            next_rotation=None,
            rotation=None,
        )
        abroad = call.cloud.call_as("secretsmanager", there)
        sealed: list[Version] = []
        for version in versions:
            if version.id not in held:
                value = open_value(call, arn_of(scope, secret), version)
                sealed.append(seal(abroad, copy, arn_of(there, copy), version.id, (value, version.text)))
        with call.write() as tx:
            SECRETS.put(tx, there, copy)
            for version in sealed:
                VERSIONS.put(tx, there, version)


@operation(resource=by_secret)
def remove_regions_from_replication(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RemoveRegionsFromReplication: the copies there are deleted."""
    gone = set(request["RemoveReplicaRegions"])
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        refuse_replica(secret)
        for replica in secret.replicas:
            there = Scope(scope.account, replica.region)
            if replica.region in gone and replica.status != "Failed":
                copy = SECRETS.get(tx, there, secret.name)
                if copy is not None and copy.primary == scope.region:
                    erase(tx, there, copy)
        secret.replicas = [replica for replica in secret.replicas if replica.region not in gone]
        SECRETS.put(tx, scope, secret)
    return {"ARN": arn_of(scope, secret), "ReplicationStatus": statuses(secret)}


@operation(resource=by_secret)
def stop_replication_to_replica(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StopReplicationToReplica: the copy here becomes a secret of its own."""
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        if secret.primary is None:
            raise errors.InvalidRequestException("Operation not permitted: the secret is not a replica.")
        home = Scope(scope.account, secret.primary)
        primary = SECRETS.get(tx, home, secret.name)
        if primary is not None:
            primary.replicas = [replica for replica in primary.replicas if replica.region != scope.region]
            SECRETS.put(tx, home, primary)
        secret.primary = None
        SECRETS.put(tx, scope, secret)
    return {"ARN": arn_of(scope, secret)}
