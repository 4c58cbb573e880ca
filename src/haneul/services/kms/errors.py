"""KMS's errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("kms", ValidationException=400, NotAuthorizedException=400, AccessDeniedException=400)


def invalid(message: str) -> AwsError:
    return errors.ValidationException(message)
