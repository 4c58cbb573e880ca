"""Placement scores: whether a Spot request would find room."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


def scores(ec2, **asked) -> list[dict]:
    return list(ec2.get_spot_placement_scores(**({"TargetCapacity": 2} | asked))["SpotPlacementScores"])


def test_by_types_and_zones(ec2):
    """What fits scores 10, what this machine can't run 1."""
    (found,) = scores(ec2, InstanceTypes=["t3.micro"], RegionNames=["us-east-1"])
    assert found == {"Region": "us-east-1", "Score": 10}
    (found,) = scores(ec2, InstanceTypes=["m7g.large"], RegionNames=["us-east-1"])
    assert found["Score"] == 1
    zones = scores(ec2, InstanceTypes=["t3.micro"], RegionNames=["eu-west-1"], SingleAvailabilityZone=True)
    assert [one["AvailabilityZoneId"] for one in zones] == ["euw1-az1", "euw1-az2", "euw1-az3"]
    assert len(scores(ec2, InstanceTypes=["t3.micro"])) == 10


def test_by_requirements(ec2):
    """Types are chosen as fleets choose them."""
    asked = {
        "ArchitectureTypes": ["x86_64"],
        "VirtualizationTypes": ["hvm"],
        "InstanceRequirements": {"VCpuCount": {"Min": 2, "Max": 2}, "MemoryMiB": {"Min": 4096, "Max": 4096}},
    }
    (found,) = scores(
        ec2, InstanceRequirementsWithMetadata=asked, RegionNames=["us-east-1"], TargetCapacityUnitType="vcpu"
    )
    assert found["Score"] == 10


def test_refusals(ec2):
    """AWS names the types that it doesn't know."""
    with pytest.raises(ClientError) as error:
        scores(ec2, InstanceTypes=["t3.micro", "q1.huge"])
    assert code_of(error) == (
        "InvalidParameterValue",
        "The request contains instance types that are not valid. Remove or correct the following instance types, and "
        "try again: [q1.huge].",
    )
    with pytest.raises(ClientError) as error:
        scores(ec2)
    assert code_of(error)[0] == "MissingParameter"
    with pytest.raises(ClientError) as error:
        scores(ec2, InstanceTypes=["t3.micro"], RegionNames=["mars-1"])
    assert code_of(error)[0] == "InvalidParameterValue"
