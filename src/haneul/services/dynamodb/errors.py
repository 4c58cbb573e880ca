"""DynamoDB's errors: those of its model and the ones AWS answers without modelling them."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("dynamodb", ValidationException=400, SerializationException=400, AccessDeniedException=400)

INVALID = "One or more parameter values were invalid: "


def invalid(message: str) -> AwsError:
    """A ValidationException that says `message`."""
    return AwsError("ValidationException", message, 400)


def invalid_parameter(message: str) -> AwsError:
    """A ValidationException with the prefix AWS puts before what is wrong with a parameter."""
    return AwsError("ValidationException", INVALID + message, 400)
