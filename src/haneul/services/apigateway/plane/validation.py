"""Request validation: required parameters, and bodies against models (JSON schema, draft 4)."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import orjson

from haneul.services.apigateway.models import REFERENCE
from haneul.services.apigateway.plane.deployed import Deployed
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.refusals import Refused, configuration


def validate(exchange: Exchange) -> None:
    """Raise Refused for what the method's validator doesn't let pass."""
    method, deployed = exchange.method, exchange.deployed
    assert method is not None
    assert deployed is not None
    validator = deployed.validators.get(method.held.get("requestValidatorId") or "")
    if not validator:
        return
    if validator["validateRequestParameters"]:
        missing = [
            name.split(".", 3)[3]
            for name, required in (method.held.get("requestParameters") or {}).items()
            if required and not _has(exchange, name)
        ]
        if missing:
            raise Refused(
                "BAD_REQUEST_PARAMETERS",
                f"Missing required request parameters: [{', '.join(missing)}]",
                detail=f"Missing required request parameters: [{', '.join(missing)}]",
            )
    if validator["validateRequestBody"]:
        _validate_body(exchange, deployed)


def _has(exchange: Exchange, name: str) -> bool:
    _, _, where, parameter = name.split(".", 3)
    if where == "path":
        return parameter in exchange.parameters
    if where in ("querystring", "multivaluequerystring"):
        return parameter in exchange.query
    return bool(exchange.header(parameter.lower()))


def _validate_body(exchange: Exchange, deployed: Deployed) -> None:
    assert exchange.method is not None
    models = exchange.method.held.get("requestModels") or {}
    kind = exchange.header("content-type").partition(";")[0].strip().lower() or "application/json"
    name = models.get(kind) or models.get("$default")
    if name is None:
        return
    try:
        value: Any = orjson.loads(exchange.body) if exchange.body.strip() else None
    except ValueError:
        raise _refused("Unable to parse request body") from None
    if value is None and not exchange.body.strip():
        value = {}
    validator = _validator(exchange, deployed, name)
    problems = [_told(problem) for problem in validator.iter_errors(value)]
    if problems:
        raise _refused(f"[{', '.join(problems)}]")


def _refused(detail: str) -> Refused:
    return Refused("BAD_REQUEST_BODY", "Invalid request body", detail=detail)


def _told(problem: Any) -> str:
    text = str(problem.message)
    if text.endswith(" is a required property"):
        return f"object has missing required properties ([{text[: -len(' is a required property')]}])"
    if " is not of type" in text:
        wanted = text.rpartition(" is not of type")[2].replace("s ", "", 1).strip()
        return (
            f"instance type ({_type(problem.instance)}) does not match any allowed primitive type (allowed: [{wanted}])"
        )
    return text


def _type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _validator(exchange: Exchange, deployed: Deployed, name: str) -> Any:
    key = ("model", name)
    found = deployed.scratch.get(key)
    if found is None:
        try:
            schema = _bundled(deployed, name)
            found = jsonschema_rs.Draft4Validator(schema)
        except (ValueError, KeyError, jsonschema_rs.ValidationError) as error:
            exchange.log(f"Execution failed due to configuration error: Invalid model {name}: {error}")
            raise configuration() from error
        deployed.scratch[key] = found
    return found


def _bundled(deployed: Deployed, name: str) -> Any:
    """The model with those that it refers to among its own definitions: nothing is ever fetched."""
    definitions: dict[str, Any] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(one) for one in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            target = REFERENCE.search(reference)
            if target is None:
                raise ValueError(f"unknown reference {reference}")
            other = target.group(1)
            if other not in definitions:
                definitions[other] = {}
                definitions[other] = walk(json.loads(deployed.models[other]["schema"]))
            return {"$ref": f"#/definitions/{other}"}
        return {key: walk(one) for key, one in value.items() if key not in ("$schema", "id")}

    whole = walk(json.loads(deployed.models[name]["schema"]))
    if definitions:
        whole["definitions"] = {**(whole.get("definitions") or {}), **definitions}
    return whole
