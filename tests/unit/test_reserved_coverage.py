"""Whose hours Reserved Instances pay for: AWS's examples of zones, families and normalization factors."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from haneul.metering import prices
from haneul.services.ec2.instances.state import Instance
from haneul.services.ec2.reservations.coverage import covered, factor
from haneul.services.ec2.reservations.state import ReservedInstances


def running(identifier: str, type: str, zone: str = "us-east-1a") -> Instance:
    return Instance(
        id=identifier,
        state="running",
        image="ami-1",
        type=type,
        zone=zone,
        vpc="vpc-1",
        subnet="subnet-1",
        reservation="r-1",
        index=0,
        launched=0.0,
        created=0.0,
    )


def reserved(type: str, count: int = 1, zone: str = "") -> ReservedInstances:
    return ReservedInstances(
        id="1",
        state="active",
        start=0.0,
        end=1.0,
        type=type,
        zone=zone,
        count=count,
        offering="standard",
        years=1,
        payment="No Upfront",
    )


def test_factors():
    """Sizes in units of small, as AWS's table has them."""
    assert [factor(f"m5.{size}") for size in ("nano", "small", "large", "4xlarge", "metal")] == [
        Fraction(1, 4),
        1,
        4,
        32,
        None,
    ]


def test_region_covers_any_size_of_the_family():
    """A reserved t2.medium pays for two t2.small, or half of a t2.large."""
    two = [running("a", "t2.small"), running("b", "t2.small")]
    assert covered([reserved("t2.medium")], two) == {"a": 1, "b": 1}
    assert covered([reserved("t2.medium")], [running("a", "t2.large")]) == {"a": Fraction(1, 2)}
    assert covered([reserved("t2.medium")], [running("a", "t3.medium")]) == {}


def test_zone_covers_its_type_there():
    """And what it covers is left to nobody else."""
    there = [running("a", "m5.large"), running("b", "m5.large", "us-east-1b"), running("c", "m5.xlarge")]
    assert covered([reserved("m5.large", 2, "us-east-1a")], there) == {"a": 1}
    both = [reserved("m5.large", 1), reserved("m5.large", 1, "us-east-1a")]
    assert covered(both, there) == {"a": 1, "b": 1}


def test_terms_have_prices():
    """The usage types that the step counts are on the sheet."""
    sheet = prices.sheet("us-east-1")
    hourly = sheet.row("ec2", "HeavyUsage:m5.large/standard/1/No Upfront", "")
    once = sheet.row("ec2", "Upfront:m5.large/standard/3/All Upfront", "")
    assert hourly is not None and Decimal(hourly.price) < Decimal("0.096") and hourly.unit == "Hrs"
    assert once is not None and Decimal(once.price) > 500 and once.unit == "Quantity"
