"""EventBridge Scheduler's errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("scheduler")


def invalid(message: str) -> AwsError:
    return errors.ValidationException(message)
