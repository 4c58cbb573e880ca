"""Proxies: endpoints of their own that follow the writer."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.api.rds import waiting


def test_a_proxy_leads_to_its_target(rds: Any, db: Any, unique: Any) -> None:
    """Create, register, connect with and without TLS, deregister, delete."""
    name, instance = unique("prx"), db["DBInstanceIdentifier"]
    made = rds.create_db_proxy(
        DBProxyName=name,
        EngineFamily="POSTGRESQL",
        Auth=[{"AuthScheme": "SECRETS", "SecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:x"}],
        RoleArn="arn:aws:iam::000000000000:role/proxy",
        VpcSubnetIds=["subnet-0a", "subnet-0b"],
        RequireTLS=True,
        Tags=[{"Key": "a", "Value": "b"}],
    )["DBProxy"]
    assert made["Status"] == "creating"
    with pytest.raises(rds.exceptions.DBProxyAlreadyExistsFault):
        rds.create_db_proxy(
            DBProxyName=name, EngineFamily="POSTGRESQL", RoleArn=made["RoleArn"], VpcSubnetIds=["subnet-0a"],
            Auth=made["Auth"],
        )  # fmt: skip
    waiting.until(lambda: rds.describe_db_proxies(DBProxyName=name)["DBProxies"][0]["Status"] == "available")
    rds.register_db_proxy_targets(DBProxyName=name, DBInstanceIdentifiers=[instance])
    with pytest.raises(rds.exceptions.DBProxyTargetAlreadyRegisteredFault):
        rds.register_db_proxy_targets(DBProxyName=name, DBInstanceIdentifiers=[instance])
    targets = rds.describe_db_proxy_targets(DBProxyName=name)["Targets"]
    assert [(one["RdsResourceId"], one["TargetHealth"]["State"]) for one in targets] == [(instance, "AVAILABLE")]
    place = {"Address": made["Endpoint"], "Port": 5432}
    with waiting.connect(place, sslmode="require") as link:
        assert link.execute("SELECT current_database()").fetchone() == ("app",)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        waiting.connect(place, sslmode="disable")
    assert rds.list_tags_for_resource(ResourceName=made["DBProxyArn"])["TagList"] == [{"Key": "a", "Value": "b"}]
    group = rds.describe_db_proxy_target_groups(DBProxyName=name)["TargetGroups"][0]
    assert group["IsDefault"] and group["ConnectionPoolConfig"]["MaxConnectionsPercent"] == 100
    rds.deregister_db_proxy_targets(DBProxyName=name, DBInstanceIdentifiers=[instance])
    assert not rds.describe_db_proxy_targets(DBProxyName=name)["Targets"]
    rds.delete_db_proxy(DBProxyName=name)

    def gone() -> bool:
        try:
            rds.describe_db_proxies(DBProxyName=name)
        except rds.exceptions.DBProxyNotFoundFault:
            return True
        return False

    waiting.until(gone)
