"""CloudWatch Logs' errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("logs")


def invalid(message: str) -> AwsError:
    return errors.InvalidParameterException(message)


def no_group() -> AwsError:
    return errors.ResourceNotFoundException("The specified log group does not exist.")


def no_stream() -> AwsError:
    return errors.ResourceNotFoundException("The specified log stream does not exist.")
