"""ImportApi and ReimportApi: an HTTP API from an OpenAPI 3 document with API Gateway's extensions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from haneul.engines.integrations import openapi
from haneul.service import Call, operation
from haneul.services.apigatewayv2 import apis, authorizers, integrations, names, routes
from haneul.services.apigatewayv2.deployments import api_changed
from haneul.services.apigatewayv2.errors import bad
from haneul.services.apigatewayv2.state import ITEMS, Item, api_of, new_id, put
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

_X = "x-amazon-apigateway-"
_VERBS = {verb.lower(): verb for verb in names.METHODS[:-1]} | {f"{_X}any-method": "ANY"}
_INTEGRATION = {
    "type": "IntegrationType",
    "httpMethod": "IntegrationMethod",
    "uri": "IntegrationUri",
    "payloadFormatVersion": "PayloadFormatVersion",
    "connectionType": "ConnectionType",
    "connectionId": "ConnectionId",
    "credentials": "CredentialsArn",
    "requestParameters": "RequestParameters",
    "responseParameters": "ResponseParameters",
    "timeoutInMillis": "TimeoutInMillis",
    "integrationSubtype": "IntegrationSubtype",
    "description": "Description",
}
_AUTHORIZER = {
    "authorizerUri": "AuthorizerUri",
    "authorizerPayloadFormatVersion": "AuthorizerPayloadFormatVersion",
    "authorizerResultTtlInSeconds": "AuthorizerResultTtlInSeconds",
    "enableSimpleResponses": "EnableSimpleResponses",
    "authorizerCredentials": "AuthorizerCredentialsArn",
    "authorizerCredentialsArn": "AuthorizerCredentialsArn",
}
_CORS = ("AllowCredentials", "AllowHeaders", "AllowMethods", "AllowOrigins", "ExposeHeaders", "MaxAge")


def _document(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found = openapi.parse(request["Body"].encode())
    except openapi.Unreadable as error:
        raise bad(str(error)) from None
    if not str(found.get("openapi") or "").startswith("3."):
        raise bad("Unable to import: HTTP APIs are made from OpenAPI 3.0 documents")
    return found


def _settings(whole: Mapping[str, Any]) -> dict[str, Any]:
    """The members of CreateApi that a document tells."""
    info = whole.get("info") or {}
    asked: dict[str, Any] = {"Name": str(info.get("title") or "Untitled"), "ProtocolType": "HTTP"}
    for key, name in (("description", "Description"), ("version", "Version")):
        if info.get(key):
            asked[name] = str(info[key])
    cors = {key.lower(): value for key, value in (whole.get(f"{_X}cors") or {}).items()}
    if cors:
        asked["CorsConfiguration"] = {key: cors[key.lower()] for key in _CORS if cors.get(key.lower()) is not None}
    for server in whole.get("servers") or ():
        if (server.get(f"{_X}endpoint-configuration") or {}).get("disableExecuteApiEndpoint"):
            asked["DisableExecuteApiEndpoint"] = True
    tags = {
        str(one["name"]): str(one[f"{_X}tag-value"]) for one in whole.get("tags") or () if one.get(f"{_X}tag-value")
    }
    if tags:
        asked["Tags"] = tags
    return asked


@operation(resource=names.resource)
async def import_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    document = _document(request)

    def make(tx: Writer) -> dict[str, Any]:
        row = apis.create(tx, call, apis.settings(_settings(document)))
        return _told(call, row, Import(tx, call, row, document, request).run())

    return await call.transact(make)


@operation(resource=names.resource)
async def reimport_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ReimportApi: what the API was is overwritten, what its stages are is kept."""
    document = _document(request)

    def change(tx: Writer) -> dict[str, Any]:
        row = api_of(tx, call, request)
        if row.held["ProtocolType"] != "HTTP":
            raise bad("Only HTTP APIs can be made from OpenAPI documents")
        held = apis.settings(_settings(document))
        held["Tags"] = {**row.held["Tags"], **held["Tags"]}
        row.held = held
        ITEMS.put(tx, call.scope, row)
        apis.clear(tx, call, row.id)
        return _told(call, row, Import(tx, call, row, document, request).run())

    return await call.transact(change)


def _told(call: Call, row: Item, warnings: list[str]) -> dict[str, Any]:
    return apis.describe(call, row) | ({"Warnings": warnings} if warnings else {})


