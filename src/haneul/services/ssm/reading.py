"""Parameters read: one, several, all below a path, and their history."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.kit.instants import iso8601
from haneul.service import Call, operation
from haneul.services.ssm import catalog, names, sealing
from haneul.services.ssm.errors import errors, invalid
from haneul.services.ssm.filters import check_path_filters, fits
from haneul.services.ssm.state import PARAMETERS, VERSIONS, Parameter, Version
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

SECRETS = "/aws/reference/secretsmanager/"
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@operation(resource=names.by_name)
def get_parameter(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetParameter, by name, name:version, name:label or ARN."""
    return {"Parameter": _get(call, request["Name"], bool(request.get("WithDecryption")))}


def _get(call: Call, given: str, decrypt: bool) -> dict[str, Any]:
    name, selector = names.split(given)
    if name.startswith(SECRETS):
        return _secret(call, given, decrypt)
    if name.startswith("/aws/"):
        value = catalog.value(call, name)
        if value is None:
            raise errors.ParameterNotFound("")
        return public(call, name, value)
    with call.read() as tx:
        parameter = names.find(tx, call.scope, name)
        if parameter is None or (selector is not None and ":" in selector):
            raise errors.ParameterNotFound("")
        version = _choose(tx, call, parameter, selector)
    return show(call, version, decrypt, selector)


def _choose(tx: Reader, call: Call, parameter: Parameter, selector: str | None) -> Version:
    number = parameter.version
    if selector is not None and selector.isascii() and selector.isdigit():
        number = int(selector)
    elif selector is not None:
        if selector not in parameter.labels:
            raise errors.ParameterVersionNotFound(
                f"Systems Manager could not find label {selector} for parameter {parameter.name}. "
                "Verify the label and try again."
            )
        number = parameter.labels[selector]
    version = VERSIONS.get(tx, call.scope, parameter.name, number)
    if version is None:
        raise errors.ParameterVersionNotFound(
            f"Systems Manager could not find version {number} of {parameter.name}. Verify the version and try again."
        )
    return version


def show(call: Call, version: Version, decrypt: bool, selector: str | None = None) -> dict[str, Any]:
    """A version as Get... tells it."""
    arn = names.arn_of(call.scope, version.name)
    value = version.value
    if version.kind == "SecureString" and decrypt:
        value = sealing.open_value(call, arn, value)
    return {
        "Name": version.name,
        "Type": version.kind,
        "Value": value,
        "Version": version.number,
        "Selector": f":{selector}" if selector else None,
        "LastModifiedDate": version.modified,
        "ARN": arn,
        "DataType": version.data_type,
    }


def public(call: Call, name: str, value: str) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": catalog.PUBLISHED,
        "ARN": f"arn:aws:ssm:{call.region}::parameter{name}",
        "DataType": "text",
    }


def _secret(call: Call, given: str, decrypt: bool) -> dict[str, Any]:
    """A secret of Secrets Manager's, read as a parameter; behind a colon the id or a label of its version."""
    if not decrypt:
        raise invalid("WithDecryption flag must be True for retrieving a Secret Manager secret.")
    name, _, version = given[len(SECRETS) :].partition(":")
    wanted = {"SecretId": name}
    if version:
        wanted["VersionId" if _ID.fullmatch(version) else "VersionStage"] = version
    try:
        secret = call.invoke("secretsmanager", "GetSecretValue", wanted)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            raise errors.ParameterNotFound(
                f"An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret {given} not found."
            ) from None
        raise
    created = iso8601(secret["CreatedDate"])
    source = {
        **{
            key: value
            for key, value in secret.items()
            if value is not None and key not in ("SecretString", "SecretBinary")
        },
        "CreatedDate": created,
        "SecretString": secret.get("SecretString"),
    }
    return {
        "Name": given,
        "Type": "SecureString",
        "Value": secret.get("SecretString"),
        "Version": 0,
        "SourceResult": json.dumps(source),
        "LastModifiedDate": secret["CreatedDate"],
        "ARN": secret["ARN"],
    }


