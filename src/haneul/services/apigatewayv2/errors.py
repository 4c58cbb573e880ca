"""API Gateway's errors in its second API, and the sentences that AWS uses for what is missing."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("apigatewayv2")

_NAMES = {
    "route": "Route",
    "integration": "Integration",
    "authorizer": "Authorizer",
    "deployment": "Deployment",
    "model": "Model",
    "route-response": "RouteResponse",
    "integration-response": "IntegrationResponse",
}
_MISSING = {
    "stage": "Invalid stage identifier specified",
    "domain": "Invalid domain name identifier specified",
    "mapping": "Invalid API mapping identifier specified",
    "link": "VPC link not found",
}


def bad(message: str) -> AwsError:
    return errors.BadRequestException(message)


def conflict(message: str) -> AwsError:
    return errors.ConflictException(message)


def missing(kind: str, name: str = "") -> AwsError:
    """NotFoundException for an item of this kind."""
    if kind == "api":
        return errors.NotFoundException(f"Invalid API identifier specified {name}")
    if kind in _MISSING:
        return errors.NotFoundException(_MISSING[kind])
    return errors.NotFoundException(f"Invalid {_NAMES[kind]} identifier specified {name}")
