"""Lambda's errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("lambda", ValidationException=400, AccessDeniedException=403)


def invalid(message: str) -> AwsError:
    return errors.InvalidParameterValueException(message, Type="User")


def missing(arn: str) -> AwsError:
    return errors.ResourceNotFoundException(f"Function not found: {arn}", Type="User")


def not_found(message: str) -> AwsError:
    return errors.ResourceNotFoundException(message, Type="User")


def conflict(message: str) -> AwsError:
    return errors.ResourceConflictException(message, Type="User")


def stale() -> AwsError:
    return errors.PreconditionFailedException(
        "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve "
        "the latest RevisionId",
        Type="User",
    )
