"""Multi-region keys: one key id and material in several regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, Scope, operation
from haneul.services.kms.errors import errors, invalid
from haneul.services.kms.keys import check_policy, check_tags, default_policy, metadata, rewrite
from haneul.services.kms.lookup import by_key, check_state, find
from haneul.services.kms.state import ENABLED, KEYS


@operation(resource=by_key)
def replicate_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ReplicateKey into another region, with a policy and tags of its own."""
    key = find(call, request["KeyId"], aliases=False)
    region = request["ReplicaRegion"]
    if not key.multi_region or key.primary != key.region:
        raise errors.UnsupportedOperationException(f"{key.arn} is not a multi-Region primary key.")
    check_state(key, ENABLED)
    if region == key.region:
        raise invalid(f"The replica Region {region} is the primary key's own Region.")
    if policy := request.get("Policy"):
        check_policy(policy)
    tags = check_tags(request.get("Tags"))
    with call.write() as tx:
        scope = Scope(key.account, region)
        if KEYS.get(tx, scope, key.id) is not None:
            raise errors.AlreadyExistsException(
                f"Unable to replicate key {key.arn} in region {region}, as it already exists in that region"
            )
        family = [*key.family, region]
        replica = msgspec.structs.replace(
            key,
            region=region,
            description=request.get("Description") or "",
            policy=policy or default_policy(key.account),
            tags=tags,
            family=family,
            created=call.now(),
        )
        KEYS.put(tx, scope, replica)
        for other in key.family:
            if (row := KEYS.get(tx, Scope(key.account, other), key.id)) is not None:
                rewrite(tx, row, family=family)
    return {
        "ReplicaKeyMetadata": metadata(replica),
        "ReplicaPolicy": replica.policy,
        "ReplicaTags": [{"TagKey": name, "TagValue": value} for name, value in tags.items()],
    }


@operation(resource=by_key)
def update_primary_region(call: Call, request: Mapping[str, Any]) -> None:
    """UpdatePrimaryRegion: one of the replicas becomes the primary key."""
    key = find(call, request["KeyId"], aliases=False)
    region = request["PrimaryRegion"]
    if not key.multi_region or key.primary != key.region:
        raise errors.UnsupportedOperationException(f"{key.arn} is not a multi-Region primary key.")
    if region == key.region:
        raise errors.UnsupportedOperationException(f"The Region {region} is the primary Region already.")
    if region not in key.family:
        raise errors.NotFoundException(f"Key 'arn:aws:kms:{region}:{key.account}:key/{key.id}' does not exist")
    check_state(key, ENABLED)
    with call.write() as tx:
        for other in key.family:
            if (row := KEYS.get(tx, Scope(key.account, other), key.id)) is not None:
                changes: dict[str, Any] = {"primary": region}
                if other == key.region:
                    changes |= {"rotates": False, "next_rotation": None}
                elif other == region:
                    changes |= {
                        "rotates": key.rotates,
                        "next_rotation": key.next_rotation,
                        "rotation_days": key.rotation_days,
                    }
                rewrite(tx, row, **changes)
