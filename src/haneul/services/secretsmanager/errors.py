"""Secrets Manager's errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("secretsmanager", ValidationException=400)


def no_secret() -> AwsError:
    return errors.ResourceNotFoundException("Secrets Manager can't find the specified secret.")


def is_deleted() -> AwsError:
    return errors.InvalidRequestException(
        "You can't perform this operation on the secret because it was marked for deletion."
    )
