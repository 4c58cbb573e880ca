"""Instances are real servers: what the API says of them is what a client finds."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.api.rds import waiting


def test_an_available_instance_answers_at_the_endpoint_it_names(db: Any, cloud: Any) -> None:
    """The promise of the room: verify-full TLS, the master's password, the database asked for."""
    with waiting.connect(db["Endpoint"], sslmode="verify-full", sslrootcert=str(cloud.data / "ca" / "ca.pem")) as link:
        version, user, database = link.execute("SELECT version(), current_user, current_database()").fetchone()
    assert version.startswith(f"PostgreSQL {db['EngineVersion']}")
    assert (user, database) == ("master", "app")


def test_a_wrong_password_is_refused(db: Any) -> None:
    """The password is really set, not merely stored."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        waiting.connect(db["Endpoint"], password="wrong-one")


def test_the_clouds_own_superuser_is_out_of_reach(db: Any) -> None:
    """rdsadmin exists, as on RDS, and nobody logs in as it."""
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        waiting.connect(db["Endpoint"], user="rdsadmin")


def test_a_master_user_is_no_superuser_but_makes_roles_and_databases(db: Any) -> None:
    """What RDS lets a master user do."""
    with waiting.connect(db["Endpoint"]) as link:
        assert link.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        assert link.execute("SELECT pg_has_role('rds_superuser', 'member')").fetchone() == (True,)
        link.execute("CREATE ROLE reader LOGIN PASSWORD 'reader-pw-1'")
        link.execute("CREATE DATABASE other")
        link.execute("CREATE EXTENSION IF NOT EXISTS vector")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute("COPY (SELECT 1) TO PROGRAM 'true'")
    waiting.connect(db["Endpoint"], user="reader", password="reader-pw-1", dbname="other").close()


def test_the_description_has_what_aws_describes(db: Any) -> None:
    """Clients and Terraform read these members."""
    assert db["DBInstanceArn"] == f"arn:aws:rds:us-east-1:000000000000:db:{db['DBInstanceIdentifier']}"
    assert db["DbiResourceId"].startswith("db-") and len(db["DbiResourceId"]) == 29
    assert db["MasterUsername"] == "master" and "MasterUserPassword" not in db
    assert db["StorageType"] == "gp2" and db["AllocatedStorage"] == 20
    assert db["BackupRetentionPeriod"] == 1 and db["LatestRestorableTime"]
    assert db["DBParameterGroups"] == [
        {
            "DBParameterGroupName": f"default.postgres{db['EngineVersion'].split('.')[0]}",
            "ParameterApplyStatus": "in-sync",
        }
    ]
    assert db["TagList"] == [{"Key": "team", "Value": "red"}]
    assert db["DBSubnetGroup"]["SubnetGroupStatus"] == "Complete"
    assert db["PendingModifiedValues"] == {}


def test_names_are_kept_in_lower_case(rds: Any, db: Any) -> None:
    """RDS folds identifiers."""
    found = rds.describe_db_instances(DBInstanceIdentifier=db["DBInstanceIdentifier"].upper())["DBInstances"]
    assert found[0]["DBInstanceIdentifier"] == db["DBInstanceIdentifier"]


def test_filters_and_pages(rds: Any, db: Any) -> None:
    """Filters by name; MaxRecords between 20 and 100."""
    name = db["DBInstanceIdentifier"]
    by_name = rds.describe_db_instances(Filters=[{"Name": "db-instance-id", "Values": [name]}])["DBInstances"]
    assert [one["DBInstanceIdentifier"] for one in by_name] == [name]
    assert not rds.describe_db_instances(Filters=[{"Name": "engine", "Values": ["mariadb"]}])["DBInstances"]
    for options, code in (
        ({"MaxRecords": 10}, "InvalidParameterValue"),
        ({"Filters": [{"Name": "colour", "Values": ["red"]}]}, "InvalidParameterValue"),
        ({"Marker": "nonsense"}, "InvalidParameterValue"),
    ):
        with pytest.raises(ClientError) as caught:
            rds.describe_db_instances(**options)
        assert caught.value.response["Error"]["Code"] == code


def test_tags_change_by_arn(rds: Any, db: Any) -> None:
    """AddTagsToResource, ListTagsForResource, RemoveTagsFromResource."""
    arn = db["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "stage", "Value": "test"}])
    assert {"Key": "stage", "Value": "test"} in rds.list_tags_for_resource(ResourceName=arn)["TagList"]
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["stage"])
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "team", "Value": "red"}]


def test_logs_can_be_read(rds: Any, db: Any) -> None:
    """What the server writes comes out of DownloadDBLogFilePortion, without secrets in it."""
    with waiting.connect(db["Endpoint"]) as link, pytest.raises(psycopg.errors.UndefinedTable):
        link.execute("SELECT * FROM no_such_table_here")
    name = db["DBInstanceIdentifier"]

    def look() -> str:
        files = rds.describe_db_log_files(DBInstanceIdentifier=name)["DescribeDBLogFiles"]
        portions = [
            rds.download_db_log_file_portion(DBInstanceIdentifier=name, LogFileName=file["LogFileName"])["LogFileData"]
            for file in files
        ]
        return "".join(portions) if "no_such_table_here" in "".join(portions) else ""

    text = waiting.until(look)
    assert "secret99" not in text and "password=" not in text
    with pytest.raises(rds.exceptions.DBLogFileNotFoundFault):
        rds.download_db_log_file_portion(DBInstanceIdentifier=name, LogFileName="error/../../../admin")


def test_events_tell_what_happened(rds: Any, db: Any) -> None:
    """DescribeEvents, by source."""
    name = db["DBInstanceIdentifier"]
    found = rds.describe_events(SourceType="db-instance", SourceIdentifier=name)["Events"]
    assert "DB instance created" in [one["Message"] for one in found]


def test_iam_tokens_log_in(db: Any, rds: Any, client: Any) -> None:
    """A presigned token is the password of a member of rds_iam, and of nobody else."""
    name = db["DBInstanceIdentifier"]
    rds.modify_db_instance(DBInstanceIdentifier=name, EnableIAMDatabaseAuthentication=True, ApplyImmediately=True)
    found = waiting.instance(rds, name)
    assert found["IAMDatabaseAuthenticationEnabled"]
    endpoint = found["Endpoint"]
    with waiting.connect(endpoint) as link:
        link.execute("CREATE ROLE guest LOGIN")
        link.execute("GRANT rds_iam TO guest")
    token = rds.generate_db_auth_token(endpoint["Address"], endpoint["Port"], "guest", "us-east-1")
    with waiting.connect(endpoint, user="guest", password=token, sslmode="require") as link:
        assert link.execute("SELECT current_user").fetchone() == ("guest",)
    other = client("rds", account="222222222222").generate_db_auth_token(
        endpoint["Address"], endpoint["Port"], "guest", "us-east-1"
    )
    for password in ("wrong", token.replace("guest", "master"), other):
        with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
            waiting.connect(endpoint, user="guest", password=password, sslmode="require")
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        waiting.connect(endpoint, user="guest", password=token, sslmode="disable")


def test_a_query_is_cancelled_through_the_endpoint(db: Any) -> None:
    """CancelRequest travels on a connection of its own."""
    import threading

    with waiting.connect(db["Endpoint"]) as link:
        timer = threading.Timer(0.2, link.cancel)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            link.execute("SELECT pg_sleep(20)")
        timer.join()


def test_large_values_pass_the_endpoint(db: Any) -> None:
    """Back pressure in both directions, over TLS."""
    with waiting.connect(db["Endpoint"], sslmode="require") as link:
        assert link.execute("SELECT length(%s)", ["y" * 9_000_000]).fetchone() == (9_000_000,)
        assert len(link.execute("SELECT repeat('x', 9000000)").fetchone()[0]) == 9_000_000


def test_without_a_database_name_there_is_postgres(rds: Any, unique: Any) -> None:
    """DBName is optional, and so are backups."""
    name = unique("plain")
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="postgres",
        MasterUserPassword="secret99",
        BackupRetentionPeriod=0,
    )
    found = waiting.instance(rds, name)
    assert "DBName" not in found and "LatestRestorableTime" not in found
    waiting.connect(found["Endpoint"], user="postgres", dbname="postgres").close()
    rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword="changed-99", ApplyImmediately=True)
    waiting.instance(rds, name)
    waiting.connect(found["Endpoint"], user="postgres", password="changed-99", dbname="postgres").close()
    with pytest.raises(rds.exceptions.PointInTimeRestoreNotEnabledFault):
        rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier=name, TargetDBInstanceIdentifier="x", UseLatestRestorableTime=True
        )
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    waiting.gone(rds, name)
