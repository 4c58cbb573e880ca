"""EC2 Auto Scaling's errors, and the sentences that several operations share."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors("autoscaling", ValidationError=400, AccessDenied=403)


def invalid(message: str) -> AwsError:
    return errors.ValidationError(message)


def no_group(name: str, told: str = "") -> AwsError:
    return errors.ValidationError(f"AutoScalingGroup name not found - {told or f'AutoScalingGroup {name} not found'}")


def no_instance(identifier: str) -> AwsError:
    return errors.ValidationError(f"Instance Id not found - No managed instance found for instance ID: {identifier}")


def not_member(identifier: str, group: str) -> AwsError:
    return errors.ValidationError(f"The instance {identifier} is not part of Auto Scaling group {group}.")


def not_here(what: str) -> AwsError:
    """An honest no."""
    return AwsError("NotImplemented", f"{what} is not implemented.", 501)