@operation(resource=names.by_names)
def get_parameters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetParameters: up to ten; what isn't there is told beside the rest."""
    found: list[dict[str, Any]] = []
    missing: list[str] = []
    for name in dict.fromkeys(request["Names"]):
        try:
            found.append(_get(call, name, bool(request.get("WithDecryption"))))
        except AwsError as error:
            if error.code not in ("ParameterNotFound", "ParameterVersionNotFound"):
                raise
            missing.append(name)
    found.sort(key=lambda parameter: parameter["Name"])
    return {"Parameters": found, "InvalidParameters": missing}


@operation(resource=names.by_path)
def get_parameters_by_path(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetParametersByPath: those right below a path, or all below it."""
    path = request["Path"]
    names.check_path(path)
    filters = request.get("ParameterFilters") or ()
    check_path_filters(filters)
    prefix = path if path.endswith("/") else path + "/"
    limit = request.get("MaxResults") or 10
    after = open_token(request.get("NextToken"))
    if path.startswith("/aws/"):
        return _public_below(call, prefix, bool(request.get("Recursive")), limit, after)
    page: list[Version] = []
    with call.read() as tx:
        root = path == "/"
        start = {"after_key": (after,)} if after else {} if root else {"from_key": (prefix,)}
        for parameter in PARAMETERS.scan(tx, call.scope, **start):
            if not root and not parameter.name.startswith(prefix):
                break
            local = parameter.name.lstrip("/") if root else parameter.name[len(prefix) :]
            if not request.get("Recursive") and "/" in local:
                continue
            version = VERSIONS.get(tx, call.scope, parameter.name, _wanted(parameter, filters))
            if version is not None and fits(parameter, version, filters, labels=False):
                page.append(version)
                if len(page) > limit:
                    break
    more = {"NextToken": tokens.seal_page(page[limit - 1].name)} if len(page) > limit else {}
    decrypt = bool(request.get("WithDecryption"))
    return {"Parameters": [show(call, version, decrypt) for version in page[:limit]], **more}


def _wanted(parameter: Parameter, filters: Any) -> int:
    """The version that a Label filter asks for (0, which none has, when there is no such label), else the newest."""
    for chosen in filters:
        if chosen["Key"] == "Label":
            return next((parameter.labels[label] for label in chosen["Values"] if label in parameter.labels), 0)
    return parameter.version


def _public_below(call: Call, prefix: str, recursive: bool, limit: int, after: str) -> dict[str, Any]:
    rows = [
        (name, value)
        for name, value in catalog.below(call, prefix)
        if name > after and (recursive or "/" not in name[len(prefix) :])
    ]
    more = {"NextToken": tokens.seal_page(rows[limit - 1][0])} if len(rows) > limit else {}
    return {"Parameters": [public(call, name, value) for name, value in rows[:limit]], **more}


def open_token(token: str | None) -> str:
    """The position behind NextToken, "" at the start. Raises InvalidNextToken."""
    if not token:
        return ""
    position = tokens.open_page(token)
    if not position or not isinstance(position[0], str):
        raise errors.InvalidNextToken("The specified token is not valid.")
    return position[0]


@operation(resource=names.by_name)
def get_parameter_history(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetParameterHistory: every version that is kept, the oldest first."""
    name = names.split(request["Name"])[0]
    limit = request.get("MaxResults") or 50
    after = int(open_token(request.get("NextToken")) or 0)
    with call.read() as tx:
        parameter = names.find(tx, call.scope, name)
        if parameter is None:
            raise errors.ParameterNotFound("")
        rows = [version for version in VERSIONS.scan(tx, call.scope, parameter.name) if version.number > after]
    decrypt = bool(request.get("WithDecryption"))
    more = {"NextToken": tokens.seal_page(str(rows[limit - 1].number))} if len(rows) > limit else {}
    return {"Parameters": [_history(call, parameter, version, decrypt) for version in rows[:limit]], **more}


def _history(call: Call, parameter: Parameter, version: Version, decrypt: bool) -> dict[str, Any]:
    shown = show(call, version, decrypt)
    return {
        "Name": version.name,
        "Type": version.kind,
        "KeyId": version.key,
        "LastModifiedDate": version.modified,
        "LastModifiedUser": version.user,
        "Description": version.description,
        "Value": shown["Value"],
        "AllowedPattern": version.pattern,
        "Version": version.number,
        "Labels": sorted(label for label, number in parameter.labels.items() if number == version.number),
        "Tier": version.tier,
        "Policies": version.policies,
        "DataType": version.data_type,
    }
