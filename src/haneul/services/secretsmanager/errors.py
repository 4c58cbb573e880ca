"""Secrets Manager's errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("secretsmanager", ValidationException=400)


def no_secret() -> AwsError:
    return errors.ResourceNotFoundException("Secrets Manager can't find the specified secret.")


def token_in_use(arn: str, token: str) -> AwsError:
    return errors.ResourceExistsException(
        f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
    )


def is_deleted() -> AwsError:
    return errors.InvalidRequestException(
        "You can't perform this operation on the secret because it was marked for deletion."
    )
