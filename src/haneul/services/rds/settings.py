"""Parameters: the catalogue (read from real servers), formulas, and the settings that a server really gets."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from haneul.services.rds.errors import invalid, mixed

_CATALOG = Path(__file__).parent / "catalog"

# The cloud's own business: shown, never to be changed.
_OURS = re.compile(
    r"listen_addresses|port|.*_directories|.*_directory|.*_file|external_pid_file|unix_socket_.*|archive_.*|restore_command|"
    r"primary_.*|logging_collector|ssl_.*|ssl|hot_standby|fsync|full_page_writes|wal_level|allow_alter_system|"
    r"summarize_wal|recovery_.*|cluster_name|shared_memory_type|dynamic_shared_memory_type|wal_log_hints|"
    r"synchronous_standby_names|data_sync_retry|ignore_.*|zero_damaged_pages|event_source|bonjour.*|krb_.*|"
    r"huge_pages|jit_provider|session_replication_role_|block_size|.*_library|max_slot_wal_keep_size|password_encryption_"
)
# What RDS sets where PostgreSQL itself would do otherwise.
_RDS_DEFAULTS = {
    "max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)",
    "shared_buffers": "{DBInstanceClassMemory/32768}",
    "effective_cache_size": "{DBInstanceClassMemory/16384}",
    "maintenance_work_mem": "GREATEST({DBInstanceClassMemory*1024/63963136},65536)",
    "autovacuum_max_workers": "GREATEST({DBInstanceClassMemory/64371566592},3)",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_worker_processes": "GREATEST({DBInstanceVCPU*2},8)",
    "password_encryption": "scram-sha-256",
    "log_autovacuum_min_duration": "10000",
    "checkpoint_completion_target": "0.9",
    "idle_in_transaction_session_timeout": "86400000",
    "track_io_timing": "1",
    "timezone": "UTC",
    "log_filename": "postgresql.log.%Y-%m-%d-%H",
}


_MARIADB_DEFAULTS = {
    "max_connections": "{DBInstanceClassMemory/12582880}",
    "innodb_buffer_pool_size": "{DBInstanceClassMemory*3/4}",
    "local_infile": "1",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a family."""

    name: str
    description: str
    kind: str
    allowed: str
    static: bool
    modifiable: bool
    default: str | None
    system: bool

    def check(self, value: str) -> str:
        """The value, if this parameter may have it. Raises InvalidParameterValue."""
        if not self.modifiable:
            raise invalid(f"The parameter {self.name} cannot be modified.")
        if not self._fits(value):
            raise invalid(
                f"Invalid parameter value: {value} for: {self.name} allowed values are: {self.allowed}"
                if self.allowed
                else f"Invalid parameter value: {value} for: {self.name}"
            )
        return value

    def _fits(self, value: str) -> bool:
        if "\n" in value or "\0" in value or len(value) > 4096:
            return False
        if self.kind in ("integer", "float") and ("{" in value or "(" in value):
            try:
                evaluate(value, 1 << 30, 2)
            except ValueError:
                return False
            return True
        if self.kind in ("integer", "float"):
            try:
                number = float(value) if self.kind == "float" else int(value)
            except ValueError:
                return False
            match = re.fullmatch(r"(-?[\d.e+]+)-(-?[\d.e+]+)", self.allowed)
            return match is None or float(match.group(1)) <= number <= float(match.group(2))
        return not self.allowed or value in self.allowed.split(",")


_EXTRA = (
    Parameter("rds.force_ssl", "Refuse connections that are not encrypted.", "boolean", "0,1", False, True, "0", True),
    Parameter("rds.logical_replication", "Enables logical decoding.", "boolean", "0,1", True, True, "0", True),
    Parameter("rds.log_retention_period", "Minutes for which log files are kept.", "integer", "1440-10080", False, True,
              "4320", True),
)  # fmt: skip


@cache
def catalogue(family: str) -> Mapping[str, Parameter] | None:
    """Name -> parameter, of a parameter group family; None when there is no such family."""
    match = re.fullmatch(r"(?:aurora-postgresql|postgres)(\d+)", family)
    if match is not None:
        raw = _postgres().get(match.group(1))
        return None if raw is None else {**_from_postgres(raw), **{one.name: one for one in _EXTRA}}
    if family in ("mariadb10.11", "mysql8.0", "mysql8.4"):
        path = _CATALOG / "mariadb-parameters.json.gz"
        return _from_mariadb(orjson.loads(gzip.decompress(path.read_bytes()))) if path.exists() else None
    return None


