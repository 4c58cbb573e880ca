"""Push platforms' applications and devices, kept as data: nothing is pushed from here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.sns.errors import errors, invalid
from haneul.services.sns.state import APPLICATIONS, ENDPOINTS, Application, Endpoint
from haneul.services.sns.topics import PAGE, page_start
from haneul.state.store import Reader

_PLATFORMS = frozenset(
    {
        "ADM",
        "APNS",
        "APNS_SANDBOX",
        "APNS_VOIP",
        "APNS_VOIP_SANDBOX",
        "BAIDU",
        "FCM",
        "GCM",
        "MACOS",
        "MACOS_SANDBOX",
        "MPNS",
        "WNS",
    }
)
_SECRET = frozenset({"PlatformCredential", "PlatformPrincipal"})
_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,256}")


def application_arn(scope: Scope, row: Application) -> str:
    return f"arn:aws:sns:{scope.region}:{scope.account}:app/{row.platform}/{row.name}"


def endpoint_arn(scope: Scope, row: Endpoint) -> str:
    return f"arn:aws:sns:{scope.region}:{scope.account}:endpoint/{row.application}/{row.id}"


def by_application(call: Call, request: Mapping[str, Any]) -> str:
    return str(request["PlatformApplicationArn"])


def by_endpoint(call: Call, request: Mapping[str, Any]) -> str:
    return str(request["EndpointArn"])


def _application(tx: Reader, arn: str) -> tuple[Scope, Application]:
    parts = arn.split(":")
    path = parts[5].split("/") if len(parts) == 6 else []
    if len(path) != 3 or path[0] != "app":
        raise invalid("PlatformApplicationArn Reason: Wrong number of slashes in relative portion of the ARN.")
    scope = Scope(parts[4], parts[3])
    row = APPLICATIONS.get(tx, scope, path[1], path[2])
    if row is None:
        raise errors.NotFoundException("PlatformApplication does not exist")
    return scope, row


def endpoint_of(call: Call, arn: str) -> Endpoint | None:
    parts = arn.split(":")
    path = parts[5].split("/") if len(parts) == 6 else []
    if len(path) != 4 or path[0] != "endpoint":
        raise invalid("EndpointArn Reason: Wrong number of slashes in relative portion of the ARN.")
    with call.read() as tx:
        return ENDPOINTS.get(tx, Scope(parts[4], parts[3]), f"{path[1]}/{path[2]}", path[3])


@operation(
    resource=lambda call, request: (
        f"arn:aws:sns:{call.region}:{call.account}:app/{request['Platform']}/{request['Name']}"
    )
)
def create_platform_application(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreatePlatformApplication."""
    platform, name, attributes = request["Platform"], request["Name"], dict(request["Attributes"])
    if platform not in _PLATFORMS:
        raise invalid(f"Platform Reason: {platform} is not supported")
    if not _NAME.fullmatch(name):
        raise invalid(
            "Name Reason: must be at most 256 characters long, and contain only characters in the following set: "
            "a-zA-Z0-9_.-"
        )
    if not attributes.get("PlatformCredential"):
        raise invalid("Attributes Reason: Invalid value for attribute: PlatformCredential: cannot be empty")
    row = Application(platform=platform, name=name, attributes=attributes)
    with call.write() as tx:
        known = APPLICATIONS.get(tx, call.scope, platform, name)
        if known is None:
            APPLICATIONS.put(tx, call.scope, row)
        elif known.attributes != attributes:
            raise invalid("Name Reason: An application with the same name but different properties already exists")
    return {"PlatformApplicationArn": application_arn(call.scope, row)}


