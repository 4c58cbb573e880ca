"""GetExport: a stage's API as an OpenAPI document, with API Gateway's extensions when asked for."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names
from haneul.services.apigateway.documents import VERBS
from haneul.services.apigateway.errors import bad
from haneul.services.apigateway.models import REFERENCE
from haneul.services.apigateway.state import api_of, find, items, snapshot

_X = "x-amazon-apigateway-"
_NAMES = {verb: name for name, verb in VERBS.items()}


@operation(resource=names.resource)
def get_export(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetExport. Raises BadRequestException for a kind of export that there isn't."""
    kind = request["exportType"]
    if kind not in ("oas30", "swagger"):
        raise bad(f"No API exporter for type '{kind}'")
    accept = request.get("accepts") or "application/json"
    if accept not in ("application/json", "application/yaml"):
        raise bad(f"Invalid accept header: {accept}")
    with call.read() as tx:
        api = api_of(tx, call, request)
        stage = find(tx, call.scope, "stage", api.id, request["stageName"])
        whole = snapshot(tx, api.id, stage.held["deploymentId"])
        parts = [row.held for row in items(tx, call.scope, "part", api.id)]
    wanted = str((request.get("parameters") or {}).get("extensions") or "")
    export = Export(call, api.id, stage.id, whole, {one.strip() for one in wanted.split(",")}, kind == "oas30")
    document = export.document(stage.created)
    if export.wants("documentation") and parts:
        document["x-amazon-apigateway-documentation"] = {
            "version": stage.held.get("documentationVersion"),
            "documentationParts": [
                {"location": one["location"], "properties": json.loads(one["properties"])} for one in parts
            ],
        }
    if accept == "application/yaml":
        import yaml

        plain = json.loads(json.dumps(document))  # nothing in it twice: aliases aren't read on the way back
        body = yaml.safe_dump(plain, sort_keys=False).encode()
        suffix = "yaml"
    else:
        body = json.dumps(document, indent=2).encode()
        suffix = "json"
    return {
        "contentType": "application/octet-stream",
        "contentDisposition": f'attachment; filename="{kind}_{export.created(stage.created)}.{suffix}"',
        "body": body,
    }


