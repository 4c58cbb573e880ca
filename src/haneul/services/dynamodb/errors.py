"""DynamoDB's errors: those of its model and the ones AWS answers without modelling them."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("dynamodb", ValidationException=400, SerializationException=400, AccessDeniedException=400)

INVALID = "One or more parameter values were invalid: "


def invalid(message: str) -> AwsError:
    """A ValidationException that says `message`."""
    return AwsError("ValidationException", message, 400)


class Layered(AwsError):
    """What is wrong with a value, in the words of single writes, GetItem, BatchGetItem and Query; `older` are those of
    BatchWriteItem, Scan and PartiQL, whose values AWS checks elsewhere."""

    def __init__(self, message: str, older: str) -> None:
        super().__init__("ValidationException", message, 400)
        self.older = older


def detected(error: AwsError) -> AwsError:
    """What PutItem, UpdateItem and DeleteItem put before what is wrong with a request in itself, whatever the table is
    like; batches, transactions and most of what reads don't (held against AWS by moto's cases)."""
    if error.code != "ValidationException" or "validation error" in error.message or error.message.endswith(" size"):
        return error
    return invalid(f"1 validation error detected: {error.message}")


def invalid_parameter(message: str) -> AwsError:
    """A ValidationException with the prefix AWS puts before what is wrong with a parameter."""
    return AwsError("ValidationException", INVALID + message, 400)
