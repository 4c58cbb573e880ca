"""Launch templates and their versions: numbers, defaults, sources, refusals, and what a launch makes of them."""

from __future__ import annotations

import base64
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import image, pretending, running
from tests.running import RunningCloud


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def created(ec2, name: str = "web", **data) -> str:
    data = data or {"InstanceType": "t3.micro"}
    made = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    return made["LaunchTemplate"]["LaunchTemplateId"]


def test_template_lives_and_dies(ec2):
    """What each answer tells, by id and by name, with tags; and the words for what is gone."""
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "blue"}]}]
    made = ec2.create_launch_template(
        LaunchTemplateName="web",
        VersionDescription="first",
        LaunchTemplateData={"InstanceType": "t3.micro", "EbsOptimized": True},
        TagSpecifications=tags,
    )["LaunchTemplate"]
    assert (made["DefaultVersionNumber"], made["LatestVersionNumber"]) == (1, 1)
    assert made["Tags"] == tags[0]["Tags"] and made["CreatedBy"].startswith("arn:aws:")
    assert ec2.describe_launch_templates(LaunchTemplateNames=["web"])["LaunchTemplates"] == [made]
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName="web")["LaunchTemplateVersions"]
    assert version["VersionDescription"] == "first" and version["DefaultVersion"] is True
    assert version["LaunchTemplateData"] == {"InstanceType": "t3.micro", "EbsOptimized": True}
    identifier = made["LaunchTemplateId"]
    assert ec2.delete_launch_template(LaunchTemplateName="web")["LaunchTemplate"]["LaunchTemplateId"] == identifier
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []
    assert refused(ec2.describe_launch_templates, LaunchTemplateIds=[identifier]) == (
        "InvalidLaunchTemplateId.NotFound",
        f"The specified launch template, with template ID {identifier}, does not exist.",
    )
    assert refused(ec2.describe_launch_template_versions, LaunchTemplateName="web") == (
        "InvalidLaunchTemplateName.NotFoundException",
        "The specified launch template, with template name web, does not exist.",
    )
    created(ec2)  # the name is free again


def test_names_and_tokens(ec2):
    """A name is taken once; a token makes one template only."""
    created(ec2)
    data = {"InstanceType": "t3.micro"}
    create = ec2.create_launch_template
    assert refused(create, LaunchTemplateName="web", LaunchTemplateData=data) == (
        "InvalidLaunchTemplateName.AlreadyExistsException",
        "Launch template name already in use.",
    )
    assert refused(create, LaunchTemplateName="a b c", LaunchTemplateData=data)[0] == (
        "InvalidLaunchTemplateName.MalformedException"
    )
    token = str(uuid.uuid4())
    first = create(LaunchTemplateName="api", LaunchTemplateData=data, ClientToken=token)["LaunchTemplate"]
    assert create(LaunchTemplateName="api", LaunchTemplateData=data, ClientToken=token)["LaunchTemplate"] == first
    assert refused(create, LaunchTemplateName="other", LaunchTemplateData=data, ClientToken=token)[0] == (
        "IdempotentParameterMismatch"
    )
    assert refused(ec2.describe_launch_templates, LaunchTemplateIds=["nonsense"])[0] == (
        "InvalidLaunchTemplateId.Malformed"
    )


