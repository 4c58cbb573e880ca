"""Parameters: put and delete."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from haneul import converge
from haneul.converge.timers import settle
from haneul.service import Call, Scope, operation
from haneul.services.ssm import names, sealing
from haneul.services.ssm.errors import errors, invalid
from haneul.services.ssm.state import PARAMETERS, VERSIONS, Parameter, Version
from haneul.state.store import Writer

STANDARD, ADVANCED, INTELLIGENT = "Standard", "Advanced", "Intelligent-Tiering"
STANDARD_LIMIT, ADVANCED_LIMIT = 4096, 8192
MAX_VERSIONS, MAX_TAGS = 100, 50
_TIERS_PAGE = "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
_DATA_TYPES = ("text", "aws:ec2:image", "aws:ssm:integration")
_POLICY_TYPES = ("Expiration", "ExpirationNotification", "NoChangeNotification")


@operation(resource=names.by_name)
def put_parameter(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutParameter: a new parameter, or with Overwrite a new version of one."""
    name = names.split(request["Name"])[0] if request["Name"].startswith("arn:") else request["Name"]
    names.check(name)
    overwrite, tags = bool(request.get("Overwrite")), request.get("Tags")
    if overwrite and tags:
        raise invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please "
            "remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or "
            "RemoveTagsFromResource."
        )
    with call.read() as tx:
        parameter = names.find(tx, call.scope, name)
        name = name if parameter is None else parameter.name
        previous = None if parameter is None else VERSIONS.get(tx, call.scope, name, parameter.version)
    if previous is not None and not overwrite:
        raise _exists()
    version = _compose(call, request, name, previous)
    with call.write() as tx:
        fresh = names.find(tx, call.scope, name)
        if fresh is not None and not overwrite:
            raise _exists()
        if fresh is None:
            fresh = Parameter(name=name, tags=_tags(tags))
        version.name = name = fresh.name
        version.number = fresh.version = fresh.version + 1
        fresh.expires = _expiry(version)
        _drop_oldest(tx, call.scope, fresh)
        PARAMETERS.put(tx, call.scope, fresh)
        VERSIONS.put(tx, call.scope, version)
        if fresh.expires is not None:
            converge.wake(tx, "ssm.parameter", call.scope, (name,), fresh.expires)
        else:
            settle(tx, "ssm.parameter", call.scope, (name,))
    return {"Version": version.number, "Tier": version.tier}


def _exists() -> Exception:
    return errors.ParameterAlreadyExists(
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
    )


def _tags(tags: Any) -> dict[str, str]:
    found = {tag["Key"]: tag["Value"] for tag in tags or ()}
    if len(found) > MAX_TAGS:
        raise errors.TooManyTagsError("Too many tags.")
    return found


def _compose(call: Call, request: Mapping[str, Any], name: str, previous: Version | None) -> Version:
    kind = request.get("Type") or (previous.kind if previous else None)
    if kind is None:
        raise invalid("A parameter type is required when you create a parameter.")
    value, pattern = request["Value"], request.get("AllowedPattern")
    if not value:
        raise invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length "
            "greater than or equal to 1."
        )
    _check_pattern(pattern, value, kind)
    data_type = request.get("DataType") or (previous.data_type if previous else "text")
    if data_type not in _DATA_TYPES:
        raise invalid(f"The following data type is not supported: {data_type} (Data type names are all lowercase.)")
    policies = _policies(request.get("Policies"), previous)
    tier = _tier(request.get("Tier"), value, policies, previous)
    key = None
    if kind == "SecureString":
        key = request.get("KeyId") or (previous.key if previous and previous.key else sealing.DEFAULT_KEY)
        value = sealing.seal(call, key, names.arn_of(call.scope, name), value)
    elif request.get("KeyId"):
        raise invalid("KeyId is required for SecureString type parameter only.")
    return Version(
        name=name,
        number=0,
        kind=kind,
        value=value,
        modified=call.now(),
        user=call.principal.arn or f"arn:aws:iam::{call.account}:root",
        description=request.get("Description", previous.description if previous else None),
        pattern=pattern,
        key=key,
        tier=tier,
        data_type=data_type,
        policies=policies,
    )


def _check_pattern(pattern: str | None, value: str, kind: str) -> None:
    if not pattern:
        return
    try:
        matcher = re.compile(pattern)
    except re.error:
        raise errors.InvalidAllowedPatternException(
            f"The allowed pattern {pattern} is not a valid regular expression."
        ) from None
    values = value.split(",") if kind == "StringList" else [value]
    if not all(matcher.fullmatch(part) for part in values):
        raise errors.ParameterPatternMismatchException(
            f"Parameter value, cannot be validated against allowedPattern: {pattern}"
        )


