"""Parameter, subnet and option groups, subscriptions; parameters really reach the server."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.rds import waiting


def _code(caught: Any) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_parameters_reach_the_server(rds: Any, db: Any, unique: Any) -> None:
    """Dynamic ones at once, static ones after a reboot; the status says which."""
    name, group = db["DBInstanceIdentifier"], unique("pg")
    family = db["DBParameterGroups"][0]["DBParameterGroupName"].removeprefix("default.")
    rds.create_db_parameter_group(DBParameterGroupName=group, DBParameterGroupFamily=family, Description="x")
    rds.modify_db_instance(DBInstanceIdentifier=name, DBParameterGroupName=group, ApplyImmediately=True)
    found = waiting.instance(rds, name)
    assert found["DBParameterGroups"] == [{"DBParameterGroupName": group, "ParameterApplyStatus": "pending-reboot"}]
    rds.reboot_db_instance(DBInstanceIdentifier=name)
    assert waiting.instance(rds, name)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    rds.modify_db_parameter_group(
        DBParameterGroupName=group,
        Parameters=[
            {"ParameterName": "work_mem", "ParameterValue": "12345", "ApplyMethod": "immediate"},
            {"ParameterName": "max_connections", "ParameterValue": "55", "ApplyMethod": "pending-reboot"},
        ],
    )

    def shown() -> Any:
        with waiting.connect(db["Endpoint"]) as link:
            return link.execute("SELECT current_setting('work_mem'), current_setting('max_connections')").fetchone()

    waiting.until(lambda: shown()[0] == "12345kB")
    assert shown()[1] != "55"
    found = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    assert found["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier=name)
    waiting.instance(rds, name)
    assert shown() == ("12345kB", "55")
    with pytest.raises(ClientError) as caught:
        rds.delete_db_parameter_group(DBParameterGroupName=group)
    assert _code(caught) == "InvalidDBParameterGroupState"


def test_parameter_groups_by_themselves(rds: Any, unique: Any) -> None:
    """Create, copy, change, reset, delete, and the refusals between."""
    group, copy = unique("pg"), unique("copy")
    made = rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily="postgres16", Description="mine"
    )["DBParameterGroup"]
    assert made["DBParameterGroupArn"] == f"arn:aws:rds:us-east-1:000000000000:pg:{group}"
    with pytest.raises(rds.exceptions.DBParameterGroupAlreadyExistsFault):
        rds.create_db_parameter_group(DBParameterGroupName=group, DBParameterGroupFamily="postgres16", Description="x")
    change = {"ParameterName": "log_statement", "ParameterValue": "ddl", "ApplyMethod": "immediate"}
    assert (
        rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[change])["DBParameterGroupName"] == group
    )
    rds.copy_db_parameter_group(
        SourceDBParameterGroupIdentifier=group,
        TargetDBParameterGroupIdentifier=copy,
        TargetDBParameterGroupDescription="copied",
    )
    own = rds.describe_db_parameters(DBParameterGroupName=copy, Source="user")["Parameters"]
    assert [(one["ParameterName"], one["ParameterValue"], one["ApplyType"]) for one in own] == [
        ("log_statement", "ddl", "dynamic")
    ]
    for parameter, value, method, code in (
        ("no_such", "1", "immediate", "InvalidParameterValue"),
        ("data_directory", "/tmp", "pending-reboot", "InvalidParameterValue"),
        ("max_connections", "lots", "pending-reboot", "InvalidParameterValue"),
        ("max_connections", "50", "immediate", "InvalidParameterCombination"),
        ("log_statement", "some", "immediate", "InvalidParameterValue"),
    ):
        with pytest.raises(ClientError) as caught:
            rds.modify_db_parameter_group(
                DBParameterGroupName=group,
                Parameters=[{"ParameterName": parameter, "ParameterValue": value, "ApplyMethod": method}],
            )
        assert _code(caught) == code, parameter
    rds.reset_db_parameter_group(DBParameterGroupName=copy, ResetAllParameters=True)
    assert not rds.describe_db_parameters(DBParameterGroupName=copy, Source="user")["Parameters"]
    pages = rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group)
    assert len({one["ParameterName"] for found in pages for one in found["Parameters"]}) > 300
    for one in (group, copy):
        rds.delete_db_parameter_group(DBParameterGroupName=one)
    with pytest.raises(rds.exceptions.DBParameterGroupNotFoundFault):
        rds.delete_db_parameter_group(DBParameterGroupName=group)
    with pytest.raises(ClientError) as caught:
        rds.delete_db_parameter_group(DBParameterGroupName="default.postgres16")
    assert _code(caught) == "InvalidDBParameterGroupState"


def test_cluster_parameter_groups(rds: Any, unique: Any) -> None:
    """The same, for clusters."""
    group = unique("cpg")
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=group, DBParameterGroupFamily="aurora-postgresql16", Description="x"
    )
    found = rds.describe_db_cluster_parameter_groups(DBClusterParameterGroupName=group)["DBClusterParameterGroups"]
    assert found[0]["DBClusterParameterGroupArn"].endswith(f":cluster-pg:{group}")
    assert rds.describe_db_cluster_parameters(DBClusterParameterGroupName=group)["Parameters"]
    rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=group)


def test_subnet_groups(rds: Any, client: Any, unique: Any) -> None:
    """At least two zones; in use they stay."""
    name = unique("sub")
    subnets = _subnets(client)
    made = rds.create_db_subnet_group(
        DBSubnetGroupName=name.upper(), DBSubnetGroupDescription="d", SubnetIds=subnets[:2]
    )
    group = made["DBSubnetGroup"]
    assert (
        group["DBSubnetGroupName"] == name and len(group["Subnets"]) == 2 and group["SubnetGroupStatus"] == "Complete"
    )
    with pytest.raises(rds.exceptions.DBSubnetGroupAlreadyExistsFault):
        rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription="d", SubnetIds=subnets[:2])
    with pytest.raises(rds.exceptions.DBSubnetGroupDoesNotCoverEnoughAZs):
        rds.create_db_subnet_group(DBSubnetGroupName=unique("s"), DBSubnetGroupDescription="d", SubnetIds=subnets[:1])
    changed = rds.modify_db_subnet_group(DBSubnetGroupName=name, SubnetIds=subnets)["DBSubnetGroup"]
    assert len(changed["Subnets"]) == len(subnets)
    rds.delete_db_subnet_group(DBSubnetGroupName=name)
    with pytest.raises(rds.exceptions.DBSubnetGroupNotFoundFault):
        rds.delete_db_subnet_group(DBSubnetGroupName=name)


def _subnets(client: Any) -> list[str]:
    """Subnets of EC2's where that room runs, else any well-formed ids."""
    try:
        found = client("ec2").describe_subnets()["Subnets"]
    except ClientError:
        found = []
    zones: dict[str, str] = {}
    for one in found:
        zones.setdefault(one["AvailabilityZone"], one["SubnetId"])
    return list(zones.values())[:3] if len(zones) > 2 else ["subnet-0a", "subnet-0b", "subnet-0c"]


