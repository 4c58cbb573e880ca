"""Which zone gets an instance, and which instance goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.services.autoscaling import selection
from haneul.services.autoscaling.recipes import Choice, Recipe
from haneul.services.autoscaling.state import Group, Member


def group(zones=("a", "b"), **settings) -> Group:
    return Group(name="g", id="1", created=0.0, minimum=0, maximum=9, desired=0, settings=settings, zones=list(zones))


def member(identifier: str, zone: str = "a", **members) -> Member:
    given = {"group": "g", "id": identifier, "state": "InService", "zone": zone, "created": float(len(identifier))}
    return Member(**(given | members))


@given(st.lists(st.sampled_from("abc"), max_size=20))
def test_the_next_place_evens_out(zones):
    """Launching where the fewest are never makes the difference between zones larger than it was, or one."""
    rows = [member(str(number), zone) for number, zone in enumerate(zones)]
    held = selection.by_zone("abc", rows)
    spread = max(held.values()) - min(held.values())
    zone, subnet = selection.next_place(group("abc"), rows)
    held[zone] += 1
    assert max(held.values()) - min(held.values()) <= max(spread, 1) and subnet == ""


def test_what_is_out_of_balance():
    """A difference of one is balance; a zone that the group has no more is none."""
    rows = [member("1"), member("2"), member("3", "b")]
    assert selection.unbalanced(group(), rows) is None
    assert selection.unbalanced(group(), rows[:2]) is rows[0]
    assert selection.unbalanced(group(("a",)), rows) is rows[2]


OLD, NEW = {"LaunchTemplateId": "lt", "Version": "1"}, {"LaunchTemplateId": "lt", "Version": "2"}


@pytest.mark.parametrize(
    ("policies", "end"),
    [
        (["OldestInstance"], "1"),
        (["NewestInstance"], "3"),
        (["OldestLaunchTemplate"], "2"),
        (["Default"], "2"),
        (["OldestLaunchConfiguration", "NewestInstance"], "3"),
        (["ClosestToNextInstanceHour"], "3"),
        (["AllocationStrategy", "OldestInstance"], "1"),
    ],
)
def test_termination_policies(policies, end):
    """Each policy alone, in a single zone."""
    last = -2500.0 if policies == ["ClosestToNextInstanceHour"] else 400.0
    rows = [
        member("1", created=100.0, template=NEW),
        member("2", created=200.0, template=OLD),
        member("3", created=last, template=NEW),
    ]
    found = selection.first_to_go(group(("a",), TerminationPolicies=policies), rows, NEW, "", 1000.0)
    assert found is not None and found.id == end


def test_the_fullest_zone_goes_first():
    """Before any policy, and never a protected one."""
    rows = [member("1", "a", created=1.0), member("2", "b", created=2.0), member("3", "b", created=3.0)]
    wanted = group(TerminationPolicies=["OldestInstance"])
    assert selection.first_to_go(wanted, rows, {}, "", 10.0) is rows[1]
    for one in rows[1:]:
        one.protected = True
    assert selection.first_to_go(wanted, rows, {}, "", 10.0) is rows[0]
    rows[0].protected = True
    assert selection.first_to_go(wanted, rows, {}, "", 10.0) is None
    rows[2].protected, rows[2].leaving = False, "refresh"
    assert selection.first_to_go(wanted, rows, {}, "", 10.0) is rows[2]


def test_other_templates_are_the_oldest():
    """An instance of a template that the group has no more goes before an old version of the one it has."""
    rows = [member("1", template=OLD), member("2", template={"LaunchTemplateId": "other", "Version": "9"})]
    wanted = group(("a",), TerminationPolicies=["OldestLaunchTemplate"])
    assert selection.first_to_go(wanted, rows, NEW, "", 10.0) is rows[1]


@given(st.integers(0, 5), st.sampled_from([0, 25, 50, 75, 100]), st.integers(0, 25))
def test_the_share_of_spot(base, share, size):
    """However many are launched one by one, the base is on demand, and above it the percentage is, rounded up."""
    distribution = {"OnDemandBaseCapacity": base, "OnDemandPercentageAboveBaseCapacity": share}
    rows: list[Member] = []
    for number in range(size):
        rows.append(member(str(number), spot=selection.wants_spot(distribution, rows)))
    demand = sum(not one.spot for one in rows)
    above = max(0, size - base)
    assert demand == min(size, base) + -(-above * share // 100)


def test_spot_goes_round_its_pools():
    """The lowest price: as many pools as asked for, evenly; on demand stays in its order."""
    choices = [Choice("t3.micro"), Choice("t3.small"), Choice("t3.medium")]
    recipe = Recipe(choices, distribution={"SpotAllocationStrategy": "lowest-price", "SpotInstancePools": 2})
    rows = [member("1", type="t3.micro", spot=True)]
    assert [one.type for one in selection.preferred(recipe, True, rows)] == ["t3.small", "t3.micro", "t3.medium"]
    assert selection.preferred(recipe, False, rows) == choices