@operation(resource=by_application)
def get_platform_application_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetPlatformApplicationAttributes, without its credentials."""
    with call.read() as tx:
        _, row = _application(tx, request["PlatformApplicationArn"])
    return {"Attributes": {"Enabled": "true", **_public(row)}}


def _public(row: Application) -> dict[str, str]:
    return {name: value for name, value in row.attributes.items() if name not in _SECRET}


@operation(resource=by_application)
def set_platform_application_attributes(call: Call, request: Mapping[str, Any]) -> None:
    """SetPlatformApplicationAttributes."""
    with call.write() as tx:
        scope, row = _application(tx, request["PlatformApplicationArn"])
        row.attributes = {**row.attributes, **request["Attributes"]}
        APPLICATIONS.put(tx, scope, row)


@operation()
def list_platform_applications(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListPlatformApplications."""
    platform, _, name = page_start(request).partition("/")
    after = (platform, name) if platform else None
    with call.read() as tx:
        rows = list(APPLICATIONS.scan(tx, call.scope, after_key=after, limit=PAGE + 1))
    result: dict[str, Any] = {
        "PlatformApplications": [
            {
                "PlatformApplicationArn": application_arn(call.scope, row),
                "Attributes": {"Enabled": "true", **_public(row)},
            }
            for row in rows[:PAGE]
        ]
    }
    if len(rows) > PAGE:
        result["NextToken"] = tokens.seal_page(f"{rows[PAGE - 1].platform}/{rows[PAGE - 1].name}")
    return result


@operation(resource=by_application)
def delete_platform_application(call: Call, request: Mapping[str, Any]) -> None:
    """DeletePlatformApplication, with its endpoints."""
    with call.write() as tx:
        try:
            scope, row = _application(tx, request["PlatformApplicationArn"])
        except Exception as error:
            if getattr(error, "code", "") == "NotFoundException":
                return
            raise
        APPLICATIONS.delete(tx, scope, row.platform, row.name)
        ENDPOINTS.delete_all(tx, scope, f"{row.platform}/{row.name}")


@operation(resource=by_application)
def create_platform_endpoint(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreatePlatformEndpoint. The same token again gives the same endpoint."""
    attributes = {"Enabled": "true", **(request.get("Attributes") or {}), "Token": request["Token"]}
    if request.get("CustomUserData"):
        attributes["CustomUserData"] = request["CustomUserData"]
    with call.write() as tx:
        scope, application = _application(tx, request["PlatformApplicationArn"])
        place = f"{application.platform}/{application.name}"
        for known in ENDPOINTS.scan(tx, scope, place):
            if known.attributes["Token"] == request["Token"]:
                if known.attributes != attributes:
                    raise invalid(
                        f"Token Reason: Endpoint {endpoint_arn(scope, known)} already exists with the same Token, "
                        "but different attributes."
                    )
                return {"EndpointArn": endpoint_arn(scope, known)}
        row = Endpoint(application=place, id=tokens.uuid(), attributes=attributes)
        ENDPOINTS.put(tx, scope, row)
    return {"EndpointArn": endpoint_arn(scope, row)}


@operation(resource=by_endpoint)
def get_endpoint_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetEndpointAttributes."""
    row = endpoint_of(call, request["EndpointArn"])
    if row is None:
        raise errors.NotFoundException("Endpoint does not exist")
    return {"Attributes": row.attributes}


@operation(resource=by_endpoint)
def set_endpoint_attributes(call: Call, request: Mapping[str, Any]) -> None:
    """SetEndpointAttributes."""
    row = endpoint_of(call, request["EndpointArn"])
    if row is None:
        raise errors.NotFoundException("Endpoint does not exist")
    row.attributes = {**row.attributes, **request["Attributes"]}
    with call.write() as tx:
        ENDPOINTS.put(tx, call.scope, row)


@operation(resource=by_endpoint)
def delete_endpoint(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteEndpoint. What is gone is no error."""
    row = endpoint_of(call, request["EndpointArn"])
    if row is not None:
        with call.write() as tx:
            ENDPOINTS.delete(tx, call.scope, row.application, row.id)


@operation(resource=by_application)
def list_endpoints_by_platform_application(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListEndpointsByPlatformApplication."""
    after = page_start(request)
    with call.read() as tx:
        scope, application = _application(tx, request["PlatformApplicationArn"])
        place = f"{application.platform}/{application.name}"
        rows = list(ENDPOINTS.scan(tx, scope, place, after_key=(after,) if after else None, limit=PAGE + 1))
    result: dict[str, Any] = {
        "Endpoints": [{"EndpointArn": endpoint_arn(scope, row), "Attributes": row.attributes} for row in rows[:PAGE]]
    }
    if len(rows) > PAGE:
        result["NextToken"] = tokens.seal_page(rows[PAGE - 1].id)
    return result