def test_versions_count_and_inherit(ec2):
    """Numbers never come again, a source's members stay beneath, the newest is told first."""
    template = created(ec2, InstanceType="t3.micro", KeyName="one")
    new = ec2.create_launch_template_version
    second = new(LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"KeyName": "two"})
    assert second["LaunchTemplateVersion"]["LaunchTemplateData"] == {"InstanceType": "t3.micro", "KeyName": "two"}
    third = new(LaunchTemplateId=template, LaunchTemplateData={"KeyName": "three"})["LaunchTemplateVersion"]
    assert (third["VersionNumber"], third["LaunchTemplateData"]) == (3, {"KeyName": "three"})
    changed = ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")["LaunchTemplate"]
    assert (changed["DefaultVersionNumber"], changed["LatestVersionNumber"]) == (2, 3)

    def numbers(**request) -> list[int]:
        asked = {"LaunchTemplateId": template, **request}
        found = ec2.describe_launch_template_versions(**asked)["LaunchTemplateVersions"]
        return [one["VersionNumber"] for one in found]

    assert numbers() == [3, 2, 1]
    assert numbers(Versions=["$Default", "1"]) == [2, 1] and numbers(Versions=["$Latest"]) == [3]
    assert numbers(MinVersion="2", MaxVersion="2") == [2]
    assert numbers(Filters=[{"Name": "is-default-version", "Values": ["true"]}]) == [2]
    assert numbers(Filters=[{"Name": "instance-type", "Values": ["t3.*"]}]) == [2, 1]
    page = ec2.describe_launch_template_versions(LaunchTemplateId=template, MaxResults=2)
    rest = ec2.describe_launch_template_versions(LaunchTemplateId=template, NextToken=page["NextToken"])
    assert [one["VersionNumber"] for one in rest["LaunchTemplateVersions"]] == [1] and "NextToken" not in rest
    everywhere = ec2.describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]
    assert [one["VersionNumber"] for one in everywhere] == [3]
    assert refused(ec2.describe_launch_template_versions, LaunchTemplateId=template, Versions=["9"]) == (
        "InvalidLaunchTemplateId.VersionNotFound",
        f"Could not find the specified version 9 for the launch template with ID {template}.",
    )
    assert refused(ec2.modify_launch_template, LaunchTemplateId=template, DefaultVersion="9") == (
        "InvalidLaunchTemplateId.VersionNotFound",
        "The launch template version 9 is not found for the specified launch template.",
    )
    assert refused(ec2.describe_launch_template_versions)[0] == "MissingParameter"


def test_versions_go_one_by_one(ec2):
    """The default one stays, absent ones are told; the latest is then the highest that is left."""
    template = created(ec2)
    for _ in range(3):
        ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"KeyName": "k"})
    told = ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=["1", "4", "9"])
    assert [one["VersionNumber"] for one in told["SuccessfullyDeletedLaunchTemplateVersions"]] == [4]
    kept = {
        one["VersionNumber"]: one["ResponseError"]["Code"]
        for one in told["UnsuccessfullyDeletedLaunchTemplateVersions"]
    }
    assert kept == {1: "unexpectedError", 9: "launchTemplateVersionDoesNotExist"}
    (row,) = ec2.describe_launch_templates()["LaunchTemplates"]
    assert row["LatestVersionNumber"] == 3
    made = ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"KeyName": "k"})
    assert made["LaunchTemplateVersion"]["VersionNumber"] == 5


def test_filters_and_pages(ec2):
    """By name, by tag, a few at a time; each template on one page only."""
    for number in range(5):
        created(ec2, f"web-{number}")
    first = ec2.describe_launch_templates(LaunchTemplateNames=["web-1"])["LaunchTemplates"][0]
    ec2.create_tags(Resources=[first["LaunchTemplateId"]], Tags=[{"Key": "team", "Value": "blue"}])

    def found(name: str, *values: str) -> list[str]:
        asked = [{"Name": name, "Values": list(values)}]
        return [one["LaunchTemplateName"] for one in ec2.describe_launch_templates(Filters=asked)["LaunchTemplates"]]

    assert found("launch-template-name", "web-[2]", "web-3") == ["web-3"]
    assert found("tag:team", "blue") == ["web-1"] and found("tag-key", "team") == ["web-1"]
    pages = list(ec2.get_paginator("describe_launch_templates").paginate(PaginationConfig={"PageSize": 2}))
    names = [one["LaunchTemplateName"] for page in pages for one in page["LaunchTemplates"]]
    assert [len(page["LaunchTemplates"]) for page in pages] == [2, 2, 1] and len(set(names)) == 5


