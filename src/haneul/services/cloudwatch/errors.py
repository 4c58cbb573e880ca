"""CloudWatch's errors."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("cloudwatch")


def invalid(message: str) -> AwsError:
    return errors.InvalidParameterValueException(message)


def combination(message: str) -> AwsError:
    return errors.InvalidParameterCombinationException(message)


def missing(message: str) -> AwsError:
    return errors.MissingRequiredParameterException(message)


def validation(message: str) -> AwsError:
    return errors.ValidationException(message)
