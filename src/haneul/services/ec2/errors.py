"""EC2's errors. Its model defines none, so every code is listed with its status, or answers 400."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors(
    "ec2",
    DryRunOperation=412,
    UnauthorizedOperation=403,
    OptInRequired=401,
    InsufficientInstanceCapacity=500,
    InternalError=500,
    Unavailable=503,
)


def coded(code: str, message: str) -> AwsError:
    """An error whose code holds a dot ("InvalidVpcID.NotFound") or comes from data."""
    return AwsError(code, message, 400)


def invalid(message: str) -> AwsError:
    return errors.InvalidParameterValue(message)


def mixed(message: str) -> AwsError:
    return errors.InvalidParameterCombination(message)


def missing(name: str) -> AwsError:
    return errors.MissingParameter(f"The request must contain the parameter {name}")
