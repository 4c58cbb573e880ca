"""Names, windows and formulas: the rules of RDS that need no server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.services.rds import classes, families, names, settings
from haneul.wire.errors import AwsError


@pytest.mark.parametrize("good", ["a", "My-Db", "db1-2-3", "a" * 63])
def test_identifiers_fold_to_lower_case(good: str) -> None:
    """RDS keeps them so."""
    assert names.identifier(good, "DBInstanceIdentifier") == good.lower()


@pytest.mark.parametrize("bad", ["", "1a", "-a", "a-", "a--b", "a_b", "a.b", "a" * 64, "ä"])
def test_identifiers_that_are_none(bad: str) -> None:
    """AWS's rule, by example."""
    with pytest.raises(AwsError):
        names.identifier(bad, "DBInstanceIdentifier")


@given(st.text(min_size=8, max_size=60))
def test_passwords(text: str) -> None:
    """Printable ASCII but four characters."""
    good = all(33 <= ord(one) <= 126 and one not in '/@"' for one in text)
    if good:
        assert names.password(text) == text
    else:
        with pytest.raises(AwsError):
            names.password(text)


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=26, max_size=26))
def test_windows_that_are_picked_never_overlap(seed: str) -> None:
    """Whatever the resource's id, its two windows are valid and apart."""
    backup, maintenance = names.windows(f"db-{seed}")
    assert names.backup_window(backup) == backup
    assert names.maintenance_window(maintenance) == maintenance
    names.check_windows(backup, maintenance)


def test_being_inside_a_window() -> None:
    """Across midnight and across the week's end."""
    monday = 1_735_516_800  # 2024-12-30 00:00 UTC, a Monday
    assert names.inside_daily("23:30-00:30", monday + 600)
    assert names.inside_daily("23:30-00:30", monday - 600)
    assert not names.inside_daily("23:30-00:30", monday + 3600)
    assert names.inside_weekly("sun:23:30-mon:00:30", monday + 600)
    assert names.inside_weekly("sun:23:30-mon:00:30", monday - 600)
    assert not names.inside_weekly("sun:23:30-mon:00:30", monday + 86_400)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("{DBInstanceClassMemory/32768}", (1 << 30) // 32768),
        ("LEAST({DBInstanceClassMemory/9531392},5000)", 112),
        ("GREATEST({DBInstanceClassMemory*1024/63963136},65536)", 65536),
        ("SUM({DBInstanceVCPU*2},3)", 7),
        ("42", 42),
    ],
)
def test_formulas(formula: str, expected: int) -> None:
    """As parameter groups write them."""
    assert settings.evaluate(formula, 1 << 30, 2) == expected


@pytest.mark.parametrize("bad", ["{}", "{rm}", "LEAST(", "{DBInstanceClassMemory/0}", "__import__('os')", "1;2"])
def test_what_is_no_formula(bad: str) -> None:
    """Nothing else is evaluated."""
    with pytest.raises(ValueError):
        settings.evaluate(bad, 1 << 30, 2)


@pytest.mark.parametrize("family", settings.families())
def test_every_family_is_whole(family: str) -> None:
    """Each has its parameters, none of ours can be changed, and the defaults work out."""
    known = settings.catalogue(family)
    assert known and len(known) > 300
    assert settings.effective(family, {}, 1 << 30, 2)
    if "postgres" in family:
        for name in ("data_directory", "unix_socket_directories", "archive_command", "primary_conninfo", "hba_file"):
            assert not known[name].modifiable, name


def test_classes_by_their_names() -> None:
    """A few of AWS's own figures."""
    assert classes.catalogue()["db.t3.micro"] == (2, 1.0)
    assert classes.catalogue()["db.m5.large"] == (2, 8)
    assert classes.catalogue()["db.r6g.2xlarge"] == (8, 64)
    assert classes.memory("db.serverless", 4) == 8 << 30


def test_families_of_versions() -> None:
    """What a version's parameter groups are called."""
    assert families.family("postgres", "16.14") == "postgres16"
    assert families.family("aurora-postgresql", "18.4") == "aurora-postgresql18"
    assert families.family("mariadb", "10.11.19") == "mariadb10.11"
    assert families.family("mysql", "8.0.mariadb_10.11.19") == "mysql8.0"
