"""Which key a request means: an id, an ARN, an alias or an alias's ARN; and whether it may be used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.kms.errors import errors
from haneul.services.kms.plane import ciphers
from haneul.services.kms.state import (
    ALIASES,
    DISABLED,
    ENABLED,
    KEYS,
    PENDING_DELETION,
    PENDING_IMPORT,
    PENDING_REPLICA_DELETION,
    Alias,
    Key,
    Material,
)
from haneul.services.kms.vault import vault
from haneul.state.store import Reader, Writer

_KEY_ID = re.compile(r"(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|mrk-[0-9a-f]{32})")
_MANAGED = re.compile(r"alias/aws/[a-z0-9-]+")


def find(call: Call, name: str, *, aliases: bool = True) -> Key:
    """The key behind a name. An alias/aws/... that nobody used yet gets its key now. Raises NotFoundException."""
    with call.read() as tx:
        key = look(tx, call, name, aliases=aliases)
    if key is not None:
        return key
    alias = name.rsplit(":", 1)[-1]
    if aliases and _MANAGED.fullmatch(alias):
        return create_managed(call, scope_of(call, name), alias)
    raise not_found(call, name)


def look(tx: Reader, call: Call, name: str, *, aliases: bool = True) -> Key | None:
    """The key behind a name, or None. Raises InvalidArnException for an ARN that is none."""
    scope, local = scope_of(call, name), name
    if name.startswith("arn:"):
        local = name.split(":", 5)[5]
        if local.startswith("key/"):
            local = local[4:]
        elif not local.startswith("alias/"):
            raise errors.InvalidArnException(f"Invalid arn {name}")
        if scope.region != call.region:
            raise errors.NotFoundException(f"Invalid arn {scope.region}")
    if local.startswith("alias/"):
        if not aliases:
            raise errors.NotFoundException(f"Invalid keyId '{name}'")
        alias = ALIASES.get(tx, scope, local)
        return None if alias is None else KEYS.get(tx, scope, alias.key)
    return KEYS.get(tx, scope, local.lower() if not local.startswith("mrk-") else local)


def scope_of(call: Call, name: str) -> Scope:
    if not name.startswith("arn:"):
        return call.scope
    parts = name.split(":", 5)
    if len(parts) != 6 or parts[2] != "kms" or not parts[4]:
        raise errors.InvalidArnException(f"Invalid arn {name}")
    return Scope(parts[4], parts[3])


def not_found(call: Call, name: str) -> Exception:
    if "alias/" in name:
        scope = scope_of(call, name)
        local = name if name.startswith("alias/") else name.split(":", 5)[5]
        return errors.NotFoundException(f"Alias arn:aws:kms:{scope.region}:{scope.account}:{local} is not found.")
    if name.startswith("arn:"):
        return errors.NotFoundException(f"Key '{name}' does not exist")
    if _KEY_ID.fullmatch(name):
        return errors.NotFoundException(f"Key 'arn:aws:kms:{call.region}:{call.account}:key/{name}' does not exist")
    return errors.NotFoundException(f"Invalid keyId '{name}'")


def by_key(call: Call, request: Mapping[str, Any]) -> str:
    """The ARN that the decision is about: the key itself, though an alias named it."""
    name = request.get("KeyId") or ""
    try:
        with call.read() as tx:
            key = look(tx, call, name)
    except Exception:
        key = None
    if key is not None:
        return key.arn
    return name if name.startswith("arn:") else f"arn:aws:kms:{call.region}:{call.account}:key/{name}"


def check_state(key: Key, *allowed: str) -> None:
    """Raise what AWS raises for a key in another state than those allowed."""
    if key.state in allowed:
        return
    if key.state == DISABLED:
        raise errors.DisabledException(f"{key.arn} is disabled.")
    words = {
        PENDING_DELETION: "is pending deletion.",
        PENDING_REPLICA_DELETION: "is pending deletion.",
        PENDING_IMPORT: "is pending import.",
        ENABLED: "is not pending deletion.",
    }
    raise errors.KMSInvalidStateException(f"{key.arn} {words.get(key.state, 'is ' + key.state)}")


def usable(call: Call, name: str, usage: str) -> Key:
    """The key behind a name, ready for an operation of this usage."""
    key = find(call, name)
    check_state(key, ENABLED)
    if key.usage != usage:
        raise errors.InvalidKeyUsageException(
            f"{key.arn} key usage is {key.usage} which is not valid for {call.operation}."
        )
    return key


def material_of(call: Call, key: Key, number: int | None = None) -> tuple[Material, bytes]:
    """The current material (or the one with this number), opened."""
    if number is None:
        material = key.current
    else:
        material = next((m for m in key.materials if m.number == number), None)
    if material is None or not material.sealed:
        raise errors.KMSInvalidStateException(f"{key.arn} is pending import.")
    return material, vault(call).open(key, material)


def new_material(call: Call, key: Key, raw: bytes, kind: str = "") -> Material:
    """Add material to a key (the caller writes the row)."""
    material = Material(
        number=key.next_number,
        id=ciphers.material_id(raw),
        sealed=vault(call).seal(key.id, raw),
        created=call.now(),
        kind=kind,
    )
    key.next_number += 1
    key.materials = [*key.materials, material]
    return material


def create_managed(call: Call, scope: Scope, alias: str) -> Key:
    """The AWS managed key of a service, made when it is first wanted."""
    service = alias.removeprefix("alias/aws/")
    now = call.now()
    key = Key(
        id=tokens.uuid(),
        account=scope.account,
        region=scope.region,
        spec="SYMMETRIC_DEFAULT",
        usage="ENCRYPT_DECRYPT",
        created=now,
        manager="AWS",
        description=f"Default key that protects my {service.upper()} data when no other key is defined",
        policy=managed_policy(scope, service),
        rotates=True,
        next_rotation=now + 365 * 86400,
    )
    new_material(call, key, ciphers.generate(key.spec))
    with call.write() as tx:
        known = ALIASES.get(tx, scope, alias)
        if known is not None and (found := KEYS.get(tx, scope, known.key)) is not None:
            return found
        store_new(tx, scope, key, alias, now)
    return key


def store_new(tx: Writer, scope: Scope, key: Key, alias: str, now: float) -> None:
    KEYS.put(tx, scope, key)
    ALIASES.put(tx, scope, Alias(name=alias, key=key.id, created=now, updated=now))


def managed_policy(scope: Scope, service: str) -> str:
    import json

    condition = {
        "StringEquals": {
            "kms:ViaService": f"{service}.{scope.region}.amazonaws.com",
            "kms:CallerAccount": scope.account,
        }
    }
    actions = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Id": f"auto-{service}-2",
            "Statement": [
                {
                    "Sid": f"Allow access through {service} for all principals in the account that are authorized",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": actions,
                    "Resource": "*",
                    "Condition": condition,
                },
                {
                    "Sid": "Allow direct access to key metadata to the account",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{scope.account}:root"},
                    "Action": ["kms:Describe*", "kms:Get*", "kms:List*"],
                    "Resource": "*",
                },
            ],
        }
    )


def page(
    rows: list[Any], request: Mapping[str, Any], default: int = 100, most: int = 1000
) -> tuple[list[Any], dict[str, Any]]:
    """One page of rows by number, with AWS's markers. Raises InvalidMarkerException."""
    limit = min(request.get("Limit") or default, most)
    start = 0
    if marker := request.get("Marker"):
        position = tokens.open_page(marker)
        if not position or not isinstance(position[0], int):
            raise errors.InvalidMarkerException("Could not deserialize marker")
        start = position[0]
    chosen = rows[start : start + limit]
    if start + limit < len(rows):
        return chosen, {"NextMarker": tokens.seal_page(start + limit), "Truncated": True}
    return chosen, {"Truncated": False}
