"""Budgets' errors, by AWS's names."""

from haneul.wire.errors import AwsError, Errors

errors = Errors("budgets")


def unsupported(what: str) -> AwsError:
    """AWS has it, and it isn't here."""
    return AwsError("NotImplemented", f"budgets: {what} is not implemented.", 501)
