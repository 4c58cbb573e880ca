"""Instance types as data: what each is, where it is offered, which ones meet requirements."""

from __future__ import annotations

import re

import pytest
from botocore.exceptions import ClientError

from haneul.services.ec2.instances.type_details import FILTERS
from tests.api.ec2.conftest import code_of


@pytest.fixture(scope="module")
def ec2(cloud):
    return cloud.client("ec2", account="510900000001")


def _types(ec2, **filters: str | list[str]) -> list[str]:
    asked = [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value] if isinstance(value, str) else value}
        for name, value in filters.items()
    ]
    pages = ec2.get_paginator("describe_instance_types").paginate(Filters=asked)
    return [one["InstanceType"] for page in pages for one in page["InstanceTypes"]]


def _one(ec2, name: str) -> dict:
    (found,) = ec2.describe_instance_types(InstanceTypes=[name])["InstanceTypes"]
    return found


def test_a_type_tells_what_aws_publishes_of_it(ec2):
    """Launch wizards and autoscalers calculate with these figures."""
    found = _one(ec2, "m5d.24xlarge")
    assert found["VCpuInfo"]["DefaultVCpus"] == 96
    assert found["VCpuInfo"]["DefaultCores"] == 48
    assert found["MemoryInfo"] == {"SizeInMiB": 393216}
    assert found["InstanceStorageInfo"]["Disks"] == [{"SizeInGB": 900, "Count": 4, "Type": "ssd"}]
    assert found["InstanceStorageInfo"]["TotalSizeInGB"] == 3600
    assert found["NetworkInfo"]["NetworkPerformance"] == "25 Gigabit"
    assert found["NetworkInfo"]["MaximumNetworkInterfaces"] == 15
    assert found["NetworkInfo"]["Ipv4AddressesPerInterface"] == 50
    assert found["EbsInfo"]["EbsOptimizedInfo"]["MaximumBandwidthInMbps"] == 19000
    assert found["EbsInfo"]["EbsOptimizedInfo"]["MaximumThroughputInMBps"] == 2375.0
    assert found["Hypervisor"] == "nitro"
    assert not found["BareMetal"]


def test_the_smallest_and_oldest_types(ec2):
    """Sizes that no rule covers: m1.small is RunInstances' default, t3.micro everybody's first."""
    micro = _one(ec2, "t3.micro")
    assert (micro["VCpuInfo"]["DefaultVCpus"], micro["MemoryInfo"]["SizeInMiB"]) == (2, 1024)
    assert micro["BurstablePerformanceSupported"] and micro["FreeTierEligible"]
    old = _one(ec2, "m1.small")
    assert (old["VCpuInfo"]["DefaultVCpus"], old["MemoryInfo"]["SizeInMiB"]) == (1, 1740)
    assert old["ProcessorInfo"]["SupportedArchitectures"] == ["i386", "x86_64"]
    assert old["Hypervisor"] == "xen" and not old["CurrentGeneration"]


def test_accelerators_metal_and_several_network_cards(ec2):
    """What only a few types have."""
    gpu = _one(ec2, "p4d.24xlarge")
    assert gpu["GpuInfo"]["Gpus"][0]["Name"] == "A100" and gpu["GpuInfo"]["Gpus"][0]["Count"] == 8
    assert gpu["GpuInfo"]["TotalGpuMemoryInMiB"] == 8 * 40960
    assert gpu["NetworkInfo"]["MaximumNetworkCards"] == 4
    assert gpu["NetworkInfo"]["NetworkPerformance"] == "4x 100 Gigabit"
    assert gpu["NetworkInfo"]["EfaInfo"] == {"MaximumEfaInterfaces": 4}
    metal = _one(ec2, "m7i.metal-24xl")
    assert metal["BareMetal"] and "Hypervisor" not in metal
    assert metal["VCpuInfo"]["DefaultVCpus"] == 96 and "ValidCores" not in metal["VCpuInfo"]
    assert _one(ec2, "inf2.xlarge")["NeuronInfo"]["NeuronDevices"][0]["Name"] == "Inferentia2"
    assert _one(ec2, "c7g.large")["ProcessorInfo"]["SupportedArchitectures"] == ["arm64"]


