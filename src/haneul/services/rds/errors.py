"""RDS' errors, and the sentences that several operations share."""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors(
    "rds",
    InvalidParameterValue=400,
    InvalidParameterCombination=400,
    MissingParameter=400,
    InvalidAction=400,
)


def no_instance(name: str) -> AwsError:
    return errors.DBInstanceNotFound(f"DBInstance {name} not found.")


def no_cluster(name: str) -> AwsError:
    return errors.DBClusterNotFoundFault(f"DBCluster {name} not found.")


def no_snapshot(name: str) -> AwsError:
    return errors.DBSnapshotNotFound(f"DBSnapshot {name} not found.")


def no_cluster_snapshot(name: str) -> AwsError:
    return errors.DBClusterSnapshotNotFoundFault(f"DBClusterSnapshot {name} not found.")


def no_parameter_group(name: str) -> AwsError:
    return errors.DBParameterGroupNotFound(f"DBParameterGroup not found: {name}")


def no_subnet_group(name: str) -> AwsError:
    return errors.DBSubnetGroupNotFoundFault(f"DB subnet group '{name}' does not exist.")


def invalid(message: str) -> AwsError:
    return errors.InvalidParameterValue(message)


def mixed(message: str) -> AwsError:
    return errors.InvalidParameterCombination(message)


def must(name: str) -> AwsError:
    return errors.InvalidParameterValue(f"The parameter {name} must be provided and must not be blank.")