def test_launch_from_a_template(ec2):
    """The request's members win; tags, devices and options of both are joined; the instance tells its template."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "template"}, {"Key": "b", "Value": "kept"}]}]
    script = base64.b64encode(b"#!/bin/sh\n").decode()
    template = created(
        ec2,
        ImageId=image(ec2),
        InstanceType="t3.small",
        UserData=script,
        MetadataOptions={"HttpTokens": "required"},
        Monitoring={"Enabled": True},
        BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3}}],
        TagSpecifications=tags,
    )
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"KeyName": "k"})
    own = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "request"}]}]
    asked = {"LaunchTemplate": {"LaunchTemplateName": "web"}, "MinCount": 1, "MaxCount": 1, "TagSpecifications": own}
    one = ec2.run_instances(**asked, MetadataOptions={"HttpPutResponseHopLimit": 2})["Instances"][0]
    assert one["InstanceType"] == "t3.small" and one["Monitoring"]["State"] == "enabled"
    assert (one["MetadataOptions"]["HttpTokens"], one["MetadataOptions"]["HttpPutResponseHopLimit"]) == ("required", 2)
    assert {tag["Key"]: tag["Value"] for tag in one["Tags"]} == {
        "a": "request",
        "b": "kept",
        "aws:ec2launchtemplate:id": template,
        "aws:ec2launchtemplate:version": "1",
    }
    assert {held["DeviceName"] for held in one["BlockDeviceMappings"]} >= {"/dev/sdf"}
    assert ec2.run_instances(**asked, InstanceType="t3.micro")["Instances"][0]["InstanceType"] == "t3.micro"
    absent = {"LaunchTemplateId": template, "Version": "7"}
    assert refused(ec2.run_instances, MinCount=1, MaxCount=1, LaunchTemplate=absent)[0] == (
        "InvalidLaunchTemplateId.VersionNotFound"
    )
    newest = {"LaunchTemplateId": template, "Version": "$Latest"}
    assert refused(ec2.run_instances, MinCount=1, MaxCount=1, LaunchTemplate=newest)[0] == "MissingParameter"


def test_data_of_an_instance(ec2):
    """GetLaunchTemplateData gives what makes another one like it."""
    row = running(ec2, DisableApiTermination=True, UserData="x=1")
    data = ec2.get_launch_template_data(InstanceId=row["InstanceId"])["LaunchTemplateData"]
    assert (data["ImageId"], data["InstanceType"]) == (row["ImageId"], "t3.micro")
    assert data["DisableApiTermination"] is True and base64.b64decode(data["UserData"]) == b"x=1"
    assert data["NetworkInterfaces"][0]["SubnetId"] == row["SubnetId"]
    assert data["BlockDeviceMappings"][0]["DeviceName"] == row["RootDeviceName"]
    nics = [
        {key: value for key, value in nic.items() if key != "PrivateIpAddresses"} for nic in data["NetworkInterfaces"]
    ]
    created(ec2, **{**data, "NetworkInterfaces": nics})
    (made,) = ec2.run_instances(MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateName": "web"})["Instances"]
    assert made["SubnetId"] == row["SubnetId"]


def test_policies_see_through_templates():
    """A type that a policy denies can't be launched by way of a template, or of a fleet with one."""
    cloud = pretending(RunningCloud("--log-level", "warning", "--enforce-iam")).start()
    try:
        root, iam = cloud.client("ec2"), cloud.client("iam")
        for name, type in (("small", "t3.micro"), ("large", "t3.large")):
            created(root, name, ImageId=image(root), InstanceType=type)
        iam.create_user(UserName="u")
        only = {"StringNotEquals": {"ec2:InstanceType": "t3.micro"}}
        instances = "arn:aws:ec2:*:*:instance/*"
        statements = [
            {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": instances, "Condition": only},
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy)
        key = iam.create_access_key(UserName="u")["AccessKey"]
        ec2 = cloud.client("ec2", account=key["AccessKeyId"], secret=key["SecretAccessKey"])
        asked = {"MinCount": 1, "MaxCount": 1}
        assert ec2.run_instances(**asked, LaunchTemplate={"LaunchTemplateName": "small"})["Instances"]
        assert refused(ec2.run_instances, **asked, LaunchTemplate={"LaunchTemplateName": "large"})[0] == (
            "UnauthorizedOperation"
        )
        config = {"LaunchTemplateSpecification": {"LaunchTemplateName": "large", "Version": "1"}}
        target = {"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"}
        fleet = {"LaunchTemplateConfigs": [config], "TargetCapacitySpecification": target, "Type": "instant"}
        assert refused(ec2.create_fleet, **fleet)[0] == "UnauthorizedOperation"
        config["Overrides"] = [{"InstanceType": "t3.micro"}]
        assert ec2.create_fleet(**fleet)["Instances"]
    finally:
        cloud.close()
