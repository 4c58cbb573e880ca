"""OpenAPI documents (2.0 and 3.x, JSON or YAML) as plain data, and what both versions call differently."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from haneul.engines.integrations import openapi
from haneul.services.apigateway.errors import bad

VERBS = {"get": "GET", "put": "PUT", "post": "POST", "delete": "DELETE", "patch": "PATCH", "head": "HEAD",
         "options": "OPTIONS", "x-amazon-apigateway-any-method": "ANY"}  # fmt: skip
_LOCAL = re.compile(r"#/(?:definitions|components/schemas)/([^/]+)$")


def parse(body: bytes) -> dict[str, Any]:
    """The document. Raises BadRequestException."""
    try:
        return openapi.parse(body)
    except openapi.Unreadable as error:
        raise bad(str(error)) from None


class Document:
    """A document read through names that hold for both versions."""

    def __init__(self, whole: Mapping[str, Any]) -> None:
        self.whole = whole
        version = str(whole.get("openapi") or whole.get("swagger") or "")
        self.is_three = "openapi" in whole
        if not version.startswith(("2.", "3.")) and version != "2":
            raise bad("Invalid OpenAPI input.")
        components = whole.get("components") or {}
        self.schemas: Mapping[str, Any] = (
            components.get("schemas") if self.is_three else whole.get("definitions")
        ) or {}
        self.guards: Mapping[str, Any] = (
            components.get("securitySchemes") if self.is_three else whole.get("securityDefinitions")
        ) or {}

    def base_path(self) -> str:
        """What all paths begin with, "" for nothing."""
        if not self.is_three:
            return str(self.whole.get("basePath") or "").rstrip("/")
        for server in self.whole.get("servers") or ():
            url = str(server["url"])
            for name, variable in (server.get("variables") or {}).items():
                url = url.replace("{" + name + "}", str((variable or {}).get("default", "")))
            path = urlsplit(url).path.rstrip("/")
            if path:
                return "/" + path.strip("/")
        return ""

    def resolved(self, value: Any) -> Any:
        """What a local reference means (parameters, responses); anything else as it is."""
        for _ in range(10):
            reference = value.get("$ref") if isinstance(value, Mapping) else None
            if not isinstance(reference, str) or not reference.startswith("#/"):
                return value
            found: Any = self.whole
            for part in reference[2:].split("/"):
                found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
            value = found or {}
        return value

    def methods(self) -> Iterator[tuple[str, str, Mapping[str, Any], list[Mapping[str, Any]]]]:
        """(path, verb, operation, its parameters)"""
        for path, item in (self.whole.get("paths") or {}).items():
            shared = [self.resolved(one) for one in (item or {}).get("parameters") or ()]
            for name, operation in (item or {}).items():
                if name in VERBS and isinstance(operation, Mapping):
                    own = [self.resolved(one) for one in operation.get("parameters") or ()]
                    names = {(one.get("in"), one.get("name")) for one in own}
                    rest = [one for one in shared if (one.get("in"), one.get("name")) not in names]
                    yield path, VERBS[name], operation, rest + own

    def paths(self) -> list[str]:
        return list(self.whole.get("paths") or {})

    def body(self, operation: Mapping[str, Any], parameters: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Media type -> schema of a request's body."""
        if self.is_three:
            content = (self.resolved(operation.get("requestBody") or {}) or {}).get("content") or {}
            return {kind: (one or {}).get("schema") for kind, one in content.items() if (one or {}).get("schema")}
        schema = next((one.get("schema") for one in parameters if one.get("in") == "body"), None)
        kinds = operation.get("consumes") or self.whole.get("consumes") or ["application/json"]
        return dict.fromkeys(kinds, schema) if schema else {}

    def answers(self, operation: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """(status, media type -> schema, names of headers)"""
        kinds = operation.get("produces") or self.whole.get("produces") or ["application/json"]
        for status, raw in (operation.get("responses") or {}).items():
            told = self.resolved(raw) or {}
            if self.is_three:
                content = {
                    kind: (one or {}).get("schema")
                    for kind, one in (told.get("content") or {}).items()
                    if (one or {}).get("schema")
                }
            else:
                content = dict.fromkeys(kinds, told["schema"]) if told.get("schema") else {}
            yield str(status), content, list(told.get("headers") or {})


def model_of(schema: Any) -> str | None:
    """The name of the model that a schema merely refers to."""
    reference = schema.get("$ref") if isinstance(schema, Mapping) and len(schema) == 1 else None
    found = _LOCAL.match(reference) if isinstance(reference, str) else None
    return None if found is None else found.group(1)


def referring(schema: Any, api: str) -> Any:
    """A schema whose references name models as API Gateway keeps them."""
    if isinstance(schema, list):
        return [referring(one, api) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {}
    for key, value in schema.items():
        target = _LOCAL.match(value) if key == "$ref" and isinstance(value, str) else None
        if target is not None:
            found[key] = f"https://apigateway.amazonaws.com/restapis/{api}/models/{target.group(1)}"
        else:
            found[key] = referring(value, api)
    return found