def test_option_groups(rds: Any, unique: Any, db: Any) -> None:
    """PostgreSQL's hold nothing, as on AWS."""
    name, major = unique("og"), db["EngineVersion"].split(".")[0]
    made = rds.create_option_group(
        OptionGroupName=name, EngineName="postgres", MajorEngineVersion=major, OptionGroupDescription="x"
    )["OptionGroup"]
    assert made["Options"] == [] and made["OptionGroupArn"].endswith(f":og:{name}")
    with pytest.raises(rds.exceptions.OptionGroupAlreadyExistsFault):
        rds.create_option_group(
            OptionGroupName=name, EngineName="postgres", MajorEngineVersion=major, OptionGroupDescription="x"
        )
    assert name in [one["OptionGroupName"] for one in rds.describe_option_groups()["OptionGroupsList"]]
    rds.delete_option_group(OptionGroupName=name)


def test_event_subscriptions(rds: Any, unique: Any) -> None:
    """Kept, changed, and checked against what there is."""
    name, topic = unique("sub"), "arn:aws:sns:us-east-1:000000000000:alerts"
    made = rds.create_event_subscription(
        SubscriptionName=name, SnsTopicArn=topic, SourceType="db-instance", EventCategories=["creation"]
    )["EventSubscription"]
    assert made["CustSubscriptionId"] == name and made["Enabled"]
    with pytest.raises(rds.exceptions.SubscriptionAlreadyExistFault):
        rds.create_event_subscription(SubscriptionName=name, SnsTopicArn=topic)
    with pytest.raises(rds.exceptions.SubscriptionCategoryNotFoundFault):
        rds.modify_event_subscription(SubscriptionName=name, EventCategories=["parties"])
    changed = rds.add_source_identifier_to_subscription(SubscriptionName=name, SourceIdentifier="some-db")
    assert changed["EventSubscription"]["SourceIdsList"] == ["some-db"]
    rds.remove_source_identifier_from_subscription(SubscriptionName=name, SourceIdentifier="some-db")
    rds.delete_event_subscription(SubscriptionName=name)


def test_catalogues(rds: Any, db: Any) -> None:
    """What can be created is what can be run here."""
    versions = rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"]
    assert db["EngineVersion"] in [one["EngineVersion"] for one in versions]
    assert {one["Engine"] for one in rds.describe_db_engine_versions(DefaultOnly=True)["DBEngineVersions"]} >= {
        "postgres",
        "aurora-postgresql",
    }
    orderable = rds.describe_orderable_db_instance_options(Engine="postgres", DBInstanceClass="db.t3.micro")
    assert {one["EngineVersion"] for one in orderable["OrderableDBInstanceOptions"]} == {
        one["EngineVersion"] for one in versions
    }
    assert rds.describe_certificates()["Certificates"]
    quotas = {one["AccountQuotaName"]: one for one in rds.describe_account_attributes()["AccountQuotas"]}
    assert quotas["DBInstances"]["Used"] >= 1
    assert rds.describe_event_categories()["EventCategoriesMapList"]
    assert rds.describe_source_regions()["SourceRegions"]