def test_families_that_people_use_are_all_there(ec2):
    """A family that is missing makes a plan fail."""
    families = {name.partition(".")[0] for name in _types(ec2)}
    wanted = """t2 t3 t3a t4g m1 m3 m4 m5 m5a m5ad m5d m5dn m5n m5zn m6a m6g m6gd m6i m6id m6idn m6in m7a m7g m7gd m7i
        m7i-flex m8g c4 c5 c5a c5ad c5d c5n c6a c6g c6gd c6gn c6i c6id c6in c7a c7g c7gd c7gn c7i r4 r5 r5a r5b r5d r5n
        r6a r6g r6i r7a r7g r7i x1 x1e x2gd x2idn x2iedn i3 i3en i4i i4g im4gn is4gen d2 d3 d3en g4dn g4ad g5 g6 p3 p4d
        p5 inf1 inf2 trn1 hpc6a hpc7g z1d a1 f1 vt1"""
    assert set(wanted.split()) <= families


def test_unknown_types_are_named(ec2):
    """AWS names every type that it doesn't know."""
    with pytest.raises(ClientError) as error:
        ec2.describe_instance_types(InstanceTypes=["t3.micro", "t3.huge", "q1.large"])
    assert code_of(error) == (
        "InvalidInstanceType",
        "The following supplied instance types do not exist: [t3.huge, q1.large]",
    )


def test_filters_find_by_name_by_figures_and_by_wildcards(ec2):
    """What data sources select by."""
    assert set(_types(ec2, instance_type="t4g.*")) == {
        f"t4g.{size}" for size in ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge")
    }
    assert "c5.2xlarge" in _types(ec2, instance_type="c5*", vcpu_info__default_vcpus="8")
    assert "c5.4xlarge" not in _types(ec2, instance_type="c5*", vcpu_info__default_vcpus="8")
    arm = _types(ec2, processor_info__supported_architecture="arm64", memory_info__size_in_mib="4096")
    assert {"t4g.medium", "m6g.medium", "c7g.large"} <= set(arm) and "t3.medium" not in arm
    assert _types(ec2, instance_type="m5.*", bare_metal="true") == ["m5.metal"]
    assert "m5.large" in _types(ec2, processor_info__sustained_clock_speed_in_ghz="3.1", hypervisor="nitro")
    assert "d2.xlarge" in _types(ec2, instance_storage_info__disk__type="hdd")
    assert "m5.2xlarge" in _types(
        ec2, ebs_info__ebs_optimized_info__maximum_throughput_in_mbps="593.75", instance_type="m5.*"
    )
    assert "t3.large" in _types(ec2, vcpu_info__valid_threads_per_core="1,2", burstable_performance_supported="true")


def test_every_documented_filter_is_known(ec2):
    """A filter that AWS documents isn't refused."""
    shape = ec2.meta.service_model.shape_for("DescribeInstanceTypesRequest").members["Filters"]
    documented = set(re.findall(r"<code>([a-z0-9-]+(?:\.[a-z0-9-]+)*)</code> - ", shape.documentation))
    assert documented and documented <= set(FILTERS)


def test_pages_are_of_a_hundred_at_most(ec2):
    """Without MaxResults a page has 100 types; names and MaxResults exclude each other."""
    first = ec2.describe_instance_types()
    assert len(first["InstanceTypes"]) == 100 and first["NextToken"]
    second = ec2.describe_instance_types(MaxResults=5, NextToken=first["NextToken"])
    assert len(second["InstanceTypes"]) == 5
    assert second["InstanceTypes"][0]["InstanceType"] > first["InstanceTypes"][-1]["InstanceType"]
    with pytest.raises(ClientError) as error:
        ec2.describe_instance_types(InstanceTypes=["t3.micro"], MaxResults=5)
    assert code_of(error)[0] == "InvalidParameterCombination"


