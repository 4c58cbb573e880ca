"""SNS's errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("sns")


def invalid(message: str) -> AwsError:
    return errors.InvalidParameterException(f"Invalid parameter: {message}")


def no_topic() -> AwsError:
    return errors.NotFoundException("Topic does not exist")
