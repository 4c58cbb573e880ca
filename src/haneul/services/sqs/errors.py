"""SQS's errors, with the two families that its model doesn't name but AWS answers."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("sqs", InvalidParameterValue=400, MissingParameter=400)

ALLOWED_CHARACTERS = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"


def invalid_value(value: object, parameter: str, reason: str) -> AwsError:
    return errors.InvalidParameterValue(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing(parameter: str) -> AwsError:
    return errors.MissingParameter(f"The request must contain the parameter {parameter}.")


def no_queue() -> AwsError:
    return errors.QueueDoesNotExist("The specified queue does not exist.")
