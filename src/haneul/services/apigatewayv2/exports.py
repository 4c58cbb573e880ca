"""ExportApi: an HTTP API as an OpenAPI 3 document, as it is now or as a stage serves it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from haneul.kit.instants import iso8601
from haneul.service import Call, operation
from haneul.services.apigatewayv2 import names
from haneul.services.apigatewayv2.deployments import freeze
from haneul.services.apigatewayv2.errors import bad
from haneul.services.apigatewayv2.state import Item, api_of, find, snapshot

_X = "x-amazon-apigateway-"
_VARIABLE = re.compile(r"\{([^{}+]+)\+?\}")
_INTEGRATION = (
    ("payloadFormatVersion", "PayloadFormatVersion"),
    ("type", "IntegrationType"),
    ("integrationSubtype", "IntegrationSubtype"),
    ("httpMethod", "IntegrationMethod"),
    ("uri", "IntegrationUri"),
    ("connectionType", "ConnectionType"),
    ("connectionId", "ConnectionId"),
    ("credentials", "CredentialsArn"),
    ("requestParameters", "RequestParameters"),
    ("responseParameters", "ResponseParameters"),
    ("timeoutInMillis", "TimeoutInMillis"),
)


@operation(resource=names.resource)
def export_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ExportApi. Raises BadRequestException, NotFoundException."""
    if request["Specification"] != "OAS30":
        raise bad("Invalid specification. Only OAS30 is supported")
    output = str(request["OutputType"]).upper()
    if output not in ("JSON", "YAML"):
        raise bad("Invalid outputType. Valid values are JSON and YAML")
    if request.get("ExportVersion") not in (None, "1.0"):
        raise bad("Invalid exportVersion. Only 1.0 is supported")
    name = request.get("StageName")
    with call.read() as tx:
        api = api_of(tx, call, request)
        if api.held["ProtocolType"] != "HTTP":
            raise bad("Only HTTP APIs can be exported")
        if name:
            stage = find(tx, call.scope, "stage", api.id, name)
            held = snapshot(tx, api.id, str(stage.held.get("DeploymentId")))
        else:
            held = freeze(tx, call, api)
    extended = request.get("IncludeExtensions") is not False
    told = Export(call, api, held, name or "", extended).run()
    if output == "YAML":
        import yaml

        plain = orjson.loads(orjson.dumps(told))  # nothing in it twice: aliases aren't read on the way back
        return {"body": yaml.safe_dump(plain, sort_keys=False).encode()}
    return {"body": orjson.dumps(told, option=orjson.OPT_INDENT_2)}


class Export:
    """One API on its way into one document."""

    def __init__(self, call: Call, api: Item, held: Mapping[str, Any], stage: str, extended: bool) -> None:
        self.call = call
        self.api = api
        self.settings: Mapping[str, Any] = held.get("api") or api.held
        self.held = held
        self.stage = "" if stage == "$default" else stage
        self.extended = extended
        self.schemes: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        info = {"title": self.settings["Name"]}
        if self.settings.get("Description"):
            info["description"] = self.settings["Description"]
        info["version"] = self.settings.get("Version") or iso8601(self.api.created)
        base: dict[str, Any] = {"default": f"/{self.stage}" if self.stage else ""}
        told: dict[str, Any] = {
            "openapi": "3.0.1",
            "info": info,
            "servers": [
                {
                    "url": f"https://{self.api.id}.execute-api.{self.call.region}.amazonaws.com/{{basePath}}",
                    "variables": {"basePath": base},
                }
            ],
        }
        tags = self.settings.get("Tags") or {}
        if tags and self.extended:
            told["tags"] = [{"name": key, f"{_X}tag-value": value} for key, value in sorted(tags.items())]
        paths: dict[str, Any] = {}
        for route in sorted((self.held.get("routes") or {}).values(), key=lambda one: str(one["RouteKey"])):
            self._route(paths, route)
        told["paths"] = paths
        if self.schemes:
            told["components"] = {"securitySchemes": self.schemes}
        if self.extended:
            cors = self.settings.get("CorsConfiguration")
            if cors:
                told[f"{_X}cors"] = {_lower(key): value for key, value in cors.items()}
            told[f"{_X}importexport-version"] = "1.0"
        return told

    def _route(self, paths: dict[str, Any], route: Mapping[str, Any]) -> None:
        key = route["RouteKey"]
        verb, _, path = key.partition(" ")
        if key == "$default":
            verb, path = "ANY", "/$default"
        if verb == "ANY" and not self.extended:
            return
        found: dict[str, Any] = {}
        if route.get("OperationName"):
            found["operationId"] = route["OperationName"]
        found["responses"] = {"default": {"description": f"Default response for {key}"}}
        security = self._guard(route)
        if security:
            found["security"] = security
        if self.extended:
            self._extend(found, route, key == "$default")
        item = paths.setdefault(path, {})
        item[f"{_X}any-method" if verb == "ANY" else verb.lower()] = found
        variables = _VARIABLE.findall(path)
        if variables:
            item["parameters"] = [
                {"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in variables
            ]

    def _extend(self, found: dict[str, Any], route: Mapping[str, Any], is_default: bool) -> None:
        integration = (self.held.get("integrations") or {}).get(
            str(route.get("Target") or "").removeprefix("integrations/")
        )
        if integration:
            found[f"{_X}integration"] = {
                key: integration[name] for key, name in _INTEGRATION if integration.get(name) is not None
            }
        if route["AuthorizationType"] == "AWS_IAM":
            found[f"{_X}auth"] = {"type": "AWS_IAM"}
        if is_default:
            found["isDefaultRoute"] = True

    def _guard(self, route: Mapping[str, Any]) -> list[dict[str, list[str]]]:
        """A route's security requirement; its scheme is added to the document's."""
        held = (self.held.get("authorizers") or {}).get(route.get("AuthorizerId") or "")
        if not held:
            return []
        said: dict[str, Any] = {"identitySource": ",".join(held["IdentitySource"])}
        scheme: dict[str, Any]
        if held["AuthorizerType"] == "JWT":
            told = held["JwtConfiguration"]
            said |= {"type": "jwt", "jwtConfiguration": {"audience": told["Audience"], "issuer": told["Issuer"]}}
            scheme = {"type": "oauth2"}
        else:
            said |= {"type": "request", "authorizerUri": held["AuthorizerUri"],
                     "authorizerPayloadFormatVersion": held["AuthorizerPayloadFormatVersion"],
                     "authorizerResultTtlInSeconds": held["AuthorizerResultTtlInSeconds"],
                     "enableSimpleResponses": held["EnableSimpleResponses"]}  # fmt: skip
            scheme = {"type": "apiKey", "name": "Unused", "in": "header"}
        if self.extended:
            scheme[f"{_X}authorizer"] = said
        self.schemes[held["Name"]] = scheme
        return [{held["Name"]: list(route.get("AuthorizationScopes") or ())}]


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
