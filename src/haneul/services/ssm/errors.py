"""Systems Manager's errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("ssm", ValidationException=400, AccessDeniedException=400)


def invalid(message: str) -> AwsError:
    return errors.ValidationException(message)
