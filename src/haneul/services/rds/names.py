"""Names as RDS wants them: identifiers, ARNs, passwords, users, windows. Each check raises AWS's own sentence."""

from __future__ import annotations

import re

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.rds.errors import invalid, mixed, must

_IDENTIFIER = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|-(?!-|$))*")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RESERVED = {
    "postgres": {"admin", "rdsadmin", "rds_superuser", "rdsrepladmin", "rds_iam", "rds_replication", "rds_password",
                 "public", "none", "user", "authorization", "current_user", "session_user"},
    "mysql": {"rdsadmin", "rdsrepladmin", "mysql", "mariadb"},
}  # fmt: skip
_MINUTE = 60


def identifier(value: str, parameter: str, limit: int = 63) -> str:
    """The identifier in lower case, as it is kept. Raises InvalidParameterValue."""
    if not value:
        raise must(parameter)
    if len(value) > limit:
        raise invalid(
            f"The parameter {parameter} is not a valid identifier because it is longer than {limit} characters."
        )
    if not _IDENTIFIER.fullmatch(value):
        raise invalid(
            f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must "
            "contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two "
            "consecutive hyphens."
        )
    return value.lower()


def password(value: str, limit: int = 128) -> str:
    if len(value) < 8:
        raise invalid(
            "The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters."
        )
    if len(value) > limit:
        raise invalid(
            f"The parameter MasterUserPassword is not a valid password because it is longer than {limit} characters."
        )
    if any(not 33 <= ord(character) <= 126 or character in '/@"' for character in value):
        raise invalid(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides "
            "'/', '@', '\"', ' ' may be used."
        )
    return value


def user(value: str, family: str) -> str:
    limit = 63 if family == "postgres" else 32
    if not value:
        raise must("MasterUsername")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", value) or len(value) > limit:
        raise invalid(
            f"The parameter MasterUsername is not valid: it must be 1 to {limit} letters, numbers, or underscores and "
            "the first character must be a letter."
        )
    if value.lower() in _RESERVED[family] or (family == "postgres" and value.lower().startswith("pg_")):
        raise invalid(f"MasterUsername {value} cannot be used as it is a reserved word used by the engine")
    return value


def database(value: str | None, family: str) -> str:
    if not value:
        return ""
    limit = 63 if family == "postgres" else 64
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) or len(value) > limit:
        raise invalid(f"DBName must begin with a letter and contain only alphanumeric characters.: {value}")
    if value.lower() in ("rdsadmin", "template0", "template1"):
        raise invalid(f"Database name {value} cannot be used. It is a reserved word for this engine")
    return value


def resource_id(prefix: str) -> str:
    """DbiResourceId: db-ABCDEFGHIJKLMNOPQRSTUVWXYZ."""
    return tokens.unique_id(f"{prefix}-", 26)


def arn(scope: Scope, kind: str, name: str) -> str:
    region = "" if kind == "global-cluster" else scope.region
    return f"arn:aws:rds:{region}:{scope.account}:{kind}:{name}"


def split_arn(value: str) -> tuple[Scope, str, str]:
    """Scope, kind and name of an RDS ARN. Raises InvalidParameterValue."""
    parts = value.split(":", 6)
    if len(parts) != 7 or parts[0] != "arn" or parts[2] != "rds" or not parts[6]:
        raise invalid(f"Invalid resource name: {value}")
    return Scope(parts[4], parts[3]), parts[5], parts[6]


def locate(call: Call, value: str, kind: str) -> tuple[Scope, str]:
    """Where the thing named by an identifier or an ARN lives, and its identifier in lower case."""
    if value.startswith("arn:"):
        scope, found, name = split_arn(value)
        if found != kind:
            raise invalid(f"Invalid resource name: {value}")
        return scope, name.lower()
    return call.scope, value.lower()


# Windows.


def backup_window(value: str) -> str:
    """hh24:mi-hh24:mi, at least half an hour."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", value):
        raise invalid(
            f"The parameter PreferredBackupWindow is not valid: {value}. It must be in the format hh24:mi-hh24:mi."
        )
    begin, end = daily(value)
    if (end - begin) % 1440 < 30:
        raise invalid("The backup window must be at least 30 minutes.")
    return value


def maintenance_window(value: str) -> str:
    """ddd:hh24:mi-ddd:hh24:mi, at least half an hour and less than a day."""
    found = value.lower()
    if not re.fullmatch(r"({0}):([01]\d|2[0-3]):[0-5]\d-({0}):([01]\d|2[0-3]):[0-5]\d".format("|".join(_DAYS)), found):
        raise invalid(
            f"Invalid maintenance window format: {value}. Should be specified as a range ddd:hh24:mi-ddd:hh24:mi."
        )
    begin, end = weekly(found)
    if not 30 <= (end - begin) % 10080 <= 1440:
        raise invalid("The maintenance window must be at least 30 minutes and at most 24 hours.")
    return found


def daily(window: str) -> tuple[int, int]:
    """A backup window as minutes of the day."""
    begin, end = window.split("-")
    return _minutes(begin), _minutes(end)


def weekly(window: str) -> tuple[int, int]:
    """A maintenance window as minutes of the week that begins on Monday."""
    begin, end = window.split("-")
    return tuple(_DAYS.index(part[:3]) * 1440 + _minutes(part[4:]) for part in (begin, end))  # type: ignore[return-value]


def check_windows(backup: str, maintenance: str) -> None:
    begin, end = daily(backup)
    length = (end - begin) % 1440
    start, stop = weekly(maintenance)
    for day in range(7):
        offset = day * 1440 + begin
        if (start - offset) % 10080 < length or (offset - start) % 10080 < (stop - start) % 10080:
            raise mixed("The backup window and maintenance window must not overlap.")


def windows(seed: str) -> tuple[str, str]:
    """A backup and a maintenance window, picked by the resource's id, that don't overlap."""
    number = int.from_bytes(seed.encode()[-6:], "big")
    backup = 180 + number % 480
    day = number // 480 % 7
    maintenance = day * 1440 + (backup + 60 + number // 3360 % 300) % 1440
    return f"{_clock(backup)}-{_clock(backup + 30)}", f"{_weekday(maintenance)}-{_weekday(maintenance + 30)}"


def inside_daily(window: str, now: float) -> bool:
    begin, end = daily(window)
    return (int(now) // _MINUTE - begin) % 1440 < (end - begin) % 1440


def inside_weekly(window: str, now: float) -> bool:
    begin, end = weekly(window)
    minute = int(now) // _MINUTE + 3 * 1440  # the epoch was a Thursday
    return (minute - begin) % 10080 < (end - begin) % 10080


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _weekday(minutes: int) -> str:
    return f"{_DAYS[minutes // 1440 % 7]}:{_clock(minutes)}"
