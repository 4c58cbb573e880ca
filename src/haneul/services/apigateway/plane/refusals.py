"""Gateway responses: the answers that no integration gave, as AWS words them and as an API's owner may reword them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haneul.wire.message import Response

if TYPE_CHECKING:
    from haneul.services.apigateway.plane.exchange import Exchange

STATUSES: dict[str, int] = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_FAILURE": 500,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "DEFAULT_4XX": 0,
    "DEFAULT_5XX": 0,
    "EXPIRED_TOKEN": 403,
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}
TEMPLATES = {"application/json": '{"message":$context.error.messageString}'}
_TYPES = {
    "ACCESS_DENIED": "AccessDeniedException",
    "API_CONFIGURATION_ERROR": "InternalServerErrorException",
    "AUTHORIZER_CONFIGURATION_ERROR": "AuthorizerConfigurationException",
    "AUTHORIZER_FAILURE": "AuthorizerConfigurationException",
    "BAD_REQUEST_BODY": "BadRequestException",
    "BAD_REQUEST_PARAMETERS": "BadRequestException",
    "EXPIRED_TOKEN": "ExpiredTokenException",
    "INTEGRATION_FAILURE": "InternalServerErrorException",
    "INTEGRATION_TIMEOUT": "InternalServerErrorException",
    "INVALID_API_KEY": "ForbiddenException",
    "INVALID_SIGNATURE": "InvalidSignatureException",
    "MISSING_AUTHENTICATION_TOKEN": "MissingAuthenticationTokenException",
    "QUOTA_EXCEEDED": "LimitExceededException",
    "REQUEST_TOO_LARGE": "RequestTooLargeException",
    "RESOURCE_NOT_FOUND": "NotFoundException",
    "THROTTLED": "TooManyRequestsException",
    "UNAUTHORIZED": "UnauthorizedException",
    "UNSUPPORTED_MEDIA_TYPE": "BadRequestException",
    "WAF_FILTERED": "ForbiddenException",
}


class Refused(Exception):
    """The request gets a gateway response of this kind."""

    def __init__(self, kind: str, message: str | None, status: int = 0, detail: str = "", error: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status or STATUSES[kind]
        self.detail = detail
        """What $context.error.validationErrorString tells."""
        self.error = error or _TYPES[kind]


def configuration(status: int = 500) -> Refused:
    """Internal server error: the API, not the request, is at fault."""
    return Refused("API_CONFIGURATION_ERROR", "Internal server error", status)


def response(exchange: Exchange, refused: Refused) -> Response:
    """The gateway response, as customised by the API."""
    from haneul.services.apigateway.plane.mapping import gateway_template, source_value

    own = exchange.deployed.responses if exchange.deployed is not None else {}
    family = "DEFAULT_4XX" if refused.status < 500 else "DEFAULT_5XX"
    custom: Mapping[str, Any] = own.get(refused.kind) or own.get(family) or {}
    message = refused.message
    exchange.error = {
        "message": message if message is not None else "",
        "messageString": json.dumps(message),
        "responseType": refused.kind,
        "validationErrorString": refused.detail or "",
    }
    headers = [("x-amzn-ErrorType", refused.error)]
    body = json.dumps(
        {"Message" if refused.kind == "ACCESS_DENIED" and not custom else "message": message}, separators=(",", ":")
    )
    kind = "application/json"
    if custom:
        templates = custom.get("responseTemplates") or TEMPLATES
        accept = exchange.header("accept").split(",")[0].split(";")[0].strip()
        kind = accept if accept in templates else next(iter(templates))
        body = gateway_template(exchange, templates[kind])
        for name, source in (custom.get("responseParameters") or {}).items():
            if name.startswith("gatewayresponse.header."):
                value = source_value(exchange, source)
                if value is not None:
                    headers.append((name[23:], value))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("Content-Type", kind))
    return Response(int(custom.get("statusCode") or refused.status), headers, body.encode())