class Import:
    """One document on its way into one API, within one transaction."""

    def __init__(self, tx: Writer, call: Call, api: Item, whole: Mapping[str, Any], request: Mapping[str, Any]) -> None:
        self.tx = tx
        self.call = call
        self.api = api
        self.whole = whole
        self.components: Mapping[str, Any] = whole.get("components") or {}
        self.mode = str(request.get("Basepath") or "ignore").lower()
        self.strict = bool(request.get("FailOnWarnings"))
        self.warnings: list[str] = []
        self.guards: dict[str, tuple[str, str]] = {}
        """Name of a security scheme -> (kind of authorization, authorizer's id)."""
        self.keys: set[str] = set()
        self.shared: dict[str, str] = {}
        """Name of an integration under components -> its id."""

    def run(self) -> list[str]:
        """Change the API; the warnings. Raises BadRequestException."""
        if self.mode not in ("ignore", "prepend", "split"):
            raise bad("Invalid basepath mode specified. Valid values are ignore, prepend and split")
        base = self._base()
        for path, verb, held in self._methods():
            self._note_missing(path, verb, held)
            try:
                self._route(base, path, verb, held)
            except AwsError as error:
                raise bad(f"Unable to import route {verb} {path}: {error.message}") from error
        if self.strict and self.warnings:
            raise bad("Warnings found during import:\n\t" + "\n\t".join(self.warnings))
        api_changed(self.tx, self.call, self.api)
        return self.warnings

    def _base(self) -> str:
        """What all paths begin with: the path of the first server, where it is asked for."""
        servers = self.whole.get("servers") or ()
        if self.mode == "ignore" or not servers:
            return ""
        variables = servers[0].get("variables") or {}
        url = re.sub(r"\{(\w+)\}", lambda found: str((variables.get(found.group(1)) or {}).get("default") or ""),
                     str(servers[0].get("url") or ""))  # fmt: skip
        path = urlsplit(url).path.strip("/")
        if self.mode == "split":
            path = path.partition("/")[2]
        return f"/{path}" if path else ""

    def _methods(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for path, item in (self.whole.get("paths") or {}).items():
            for key, held in item.items():
                verb = _VERBS.get(key.lower())
                if verb is not None and isinstance(held, Mapping):
                    yield str(path), verb, held

    def _note_missing(self, path: str, verb: str, held: Mapping[str, Any]) -> None:
        """Warn of responses whose schema the document doesn't hold."""
        known = self.components.get("schemas") or {}
        for code, response in (held.get("responses") or {}).items():
            content = response.get("content") if isinstance(response, Mapping) else None
            for body in (content or {}).values():
                place = str(((body or {}).get("schema") or {}).get("$ref") or "")
                if place.startswith("#/components/schemas/") and place.rpartition("/")[2] not in known:
                    where = f"paths.'{path}'({verb.lower()}).responses.{code}.content.schema"
                    self.warnings.append(f"Parse issue: attribute {where}.{place} is missing")

    def _route(self, base: str, path: str, verb: str, held: Mapping[str, Any]) -> None:
        key = "$default" if path == "/$default" else f"{verb} {base}{path}"
        asked: dict[str, Any] = {"RouteKey": key}
        if held.get("operationId"):
            asked["OperationName"] = str(held["operationId"])[:64]
        asked |= self._guard(held)
        integration = held.get(f"{_X}integration")
        if integration:
            asked["Target"] = f"integrations/{self._integration(integration)}"
        else:
            self.warnings.append(f"No integration is defined for route {key}")
        settings = routes.settings(self.tx, self.call, self.api, asked, self.keys)
        put(self.tx, self.call.scope, "route", self.api.id, new_id(), settings, self.call.now())

    def _integration(self, held: Mapping[str, Any]) -> str:
        """The id of an integration, made now unless it is shared."""
        name = str(held.get("$ref") or "")
        if name:
            name = name.rpartition("/")[2]
            if name in self.shared:
                return self.shared[name]
            held = (self.components.get(f"{_X}integrations") or {}).get(name) or {}
        asked = {_INTEGRATION[key]: value for key, value in held.items() if key in _INTEGRATION}
        asked["IntegrationType"] = str(asked.get("IntegrationType") or "").upper()
        if asked.get("ConnectionType"):
            asked["ConnectionType"] = str(asked["ConnectionType"]).upper()
        if (held.get("tlsConfig") or {}).get("serverNameToVerify"):
            asked["TlsConfig"] = {"ServerNameToVerify": held["tlsConfig"]["serverNameToVerify"]}
        if asked["IntegrationType"] == "AWS_PROXY" and "IntegrationSubtype" not in asked:
            asked["IntegrationMethod"] = "POST"
        identity = new_id()
        settings = integrations.settings(self.api, asked)
        put(self.tx, self.call.scope, "integration", self.api.id, identity, settings, self.call.now())
        if name:
            self.shared[name] = identity
        return identity

    def _guard(self, held: Mapping[str, Any]) -> dict[str, Any]:
        """How a route is guarded: the first of its security requirements, or the document's."""
        said = held.get(f"{_X}auth") or {}
        if str(said.get("type") or "").upper() == "AWS_IAM":
            return {"AuthorizationType": "AWS_IAM"}
        wanted = held.get("security")
        wanted = wanted if wanted is not None else self.whole.get("security")
        for requirement in wanted or ():
            for name, scopes in requirement.items():
                kind, identity = self._authorizer(name)
                if kind == "NONE":
                    continue
                found: dict[str, Any] = {"AuthorizationType": kind, "AuthorizerId": identity}
                if kind == "JWT" and scopes:
                    found["AuthorizationScopes"] = [str(one) for one in scopes]
                return found
        return {}

    def _authorizer(self, name: str) -> tuple[str, str]:
        known = self.guards.get(name)
        if known is None:
            known = self.guards[name] = self._make_authorizer(name)
        return known

    def _make_authorizer(self, name: str) -> tuple[str, str]:
        scheme = (self.components.get("securitySchemes") or {}).get(name) or {}
        said = scheme.get(f"{_X}authorizer")
        if not said:
            self.warnings.append(f"Security scheme {name} has no authorizer and is ignored")
            return "NONE", ""
        asked = {_AUTHORIZER[key]: value for key, value in said.items() if key in _AUTHORIZER}
        source = said.get("identitySource") or said.get("identitySources") or ()
        sources = [one.strip() for one in source.split(",")] if isinstance(source, str) else list(source)
        is_token = str(said.get("type") or "").lower() == "jwt"
        asked |= {"Name": name, "AuthorizerType": "JWT" if is_token else "REQUEST", "IdentitySource": sources}
        if is_token:
            told = said.get("jwtConfiguration") or {}
            asked["JwtConfiguration"] = {"Issuer": told.get("issuer"), "Audience": list(told.get("audience") or ())}
        identity = new_id(6)
        settings = authorizers.settings(self.api, asked)
        put(self.tx, self.call.scope, "authorizer", self.api.id, identity, settings, self.call.now())
        return ("JWT" if is_token else "CUSTOM"), identity
