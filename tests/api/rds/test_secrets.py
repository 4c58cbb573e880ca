"""Master passwords in Secrets Manager: they open the database, are turned, and go when they are no longer wanted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.api.rds import waiting


def test_a_managed_password_lives_as_its_owner_says(rds: Any, client: Callable[..., Any]) -> None:
    """Terraform reads the secret's ARN from the very answer of CreateDBInstance."""
    secrets = client("secretsmanager")
    made = rds.create_db_instance(
        DBInstanceIdentifier="managed",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="master",
        ManageMasterUserPassword=True,
        BackupRetentionPeriod=0,
        Port=waiting.free_port(),
    )["DBInstance"]["MasterUserSecret"]
    assert made["SecretStatus"] == "creating"
    assert ":key/" in made["KmsKeyId"]
    described = secrets.describe_secret(SecretId=made["SecretArn"])
    assert (described["Name"][:7], described["OwningService"]) == ("rds!db-", "rds")

    def password() -> str:
        return str(json.loads(secrets.get_secret_value(SecretId=made["SecretArn"])["SecretString"])["password"])

    def opened(word: str) -> bool:
        found = waiting.instance(rds, "managed")
        try:
            waiting.connect(found["Endpoint"], word, "postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    assert waiting.instance(rds, "managed")["MasterUserSecret"]["SecretStatus"] == "active"
    first = password()
    assert opened(first)
    turned = rds.modify_db_instance(
        DBInstanceIdentifier="managed", RotateMasterUserPassword=True, ApplyImmediately=True
    )["DBInstance"]
    assert turned["MasterUserSecret"]["SecretStatus"] == "rotating"
    waiting.until(lambda: _secret(rds).get("SecretStatus") == "active")
    assert password() != first
    assert opened(password())
    assert not opened(first)
    rds.modify_db_instance(
        DBInstanceIdentifier="managed",
        ManageMasterUserPassword=False,
        MasterUserPassword="of-my-own-99",
        ApplyImmediately=True,
    )
    waiting.until(lambda: not _secret(rds))
    assert opened("of-my-own-99")
    with pytest.raises(ClientError):
        secrets.describe_secret(SecretId=made["SecretArn"])
    rds.delete_db_instance(DBInstanceIdentifier="managed", SkipFinalSnapshot=True)
    waiting.gone(rds, "managed")


def _secret(rds: Any) -> dict[str, Any]:
    found = rds.describe_db_instances(DBInstanceIdentifier="managed")["DBInstances"][0]
    return dict(found.get("MasterUserSecret") or {})
