"""API Gateway's errors, and the sentences that AWS uses for what is missing."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("apigateway", AccessDeniedException=403)

_MISSING = {
    "resource": "Invalid Resource identifier specified",
    "method": "Invalid Method identifier specified",
    "integration": "Invalid Integration identifier specified",
    "response": "Invalid Response status code specified",
    "deployment": "Invalid Deployment identifier specified",
    "stage": "Invalid Stage identifier specified",
    "authorizer": "Invalid Authorizer identifier specified",
    "validator": "Invalid Request Validator identifier specified",
    "key": "Invalid API Key identifier specified",
    "plan": "Invalid Usage Plan ID specified",
    "domain": "Invalid domain name identifier specified",
    "mapping": "Invalid base path mapping identifier specified",
    "certificate": "Invalid Client Certificate identifier specified",
    "link": "VPC Link not found",
    "part": "Invalid Documentation part identifier specified",
    "document": "Invalid Documentation version specified",
}


def bad(message: str) -> AwsError:
    return errors.BadRequestException(message)


def conflict(message: str) -> AwsError:
    return errors.ConflictException(message)


def missing(kind: str, name: str = "") -> AwsError:
    """NotFoundException for an item of this kind."""
    if kind == "api":
        return errors.NotFoundException(f"Invalid API identifier specified {name}")
    if kind == "model":
        return errors.NotFoundException(f"Invalid model name specified: {name}")
    return errors.NotFoundException(_MISSING[kind])


def invalid(*told: str) -> AwsError:
    """ValidationException for each of these."""
    many = "error" if len(told) == 1 else "errors"
    return AwsError("ValidationException", f"{len(told)} validation {many} detected: {'; '.join(told)}")
