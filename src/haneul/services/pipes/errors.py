"""EventBridge Pipes' errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("pipes")


def invalid(message: str) -> AwsError:
    return errors.ValidationException(message)


def no_pipe(name: str) -> AwsError:
    return errors.NotFoundException(f"Pipe {name} does not exist.")
