"""The credential report: a CSV of every user's passwords, keys and devices, good for four hours."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from haneul.auth import tables
from haneul.service import Call, operation
from haneul.services.iam import account, entities
from haneul.services.iam.entities import Answer, Request, change, directory
from haneul.services.iam.errors import errors
from haneul.state.store import Reader

_GOOD_FOR = 4 * 3600.0
_PART = 90_000
_KEY_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
_COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(f"access_key_{number}_{name}" for number in (1, 2) for name in _KEY_COLUMNS),
    *(f"cert_{number}_{name}" for number in (1, 2) for name in ("active", "last_rotated")),
)


@operation()
def generate_credential_report(call: Call, request: Request) -> Answer:
    """Written at once; AWS's first answer is STARTED all the same, so that is ours."""
    scope = tables.scope(call.account)
    with change(call) as tx:
        old = tables.REPORTS.get(tx, scope, 0)
        if old is not None and call.now() < old.at + _GOOD_FOR:
            return {"State": "COMPLETE"}
        tables.REPORTS.delete_all(tx, scope)
        content = _write(tx, call).encode()
        now = entities.now(call)
        for part, at in enumerate(range(0, len(content), _PART)):
            tables.REPORTS.put(tx, scope, tables.ReportPart(part, now, content[at : at + _PART]))
    return {"State": "STARTED", "Description": "No report exists. Starting a new report generation task"}


@operation()
def get_credential_report(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        parts = list(tables.REPORTS.scan(tx, tables.scope(call.account)))
    if not parts:
        raise errors.ReportNotPresent()
    if call.now() >= parts[0].at + _GOOD_FOR:
        raise errors.ReportExpired()
    return {
        "Content": b"".join(part.content for part in parts),
        "ReportFormat": "text/csv",
        "GeneratedTime": parts[0].at,
    }


def _write(tx: Reader, call: Call) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    devices = {device.user for device in tables.MFA_DEVICES.scan(tx, tables.scope(call.account)) if device.user}
    writer.writerow(_root(tx, call, devices))
    for user in tables.USERS.scan(tx, tables.scope(call.account)):
        writer.writerow(_user(tx, call, user, devices))
    return out.getvalue().rstrip("\n")


def _root(tx: Reader, call: Call, devices: set[str]) -> dict[str, str]:
    keys = account.settings(tx, call).root_keys
    return {
        "user": "<root_account>",
        "arn": f"arn:aws:iam::{call.account}:root",
        "user_creation_time": _date(1_136_073_600.0),
        "password_enabled": "not_supported",
        "password_last_used": "no_information",
        "password_last_changed": "not_supported",
        "password_next_rotation": "not_supported",
        "mfa_active": _flag("/" in devices),
        **_keys(tx, call, keys),
        **_certificates([]),
    }


def _user(tx: Reader, call: Call, user: tables.User, devices: set[str]) -> dict[str, str]:
    password = user.password
    policy = account.password_policy(tx, call)
    max_age = policy.max_age if policy is not None else None
    certificates = list(tables.CERTIFICATES.scan(tx, tables.scope(call.account), user.key))
    return {
        "user": user.name,
        "arn": entities.user_arn(call.account, user),
        "user_creation_time": _date(user.created),
        "password_enabled": _flag(password is not None),
        "password_last_used": "N/A" if password is None else _date(user.password_used, "no_information"),
        "password_last_changed": "N/A" if password is None else _date(password.changed),
        "password_next_rotation": (
            "N/A" if password is None or max_age is None else _date(password.changed + max_age * 86_400)
        ),
        "mfa_active": _flag(user.key in devices),
        **_keys(tx, call, user.access_keys),
        **_certificates(certificates),
    }


def _keys(tx: Reader, call: Call, keys: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number in (1, 2):
        row = tables.ACCESS_KEYS.get(tx, tables.HOUSE, keys[number - 1]) if number <= len(keys) else None
        use = None if row is None else directory(call).usage.key(tx, row.id)
        values = (
            _flag(row is not None and row.status == "Active"),
            "N/A" if row is None else _date(row.created),
            "N/A" if use is None else _date(use.at),
            "N/A" if use is None else use.region,
            "N/A" if use is None else use.service,
        )
        found |= {f"access_key_{number}_{name}": value for name, value in zip(_KEY_COLUMNS, values, strict=True)}
    return found


def _certificates(rows: list[tables.Certificate]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number in (1, 2):
        row = rows[number - 1] if number <= len(rows) else None
        found[f"cert_{number}_active"] = _flag(row is not None and row.status == "Active")
        found[f"cert_{number}_last_rotated"] = "N/A" if row is None else _date(row.created)
    return found


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _date(at: float | None, otherwise: str = "N/A") -> str:
    if at is None:
        return otherwise
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