class Export:
    """One document in the making."""

    def __init__(
        self, call: Call, api: str, stage: str, whole: Mapping[str, Any], extensions: set[str], three: bool
    ) -> None:
        self.call = call
        self.api = api
        self.stage = stage
        self.whole = whole
        self.extensions = extensions
        self.three = three

    def wants(self, name: str) -> bool:
        return bool(self.extensions & {name, "apigateway"})

    def created(self, epoch: float) -> str:
        return datetime.datetime.fromtimestamp(epoch, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def document(self, created: float) -> dict[str, Any]:
        api = self.whole["api"]
        host = f"{self.api}.execute-api.{self.call.region}.amazonaws.com"
        info: dict[str, Any] = {"title": api["name"]}
        if api.get("description"):
            info["description"] = api["description"]
        info["version"] = api.get("version") or self.created(created)
        paths: dict[str, Any] = {}
        for held in sorted(self.whole["resources"].values(), key=lambda one: one["path"]):
            if held["methods"]:
                paths[held["path"]] = {_NAMES[verb]: self._method(held, one) for verb, one in held["methods"].items()}
        schemas = {name: self._schema(model) for name, model in self.whole["models"].items() if self._is_used(name)}
        guards = self._guards()
        found: dict[str, Any]
        if self.three:
            found = {
                "openapi": "3.0.1",
                "info": info,
                "servers": [
                    {"url": f"https://{host}/{{basePath}}", "variables": {"basePath": {"default": self.stage}}}
                ],
                "paths": paths,
                "components": {},
            }
            if schemas:
                found["components"]["schemas"] = schemas
            if guards:
                found["components"]["securitySchemes"] = guards
        else:
            found = {"swagger": "2.0", "info": info, "host": host, "basePath": f"/{self.stage}", "schemes": ["https"],
                     "paths": paths}  # fmt: skip
            if guards:
                found["securityDefinitions"] = guards
            if schemas:
                found["definitions"] = schemas
        return found | self._settings(api)

    def _settings(self, api: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.wants("validators") and self.whole["validators"]:
            found[f"{_X}request-validators"] = {
                one["name"]: {key: one[key] for key in ("validateRequestParameters", "validateRequestBody")}
                for one in self.whole["validators"].values()
            }
        if not self.extensions & {"apigateway", "integrations", "gatewayresponses"}:
            return found
        if self.wants("gatewayresponses") and self.whole["responses"]:
            found[f"{_X}gateway-responses"] = self.whole["responses"]
        if api.get("policy"):
            found[f"{_X}policy"] = json.loads(api["policy"])
        if api.get("binaryMediaTypes"):
            found[f"{_X}binary-media-types"] = api["binaryMediaTypes"]
        if api.get("minimumCompressionSize") is not None:
            found[f"{_X}minimum-compression-size"] = api["minimumCompressionSize"]
        return found

    def _is_used(self, name: str) -> bool:
        for held in self.whole["resources"].values():
            for method in held["methods"].values():
                told = [method.get("requestModels") or {}]
                told += [one.get("responseModels") or {} for one in (method.get("methodResponses") or {}).values()]
                if any(name in one.values() for one in told):
                    return True
        return any(f'/models/{name}"' in model["schema"] for model in self.whole["models"].values())

    def _reference(self, name: str) -> dict[str, str]:
        return {"$ref": f"#/{'components/schemas' if self.three else 'definitions'}/{name}"}

    def _schema(self, model: Mapping[str, Any]) -> Any:
        def walk(value: Any) -> Any:
            if isinstance(value, list):
                return [walk(one) for one in value]
            if not isinstance(value, dict):
                return value
            target = REFERENCE.search(value["$ref"]) if isinstance(value.get("$ref"), str) else None
            if target is not None:
                return self._reference(target.group(1))
            return {key: walk(one) for key, one in value.items() if key != "$schema"}

        return walk(json.loads(model["schema"]))

    def _method(self, held: Mapping[str, Any], method: Mapping[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if method.get("operationName"):
            told["operationId"] = method["operationName"]
        parameters = []
        named = set(method.get("requestParameters") or {})
        named |= {f"method.request.path.{name}" for name in re.findall(r"\{([^}+]+)\+?\}", held["path"])}
        for name in sorted(named):
            where, _, parameter = name.split(".", 2)[2].partition(".")
            place = "query" if "querystring" in where else "header" if "header" in where else "path"
            required = place == "path" or bool((method.get("requestParameters") or {}).get(name))
            one: dict[str, Any] = {"name": parameter, "in": place, "required": required}
            parameters.append(one | ({"schema": {"type": "string"}} if self.three else {"type": "string"}))
        bodies = method.get("requestModels") or {}
        if bodies and self.three:
            told["requestBody"] = {
                "content": {kind: {"schema": self._reference(name)} for kind, name in bodies.items()},
                "required": True,
            }
        elif bodies:
            told["consumes"] = list(bodies)
            name = next(iter(bodies.values()))
            parameters.append({"in": "body", "name": name, "required": True, "schema": self._reference(name)})
        if not self.three:
            told["produces"] = ["application/json"]
        if parameters:
            told["parameters"] = parameters
        told["responses"] = {
            status: self._response(one) for status, one in (method.get("methodResponses") or {}).items()
        }
        self._security(told, method)
        validator = self.whole["validators"].get(method.get("requestValidatorId") or "")
        if validator and self.wants("validators"):
            told[f"{_X}request-validator"] = validator["name"]
        if self.wants("integrations") and method.get("methodIntegration"):
            told[f"{_X}integration"] = self._integration(method["methodIntegration"])
        return told

    def _response(self, one: Mapping[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {"description": f"{one['statusCode']} response"}
        headers = [name.split(".", 3)[3] for name in one.get("responseParameters") or {}]
        if headers:
            told["headers"] = {
                name: {"schema": {"type": "string"}} if self.three else {"type": "string"} for name in headers
            }
        kinds = one.get("responseModels") or {}
        if self.three:
            told["content"] = {kind: {"schema": self._reference(name)} for kind, name in kinds.items()}
        elif kinds:
            told["schema"] = self._reference(next(iter(kinds.values())))
        return told

    def _security(self, told: dict[str, Any], method: Mapping[str, Any]) -> None:
        found: list[dict[str, Any]] = []
        authorizer = self.whole["authorizers"].get(method.get("authorizerId") or "")
        if authorizer:
            found.append({authorizer["name"]: list(method.get("authorizationScopes") or ())})
        elif method["authorizationType"] == "AWS_IAM":
            found.append({"sigv4": []})
        if method.get("apiKeyRequired"):
            found.append({"api_key": []})
        if found:
            told["security"] = found

    def _guards(self) -> dict[str, Any]:
        methods = [one for held in self.whole["resources"].values() for one in held["methods"].values()]
        found: dict[str, Any] = {}
        if any(one.get("apiKeyRequired") for one in methods):
            found["api_key"] = {"type": "apiKey", "name": "x-api-key", "in": "header"}
        if any(one["authorizationType"] == "AWS_IAM" for one in methods):
            found["sigv4"] = {"type": "apiKey", "name": "Authorization", "in": "header", f"{_X}authtype": "awsSigv4"}
        used = {one.get("authorizerId") for one in methods}
        for held in self.whole["authorizers"].values():
            if held["id"] not in used:
                continue
            source = held.get("identitySource") or ""
            header = (
                source.rpartition(".")[2]
                if source.startswith("method.request.header.") and "," not in source
                else "Unused"
            )
            one = {"type": "apiKey", "name": header, "in": "header", f"{_X}authtype": held.get("authType")}
            if self.wants("authorizers"):
                keys = ("providerARNs", "authorizerUri", "authorizerCredentials", "identitySource",
                        "identityValidationExpression", "authorizerResultTtlInSeconds")  # fmt: skip
                one[f"{_X}authorizer"] = {key: held[key] for key in keys if held.get(key) is not None} | {
                    "type": held["type"].lower()
                }
            found[held["name"]] = one
        return found

    def _integration(self, held: Mapping[str, Any]) -> dict[str, Any]:
        hidden = ("integrationResponses", "cacheKeyParameters", "cacheNamespace")
        told = {key: value for key, value in held.items() if key not in hidden and value}
        told["type"] = held["type"].lower()
        told["passthroughBehavior"] = held["passthroughBehavior"].lower()
        if held.get("connectionType") == "INTERNET":
            told.pop("connectionType", None)
        if held.get("timeoutInMillis") == 29000:
            told.pop("timeoutInMillis", None)
        answers = {
            one.get("selectionPattern") or "default": {
                key: value for key, value in one.items() if key != "selectionPattern"
            }
            for one in (held.get("integrationResponses") or {}).values()
        }
        if answers:
            told["responses"] = answers
        return told
