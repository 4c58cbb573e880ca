"""Bad input gets AWS's own codes and sentences, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

GOOD = {
    "DBInstanceIdentifier": "never-made",
    "Engine": "postgres",
    "DBInstanceClass": "db.t3.micro",
    "AllocatedStorage": 20,
    "MasterUsername": "master",
    "MasterUserPassword": "secret99",
}


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"DBInstanceIdentifier": "1st"}, "InvalidParameterValue", "not a valid identifier"),
        ({"DBInstanceIdentifier": "a--b"}, "InvalidParameterValue", "two consecutive hyphens"),
        ({"DBInstanceIdentifier": "a-"}, "InvalidParameterValue", "must not end with a hyphen"),
        ({"Engine": "sqlite"}, "InvalidParameterValue", "Invalid DB engine"),
        ({"Engine": "oracle-ee"}, "InvalidParameterValue", "not available here"),
        ({"EngineVersion": "9.99"}, "InvalidParameterCombination", "Cannot find version 9.99 for postgres"),
        ({"DBInstanceClass": "db.x9.huge"}, "InvalidParameterValue", "Invalid DB Instance class: db.x9.huge"),
        ({"DBInstanceClass": "db.serverless"}, "InvalidParameterValue", "db.serverless"),
        ({"AllocatedStorage": 1}, "InvalidParameterValue", "Invalid storage size for engine name postgres"),
        ({"AllocatedStorage": None}, "InvalidParameterValue", "AllocatedStorage must be provided"),
        ({"StorageType": "tape"}, "InvalidParameterValue", "Invalid storage type: tape"),
        ({"StorageType": "io1", "AllocatedStorage": 100}, "InvalidParameterCombination", "IOPS"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue", "it is shorter than 8 characters."),
        ({"MasterUserPassword": "has/slash1"}, "InvalidParameterValue", "Only printable ASCII characters besides"),
        ({"MasterUserPassword": None}, "InvalidParameterValue", "MasterUserPassword must be provided"),
        ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue", "reserved word"),
        ({"MasterUsername": "9lives"}, "InvalidParameterValue", "first character must be a letter"),
        ({"MasterUsername": None}, "InvalidParameterValue", "MasterUsername must be provided"),
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue", "retention period"),
        ({"PreferredBackupWindow": "25:00-26:00"}, "InvalidParameterValue", "PreferredBackupWindow"),
        ({"PreferredMaintenanceWindow": "someday"}, "InvalidParameterValue", "maintenance window"),
        (
            {"PreferredBackupWindow": "03:00-04:00", "PreferredMaintenanceWindow": "mon:03:30-mon:04:30"},
            "InvalidParameterCombination",
            "must not overlap",
        ),
        ({"DBParameterGroupName": "nope"}, "DBParameterGroupNotFound", "DBParameterGroup not found: nope"),
        ({"DBSubnetGroupName": "nope"}, "DBSubnetGroupNotFoundFault", "DB subnet group 'nope' does not exist."),
        ({"OptionGroupName": "nope"}, "OptionGroupNotFoundFault", "nope"),
        ({"Port": 80}, "InvalidParameterValue", "1150"),
        ({"MonitoringInterval": 7}, "InvalidParameterValue", "monitoring interval"),
        ({"LicenseModel": "bring-your-own-license"}, "InvalidParameterCombination", "License model"),
        ({"CACertificateIdentifier": "rds-ca-1999"}, "CertificateNotFound", "rds-ca-1999"),
        ({"DBClusterIdentifier": "some"}, "InvalidParameterCombination", "DBClusterIdentifier"),
    ],
)
def test_create_refuses(rds: Any, changed: dict[str, Any], code: str, words: str) -> None:
    """Each limit of CreateDBInstance, in AWS's words."""
    members = {key: value for key, value in {**GOOD, **changed}.items() if value is not None}
    with pytest.raises(ClientError) as caught:
        rds.create_db_instance(**members)
    assert caught.value.response["Error"]["Code"] == code
    assert words in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("operation", "members", "code", "status"),
    [
        ("describe_db_instances", {"DBInstanceIdentifier": "nobody"}, "DBInstanceNotFound", 404),
        (
            "delete_db_instance",
            {"DBInstanceIdentifier": "nobody", "SkipFinalSnapshot": True},
            "DBInstanceNotFound",
            404,
        ),
        ("modify_db_instance", {"DBInstanceIdentifier": "nobody"}, "DBInstanceNotFound", 404),
        ("reboot_db_instance", {"DBInstanceIdentifier": "nobody"}, "DBInstanceNotFound", 404),
        ("describe_db_snapshots", {"DBSnapshotIdentifier": "nobody"}, "DBSnapshotNotFound", 404),
        ("delete_db_snapshot", {"DBSnapshotIdentifier": "nobody"}, "DBSnapshotNotFound", 404),
        ("describe_db_clusters", {"DBClusterIdentifier": "nobody"}, "DBClusterNotFoundFault", 404),
        ("describe_db_parameter_groups", {"DBParameterGroupName": "nobody"}, "DBParameterGroupNotFound", 404),
        ("describe_db_subnet_groups", {"DBSubnetGroupName": "nobody"}, "DBSubnetGroupNotFoundFault", 404),
        ("describe_option_groups", {"OptionGroupName": "nobody"}, "OptionGroupNotFoundFault", 404),
        ("describe_event_subscriptions", {"SubscriptionName": "nobody"}, "SubscriptionNotFound", 404),
        ("describe_global_clusters", {"GlobalClusterIdentifier": "nobody"}, "GlobalClusterNotFoundFault", 404),
        (
            "restore_db_instance_from_db_snapshot",
            {"DBInstanceIdentifier": "x", "DBSnapshotIdentifier": "nobody"},
            "DBSnapshotNotFound",
            404,
        ),
        (
            "create_db_instance_read_replica",
            {"DBInstanceIdentifier": "x", "SourceDBInstanceIdentifier": "nobody"},
            "DBInstanceNotFound",
            404,
        ),
    ],
)
def test_what_is_not_there(rds: Any, operation: str, members: dict[str, Any], code: str, status: int) -> None:
    """Names that nobody has."""
    with pytest.raises(ClientError) as caught:
        getattr(rds, operation)(**members)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_an_operation_that_is_not_there_says_so(rds: Any) -> None:
    """Real, or an honest no."""
    with pytest.raises(ClientError) as caught:
        rds.describe_db_shard_groups()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_nothing_was_made(rds: Any) -> None:
    """None of the refused calls left anything."""
    names = [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]
    assert "never-made" not in names