def families() -> list[str]:
    majors = sorted(_postgres(), key=int)
    return [f"{name}{major}" for name in ("aurora-postgresql", "postgres") for major in majors] + [
        name for name in ("mariadb10.11", "mysql8.0", "mysql8.4") if catalogue(name)
    ]


@cache
def _postgres() -> dict[str, dict[str, list[Any]]]:
    """Major version -> parameter -> its facts, as pg_settings told them."""
    raw = orjson.loads(gzip.decompress((_CATALOG / "postgres-parameters.json.gz").read_bytes()))
    newest = raw.pop("18")
    return {major: {name: newest[name] for name in one["same"]} | one["own"] for major, one in raw.items()} | {
        "18": newest
    }


def _from_postgres(raw: Mapping[str, list[Any]]) -> dict[str, Parameter]:
    found = {}
    for name, (context, kind, unit, boot, least, most, values, text) in raw.items():
        allowed = f"{least}-{most}" if least else "0,1" if kind == "bool" else ",".join(values or ())
        described = f"({unit}) {text}" if unit else text
        kinds = {"bool": "boolean", "real": "float", "enum": "string"}
        default = _RDS_DEFAULTS.get(name.lower())
        if default is None and boot is not None:
            default = {"on": "1", "off": "0"}.get(boot, boot) if kind == "bool" else boot
        found[name] = Parameter(
            name,
            described,
            kinds.get(kind, kind),
            allowed,
            context == "postmaster",
            context != "internal" and _OURS.fullmatch(name) is None,
            default,
            name.lower() in _RDS_DEFAULTS,
        )
    return found


def _from_mariadb(raw: Mapping[str, list[Any]]) -> dict[str, Parameter]:
    found = {}
    for name, (kind, allowed, static, modifiable, default, text) in raw.items():
        system = name in _MARIADB_DEFAULTS
        value = _MARIADB_DEFAULTS.get(name, default)
        found[name] = Parameter(name, text, kind, allowed, static, modifiable, value, system)
    return found


def check_change(family: str, name: str, value: str, method: str) -> None:
    """Whether a group of this family may take this change. Raises AWS's errors."""
    parameter = (catalogue(family) or {}).get(name)
    if parameter is None:
        raise invalid(f"Could not find parameter with name: {name}")
    parameter.check(value)
    if parameter.static and method == "immediate":
        raise mixed("cannot use immediate apply method for static parameter")


def effective(family: str, values: Mapping[str, str], memory: int, cpus: int) -> dict[str, str]:
    """What a server of this family is started with: what RDS sets by itself, and the group's values, worked out."""
    known = catalogue(family) or {}
    chosen = {name: one.default for name, one in known.items() if one.system and one.default is not None} | dict(values)
    settings: dict[str, str] = {}
    for name, value in chosen.items():
        parameter = known.get(name)
        formula = parameter is not None and parameter.kind in ("integer", "float") and ("{" in value or "(" in value)
        settings[name] = str(evaluate(value, memory, cpus)) if formula else value
    if settings.get("rds.logical_replication") == "1":
        settings["wal_level"] = "logical"
    return settings


def evaluate(formula: str, memory: int, cpus: int) -> int:
    """A parameter formula: {DBInstanceClassMemory/32768}, LEAST(a,b), GREATEST(a,b), SUM(a,b). Raises ValueError."""
    text = formula.replace(" ", "")
    match = re.fullmatch(r"(LEAST|GREATEST|SUM)\((.*)\)", text, re.IGNORECASE)
    if match:
        parts = [evaluate(part, memory, cpus) for part in _split(match.group(2))]
        name = match.group(1).upper()
        return min(parts) if name == "LEAST" else max(parts) if name == "GREATEST" else sum(parts)
    if text.startswith("{") and text.endswith("}"):
        return _product(text[1:-1], memory, cpus)
    return int(text)


def _split(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in text:
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def _product(text: str, memory: int, cpus: int) -> int:
    names = {
        "DBInstanceClassMemory": memory,
        "DBInstanceVCPU": cpus,
        "AllocatedStorage": 20 << 30,
        "EndPointPort": 5432,
    }
    tokens = re.findall(r"[A-Za-z]+|\d+|[*/]", text)
    if "".join(tokens) != text or not tokens or len(tokens) % 2 == 0:
        raise ValueError(f"{text} is no formula")
    result = 0
    for index, token in enumerate(tokens):
        if index % 2:
            continue
        if token[0].isalpha() and token not in names:
            raise ValueError(f"{token} is no variable")
        number = names[token] if token[0].isalpha() else int(token)
        if index == 0:
            result = number
        elif tokens[index - 1] == "*":
            result *= number
        elif tokens[index - 1] == "/" and number:
            result //= number
        else:
            raise ValueError(f"{text} is no formula")
    return result
