"""ImportRestApi and PutRestApi: an API from an OpenAPI document with API Gateway's extensions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.apigateway import apis, authorizers, documentation, integrations, models, names, resources
from haneul.services.apigateway.documents import Document, model_of, parse, referring
from haneul.services.apigateway.errors import bad
from haneul.services.apigateway.plane.refusals import STATUSES, TEMPLATES
from haneul.services.apigateway.state import ITEMS, Item, api_of, items, new_id, put, touched
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

_X = "x-amazon-apigateway-"


async def _document(request: Mapping[str, Any]) -> Document:
    body = request["body"]
    return Document(parse(body if isinstance(body, bytes) else await body.read(6 << 20)))


@operation(resource=names.resource)
async def import_rest_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    document = await _document(request)
    title = (document.whole.get("info") or {}).get("title") or "Untitled"
    asked: dict[str, Any] = {"name": title}
    types = (request.get("parameters") or {}).get("endpointConfigurationTypes")
    if types:
        asked["endpointConfiguration"] = {"types": [types]}

    def make(tx: Writer) -> dict[str, Any]:
        row = apis.create(tx, call, apis.settings(asked))
        warnings = Import(tx, call, row, document, request, overwrite=True).run()
        return apis.describe(row) | ({"warnings": warnings} if warnings else {})

    return await call.transact(make)


@operation(resource=names.resource)
async def put_rest_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    document = await _document(request)
    mode = request.get("mode") or "merge"
    if mode not in ("merge", "overwrite"):
        raise bad("Invalid mode specified. Valid values are merge and overwrite")

    def change(tx: Writer) -> dict[str, Any]:
        row = api_of(tx, call, request)
        warnings = Import(tx, call, row, document, request, overwrite=mode == "overwrite").run()
        return apis.describe(row) | ({"warnings": warnings} if warnings else {})

    return await call.transact(change)


class Import:
    """One document on its way into one API, within one transaction."""

    def __init__(
        self, tx: Writer, call: Call, api: Item, document: Document, request: Mapping[str, Any], overwrite: bool
    ) -> None:
        self.tx = tx
        self.call = call
        self.api = api
        self.document = document
        self.options: Mapping[str, Any] = request.get("parameters") or {}
        self.strict = bool(request.get("failOnWarnings"))
        self.overwrite = overwrite
        self.warnings: list[str] = []
        self.validators: dict[str, str] = {}
        self.guards: dict[str, tuple[str, str]] = {}
        """Name of a security scheme -> (kind of authorization, authorizer's id)."""
        self.by_path: dict[str, Item] = {}

    def run(self) -> list[str]:
        """Change the API; the warnings. Raises BadRequestException."""
        if self.overwrite:
            self._clear()
        self._settings()
        self._models()
        self._validators()
        self._authorizers()
        self._responses()
        self.by_path = {row.held["path"]: row for row in items(self.tx, self.call.scope, "resource", self.api.id)}
        base = self._base()
        for path in self.document.paths():
            self._resource(base + path)
        for path, verb, held, parameters in self.document.methods():
            self._method(self._resource(base + path), verb, held, parameters)
        for row in self.by_path.values():
            ITEMS.put(self.tx, self.call.scope, row)
        if "documentation" not in str(self.options.get("ignore") or ""):
            section = self.document.whole.get("x-amazon-apigateway-documentation") or {}
            for part in section.get("documentationParts") or ():
                documentation.merge(self.tx, self.call, self.api.id, part)
        if self.strict and self.warnings:
            raise bad("Warnings found during import:\n\t" + "\n\t".join(self.warnings))
        touched(self.tx, self.call.scope, self.api.id)
        return self.warnings

    def _base(self) -> str:
        path = self.document.base_path()
        how = self.options.get("basepath") or self.options.get("basePath") or "ignore"
        if how not in ("ignore", "prepend", "split"):
            raise bad("Invalid basepath mode specified. Valid values are ignore, prepend and split")
        if how == "split" and path:
            return "/" + path.strip("/").partition("/")[2] if "/" in path.strip("/") else ""
        return path if how == "prepend" else ""

    def _clear(self) -> None:
        scope, api = self.call.scope, self.api.id
        root = self.api.held["rootResourceId"]
        for kind in ("resource", "model", "validator", "authorizer", "response", "part"):
            ITEMS.delete_all(self.tx, scope, kind, api)
        put(self.tx, scope, "resource", api, root, {"path": "/", "methods": {}}, self.api.created)

    def _settings(self) -> None:
        whole, held = self.document.whole, dict(self.api.held)
        info = whole.get("info") or {}
        for key, name in (("title", "name"), ("description", "description"), ("version", "version")):
            if info.get(key):
                held[name] = str(info[key])
        if whole.get(f"{_X}binary-media-types") is not None or self.overwrite:
            held["binaryMediaTypes"] = list(whole.get(f"{_X}binary-media-types") or ())
        if whole.get(f"{_X}api-key-source"):
            held["apiKeySource"] = str(whole[f"{_X}api-key-source"]).upper()
        if whole.get(f"{_X}minimum-compression-size") is not None:
            held["minimumCompressionSize"] = int(whole[f"{_X}minimum-compression-size"])
        if whole.get(f"{_X}policy"):
            policy = whole[f"{_X}policy"]
            held["policy"] = policy if isinstance(policy, str) else json.dumps(policy, separators=(",", ":"))
        own: Mapping[str, Any] = whole.get(f"{_X}endpoint-configuration") or (
            next((one[f"{_X}endpoint-configuration"] for one in whole.get("servers") or ()
                  if f"{_X}endpoint-configuration" in one), {})
        )  # fmt: skip
        if own.get("types"):
            held["endpointConfiguration"] = {**held["endpointConfiguration"], "types": list(own["types"])}
        if own.get("vpcEndpointIds"):
            held["endpointConfiguration"] = {**held["endpointConfiguration"], "vpcEndpointIds": own["vpcEndpointIds"]}
        if "disableExecuteApiEndpoint" in own:
            held["disableExecuteApiEndpoint"] = bool(own["disableExecuteApiEndpoint"])
        apis.check(held)
        self.api.held = held
        ITEMS.put(self.tx, self.call.scope, self.api)

    # What methods refer to

    def _models(self) -> None:
        for name, schema in self.document.schemas.items():
            if not re.fullmatch(r"[A-Za-z0-9]+", name):
                self.warnings.append(f"Invalid model name '{name}': model names must be alphanumeric. Ignoring.")
                continue
            self._model(name, schema)

    def _model(self, name: str, schema: Any) -> str:
        held = {
            "id": new_id(),
            "name": name,
            "schema": json.dumps(referring(schema, self.api.id), indent=2),
            "contentType": "application/json",
        }
        if isinstance(schema, Mapping) and schema.get("description"):
            held["description"] = schema["description"]
        models.check(held)
        put(self.tx, self.call.scope, "model", self.api.id, name, held, self.call.now())
        return name

    def _model_for(self, schema: Any) -> str | None:
        name = model_of(schema)
        if name is not None:
            return name if name in self.document.schemas else None
        return self._model("MODEL" + tokens.random_hex(6), schema)

    def _validators(self) -> None:
        known = {row.held["name"]: row.id for row in items(self.tx, self.call.scope, "validator", self.api.id)}
        for name, told in (self.document.whole.get(f"{_X}request-validators") or {}).items():
            held = {
                "id": known.get(name) or new_id(),
                "name": name,
                "validateRequestBody": bool(told.get("validateRequestBody")),
                "validateRequestParameters": bool(told.get("validateRequestParameters")),
            }
            put(self.tx, self.call.scope, "validator", self.api.id, held["id"], held, self.call.now())
            known[name] = held["id"]
        self.validators = known

    def _authorizers(self) -> None:
        known = {row.held["name"]: row.id for row in items(self.tx, self.call.scope, "authorizer", self.api.id)}
        for name, scheme in self.document.guards.items():
            told = scheme.get(f"{_X}authorizer")
            kind = str(scheme.get(f"{_X}authtype") or "").lower()
            if kind == "awssigv4":
                self.guards[name] = ("AWS_IAM", "")
            elif told:
                self.guards[name] = self._authorizer(name, scheme, told, kind, known.get(name) or new_id())
            elif scheme.get("type") == "apiKey" and str(scheme.get("name", "")).lower() == "x-api-key":
                self.guards[name] = ("KEY", "")

    def _authorizer(
        self, name: str, scheme: Mapping[str, Any], told: Mapping[str, Any], auth: str, identity: str
    ) -> tuple[str, str]:
        kind = str(told.get("type") or "token").upper()
        held: dict[str, Any] = {"id": identity, "name": name, "type": kind, "authType": auth or "custom"}
        for key in ("authorizerUri", "authorizerCredentials", "identityValidationExpression", "providerARNs"):
            if told.get(key):
                held[key] = told[key]
        if told.get("authorizerResultTtlInSeconds") is not None:
            held["authorizerResultTtlInSeconds"] = int(told["authorizerResultTtlInSeconds"])
        header = scheme.get("name") if scheme.get("in") == "header" else None
        source = told.get("identitySource") or (
            f"method.request.header.{header or 'Authorization'}" if kind != "REQUEST" else ""
        )
        if source:
            held["identitySource"] = source
        authorizers.check(held)
        put(self.tx, self.call.scope, "authorizer", self.api.id, identity, held, self.call.now())
        return ("COGNITO_USER_POOLS" if kind == "COGNITO_USER_POOLS" else "CUSTOM"), identity

    def _responses(self) -> None:
        for kind, told in (self.document.whole.get(f"{_X}gateway-responses") or {}).items():
            if kind not in STATUSES:
                self.warnings.append(f"Invalid gateway response type '{kind}'. Ignoring.")
                continue
            held: dict[str, Any] = {
                "responseParameters": dict(told.get("responseParameters") or {}),
                "responseTemplates": dict(told.get("responseTemplates") or TEMPLATES),
            }
            status = told.get("statusCode") or STATUSES[kind] or None
            if status:
                held["statusCode"] = str(status)
            put(self.tx, self.call.scope, "response", self.api.id, kind, held, self.call.now())

    # Paths and methods

    def _resource(self, path: str) -> Item:
        path = "/" + path.strip("/")
        row = self.by_path.get(path)
        if row is None:
            above, _, part = path.rpartition("/")
            row = resources.add(self.tx, self.call, self.api.id, self._resource(above or "/"), part)
            self.by_path[path] = row
        return row

    def _method(self, row: Item, verb: str, told: Mapping[str, Any], parameters: list[Mapping[str, Any]]) -> None:
        method: dict[str, Any] = {"httpMethod": verb, "authorizationType": "NONE", "apiKeyRequired": False}
        if told.get("operationId"):
            method["operationName"] = told["operationId"]
        self._guard(method, told)
        wanted = {
            f"method.request.{'querystring' if one['in'] == 'query' else one['in']}.{one['name']}": bool(
                one.get("required")
            )
            for one in parameters
            if one.get("in") in ("path", "query", "header") and one.get("name")
        }
        if wanted:
            method["requestParameters"] = wanted
        bodies = {kind: self._model_for(schema) for kind, schema in self.document.body(told, parameters).items()}
        bodies = {kind: name for kind, name in bodies.items() if name}
        if bodies:
            method["requestModels"] = bodies
        named = told.get(f"{_X}request-validator") or self.document.whole.get(f"{_X}request-validator")
        if named in self.validators:
            method["requestValidatorId"] = self.validators[named]
        answers: dict[str, Any] = {}
        for status, content, headers in self.document.answers(told):
            if not re.fullmatch(r"[1-5]\d\d", status):
                continue
            one: dict[str, Any] = {"statusCode": status}
            if headers:
                one["responseParameters"] = {f"method.response.header.{name}": False for name in headers}
            kinds = {kind: name for kind, schema in content.items() if (name := self._model_for(schema))}
            if kinds:
                one["responseModels"] = kinds
            answers[status] = one
        if answers:
            method["methodResponses"] = answers
        told_integration = told.get(f"{_X}integration")
        if told_integration:
            method["methodIntegration"] = self._integration(row, verb, told_integration, method)
        row.held = {**row.held, "methods": {**row.held["methods"], verb: method}}

    def _guard(self, method: dict[str, Any], told: Mapping[str, Any]) -> None:
        own = told.get(f"{_X}auth") or {}
        if own.get("type"):
            method["authorizationType"] = str(own["type"]).upper()
        security = told.get("security")
        for one in security if security is not None else self.document.whole.get("security") or ():
            for name, scopes in one.items():
                kind, identity = self.guards.get(name, ("", ""))
                if kind == "KEY":
                    method["apiKeyRequired"] = True
                elif kind:
                    method["authorizationType"] = kind
                    if identity:
                        method["authorizerId"] = identity
                    if scopes and kind == "COGNITO_USER_POOLS":
                        method["authorizationScopes"] = list(scopes)

    def _integration(self, row: Item, verb: str, told: Mapping[str, Any], method: dict[str, Any]) -> dict[str, Any]:
        held: dict[str, Any] = {"type": str(told.get("type") or "").upper()}
        for key in (
            "httpMethod",
            "uri",
            "credentials",
            "connectionType",
            "connectionId",
            "contentHandling",
            "tlsConfig",
        ):
            if told.get(key):
                held[key] = told[key]
        for key in ("requestTemplates", "requestParameters"):
            if told.get(key):
                held[key] = {name: str(value) for name, value in told[key].items()}
        if held["type"] in ("HTTP", "HTTP_PROXY"):
            held.setdefault("connectionType", "INTERNET")
        held["passthroughBehavior"] = str(told.get("passthroughBehavior") or "WHEN_NO_MATCH").upper()
        held["timeoutInMillis"] = int(told.get("timeoutInMillis") or 29000)
        held["cacheNamespace"] = told.get("cacheNamespace") or row.id
        held["cacheKeyParameters"] = list(told.get("cacheKeyParameters") or ())
        try:
            integrations.check(held)
            answers = {}
            for pattern, one in (told.get("responses") or {}).items():
                answer = {"statusCode": str(one.get("statusCode", "200"))}
                if pattern != "default":
                    answer["selectionPattern"] = str(pattern)
                for key in ("responseParameters", "responseTemplates", "contentHandling"):
                    if one.get(key):
                        answer[key] = one[key]
                declared = method.setdefault("methodResponses", {}).setdefault(
                    answer["statusCode"], {"statusCode": answer["statusCode"]}
                )
                for target in one.get("responseParameters") or {}:
                    declared.setdefault("responseParameters", {}).setdefault(target, False)
                integrations.check_response(answer, method)
                answers[answer["statusCode"]] = answer
        except AwsError as error:
            raise bad(
                f"Errors found during import:\n\tUnable to put integration on '{verb}' for resource at path "
                f"'{row.held['path']}': {error.message}"
            ) from None
        if answers:
            held["integrationResponses"] = answers
        return held