def _tier(wanted: str | None, value: str, policies: list[dict[str, str]], previous: Version | None) -> str:
    size = len(value.encode())
    large = size > STANDARD_LIMIT or bool(policies)
    tier = wanted or (previous.tier if previous else STANDARD)
    if tier == INTELLIGENT:
        tier = ADVANCED if large or (previous is not None and previous.tier == ADVANCED) else STANDARD
    if tier == STANDARD and previous is not None and previous.tier == ADVANCED:
        raise invalid(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "
            "advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced "
            "parameter and recreate it as a standard parameter."
        )
    if tier == STANDARD and size > STANDARD_LIMIT:
        raise invalid(
            f"Standard tier parameters support a maximum parameter value of {STANDARD_LIMIT} characters. To create a "
            "larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, "
            f"see {_TIERS_PAGE}"
        )
    if size > ADVANCED_LIMIT:
        raise invalid(f"Advanced tier parameters support a maximum parameter value of {ADVANCED_LIMIT} characters.")
    if tier == STANDARD and policies:
        raise invalid("Policies are only supported by parameters of the advanced-parameter tier.")
    return tier


def _policies(text: str | None, previous: Version | None) -> list[dict[str, str]]:
    if text is None:
        return previous.policies if previous else []
    try:
        documents = json.loads(text or "[]")
    except ValueError:
        raise invalid("Policies must be a JSON array.") from None
    if documents == {}:
        documents = []
    if not isinstance(documents, list):
        raise invalid("Policies must be a JSON array.")
    found = []
    for document in documents:
        kind = document.get("Type") if isinstance(document, dict) else None
        if kind not in _POLICY_TYPES:
            raise errors.InvalidPolicyTypeException(f"The policy type {kind} is not supported.")
        if kind == "Expiration":
            try:
                _instant(document["Attributes"]["Timestamp"])
            except (KeyError, TypeError, ValueError):
                raise errors.InvalidPolicyAttributeException(
                    "The Timestamp of an Expiration policy is invalid."
                ) from None
        found.append({"PolicyText": json.dumps(document), "PolicyType": kind, "PolicyStatus": "Pending"})
    return found


def _instant(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _expiry(version: Version) -> float | None:
    moments = [
        _instant(json.loads(policy["PolicyText"])["Attributes"]["Timestamp"])
        for policy in version.policies
        if policy["PolicyType"] == "Expiration"
    ]
    return min(moments) if moments else None


def _drop_oldest(tx: Writer, scope: Scope, parameter: Parameter) -> None:
    """A parameter keeps a hundred versions; a labelled one stands in the way."""
    if parameter.version <= MAX_VERSIONS:
        return
    oldest = next(iter(VERSIONS.scan(tx, scope, parameter.name, limit=1)), None)
    if oldest is None or parameter.version - oldest.number < MAX_VERSIONS:
        return
    if oldest.number in parameter.labels.values():
        raise errors.ParameterMaxVersionLimitExceeded(
            f"You attempted to create a new version of {parameter.name} by calling the PutParameter API with the "
            f"overwrite flag. Version {oldest.number}, the oldest version, can't be deleted because it has a label "
            "associated with it. Move the label to another version of the parameter, and try again."
        )
    VERSIONS.delete(tx, scope, parameter.name, oldest.number)


def erase(tx: Writer, scope: Scope, name: str) -> bool:
    """Delete a parameter with its versions; False when there is none."""
    parameter = names.find(tx, scope, name)
    if parameter is None:
        return False
    name = parameter.name
    PARAMETERS.delete(tx, scope, name)
    VERSIONS.delete_all(tx, scope, name)
    settle(tx, "ssm.parameter", scope, (name,))
    return True


@operation(resource=names.by_name)
def delete_parameter(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteParameter."""
    with call.write() as tx:
        if not erase(tx, call.scope, names.split(request["Name"])[0]):
            raise errors.ParameterNotFound("")
    return {}


@operation(resource=names.by_names)
def delete_parameters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteParameters: what isn't there is told, not an error."""
    gone: list[str] = []
    missing: list[str] = []
    with call.write() as tx:
        for name in request["Names"]:
            (gone if erase(tx, call.scope, names.split(name)[0]) else missing).append(name)
    return {"DeletedParameters": gone, "InvalidParameters": missing}
