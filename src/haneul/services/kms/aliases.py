"""Aliases: names for keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.kms.errors import errors, invalid
from haneul.services.kms.lookup import by_key, find, page
from haneul.services.kms.state import ALIASES, PENDING_DELETION, Alias, Key

_NAME = re.compile(r"alias/[a-zA-Z0-9/_-]+")
_SERVICES = (
    *("acm", "dynamodb", "ebs", "elasticfilesystem", "es", "glue", "kinesisvideo", "lambda", "rds", "redshift", "s3"),
    *("ssm", "xray"),
)
_PREDEFINED = {f"alias/aws/{one}": Alias(name=f"alias/aws/{one}", key="", created=0, updated=0) for one in _SERVICES}


def by_alias(call: Call, request: Mapping[str, Any]) -> list[str]:
    arns = [arn_of(call, request["AliasName"])]
    target = request.get("TargetKeyId")
    if target:
        arns.append(by_key(call, {"KeyId": target}))
    return arns


def arn_of(call: Call, name: str) -> str:
    return f"arn:aws:kms:{call.region}:{call.account}:{name}"


def _check(name: str) -> None:
    if not name.startswith("alias/"):
        raise errors.ValidationException(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if not _NAME.fullmatch(name):
        # The model lets a colon pass, which only ARNs of aliases have.
        raise errors.ValidationException(f"{name} contains invalid characters for an alias")
    if name.startswith("alias/aws/"):
        raise errors.NotAuthorizedException("")


def _target(call: Call, name: str) -> Key:
    if "alias/" in name:
        raise invalid("Aliases must refer to keys. Not aliases")
    key = find(call, name, aliases=False)
    if key.state == PENDING_DELETION:
        raise errors.KMSInvalidStateException(f"{key.arn} is pending deletion.")
    return key


@operation(resource=by_alias)
def create_alias(call: Call, request: Mapping[str, Any]) -> None:
    """CreateAlias."""
    name = request["AliasName"]
    _check(name)
    key = _target(call, request["TargetKeyId"])
    with call.write() as tx:
        if ALIASES.get(tx, call.scope, name) is not None:
            raise errors.AlreadyExistsException(f"An alias with the name {arn_of(call, name)} already exists")
        ALIASES.put(tx, call.scope, Alias(name=name, key=key.id, created=call.now(), updated=call.now()))


@operation(resource=by_alias)
def update_alias(call: Call, request: Mapping[str, Any]) -> None:
    """UpdateAlias: to another key of the same kind and usage."""
    name = request["AliasName"]
    _check(name)
    key = _target(call, request["TargetKeyId"])
    with call.read() as tx:
        alias = ALIASES.get(tx, call.scope, name)
    if alias is None:
        raise errors.NotFoundException(f"Alias {arn_of(call, name)} is not found.")
    current = find(call, alias.key)
    if (current.spec == "SYMMETRIC_DEFAULT") != (key.spec == "SYMMETRIC_DEFAULT") or current.usage != key.usage:
        raise invalid(
            f"Alias {arn_of(call, name)} cannot be changed from {current.arn} to {key.arn}: "
            "the keys must be of the same type and have the same usage"
        )
    with call.write() as tx:
        ALIASES.put(tx, call.scope, Alias(name=name, key=key.id, created=alias.created, updated=call.now()))


@operation(resource=by_alias)
def delete_alias(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteAlias."""
    name = request["AliasName"]
    _check(name)
    with call.write() as tx:
        if ALIASES.get(tx, call.scope, name) is None:
            raise errors.NotFoundException(f"Alias {arn_of(call, name)} is not found.")
        ALIASES.delete(tx, call.scope, name)


@operation()
def list_aliases(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListAliases: of the account and region, or of one key. AWS's own end the list until they have keys."""
    wanted = find(call, request["KeyId"], aliases=False).id if request.get("KeyId") else None
    with call.read() as tx:
        rows = [alias for alias in ALIASES.scan(tx, call.scope) if wanted in (None, alias.key)]
    if wanted is None:
        rows += [_PREDEFINED[name] for name in sorted(_PREDEFINED.keys() - {alias.name for alias in rows})]
    chosen, rest = page(rows, request, default=50, most=100)
    return {
        "Aliases": [
            {
                "AliasName": alias.name,
                "AliasArn": arn_of(call, alias.name),
                "TargetKeyId": alias.key or None,
                "CreationDate": alias.created or None,
                "LastUpdatedDate": alias.updated or None,
            }
            for alias in chosen
        ],
        **rest,
    }
