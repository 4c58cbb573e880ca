"""EventBridge's errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("events", ValidationException=400)


def invalid(message: str) -> AwsError:
    return errors.ValidationException(message)


def no_bus(name: str) -> AwsError:
    return errors.ResourceNotFoundException(f"Event bus {name} does not exist.")


def no_rule(name: str, bus: str) -> AwsError:
    return errors.ResourceNotFoundException(f"Rule {name} does not exist on EventBus {bus}.")