def test_offerings_by_region_and_zone(ec2):
    """Modules ask which zones offer a type before they place subnets."""
    (region,) = ec2.describe_instance_type_offerings(Filters=[{"Name": "instance-type", "Values": ["t3.micro"]}])[
        "InstanceTypeOfferings"
    ]
    assert region == {"InstanceType": "t3.micro", "LocationType": "region", "Location": "us-east-1"}
    zones = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["m5.large"]}]
    )["InstanceTypeOfferings"]
    assert [one["Location"] for one in zones] == [f"us-east-1{letter}" for letter in "abcdef"]
    by_id = ec2.describe_instance_type_offerings(
        LocationType="availability-zone-id",
        Filters=[{"Name": "instance-type", "Values": ["t3.*"]}, {"Name": "location", "Values": ["use1-az1"]}],
    )["InstanceTypeOfferings"]
    assert len(by_id) == 7 and {one["Location"] for one in by_id} == {"use1-az1"}
    assert ec2.describe_instance_type_offerings(LocationType="outpost")["InstanceTypeOfferings"] == []


def _matching(ec2, **requirements) -> list[str]:
    asked = {"VCpuCount": {"Min": 1}, "MemoryMiB": {"Min": 1}, **requirements}
    pages = ec2.get_paginator("get_instance_types_from_instance_requirements").paginate(
        ArchitectureTypes=["x86_64"], VirtualizationTypes=["hvm"], InstanceRequirements=asked
    )
    return [one["InstanceType"] for page in pages for one in page["InstanceTypes"]]


def test_requirements_choose_types(ec2):
    """Fleets by attributes: figures between bounds; metal and burstable types only when asked for."""
    found = _matching(
        ec2, VCpuCount={"Min": 2, "Max": 2}, MemoryMiB={"Min": 8192, "Max": 8192}, CpuManufacturers=["intel"]
    )
    assert "m5.large" in found and "m5a.large" not in found and "t3.large" not in found and "m6g.large" not in found
    burstable = _matching(ec2, BurstablePerformance="required", MemoryMiB={"Min": 1024, "Max": 1024})
    assert burstable == ["t2.micro", "t3.micro", "t3a.micro"]
    assert _matching(ec2, BareMetal="required", AllowedInstanceTypes=["m5*"]) == [
        "m5.metal",
        "m5d.metal",
        "m5dn.metal",
        "m5n.metal",
        "m5zn.metal",
    ]
    assert not any(name.startswith(("c5", "m5.")) for name in _matching(ec2, ExcludedInstanceTypes=["c5*", "m5.*"]))
    assert set(_matching(ec2, AcceleratorNames=["t4"], AcceleratorCount={"Min": 4})) == {"g4dn.12xlarge"}
    assert "inf1.xlarge" in _matching(ec2, AcceleratorTypes=["inference"])
    local = _matching(ec2, LocalStorage="required", LocalStorageTypes=["hdd"], TotalLocalStorageGB={"Min": 40000})
    assert "d2.8xlarge" in local and "i3.16xlarge" not in local
    small = _matching(ec2, VCpuCount={"Min": 2, "Max": 2}, MemoryGiBPerVCpu={"Min": 8, "Max": 8})
    assert "r5.large" in small and "m5.large" not in small


def test_requirements_can_not_allow_and_exclude(ec2):
    """Either a list of what may be or of what may not."""
    with pytest.raises(ClientError) as error:
        _matching(ec2, AllowedInstanceTypes=["m5.*"], ExcludedInstanceTypes=["c5.*"])
    assert code_of(error)[0] == "InvalidParameterCombination"
