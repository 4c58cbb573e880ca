"""One frozen configuration, read once from a file, the environment and the command line, in that order of weight.

LocalStack's variables are translated where they mean the same thing, and each one that is ignored is
named in a warning, so that nobody wonders why it had no effect.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

DEFAULT_PORT = 4566
DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class ConfigError(Exception):
    """A setting that can't be used; the message says which one and what would do."""


@dataclass(frozen=True)
class Config:
    """Everything that can be set. Sizes are bytes, spans are seconds."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    tls_port: int | None = None
    data: Path = Path()
    mode: str = "dev"
    enforce_iam: bool = False
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    store: str = "rocks"
    """"rocks", or a PostgreSQL URL."""
    domain: str = ""
    """A domain name of the installation's own, accepted as Host (besides loopback names)."""
    clock_rate: float = 1.0
    log_level: str = "info"
    log_format: str = "text"
    max_body: int = 256 << 20
    """The largest request body that is not streamed."""
    max_connections: int = 4096
    idle_timeout: float = 75.0
    slow_timeout: float = 30.0
    drain_timeout: float = 20.0
    init_dir: Path | None = None
    free_tier: bool = True
    throttle: bool | None = None
    """Whether provisioned capacity is a limit; None: in mode cloud only."""
    restore_rate: float | None = None
    """How many times faster than AWS objects are restored from S3's archives; None: 3600 in mode dev (an hour takes a
    second), 1 in mode cloud."""
    volume_limits: bool = False
    """Whether EBS volumes are no faster than their type is on AWS."""
    warnings: tuple[str, ...] = ()

    @property
    def iam_enforced(self) -> bool:
        return self.enforce_iam or self.mode == "cloud"

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


_TYPES: Mapping[str, type] = {
    "port": int,
    "tls_port": int,
    "enforce_iam": bool,
    "clock_rate": float,
    "max_body": int,
    "max_connections": int,
    "idle_timeout": float,
    "slow_timeout": float,
    "drain_timeout": float,
    "data": Path,
    "init_dir": Path,
    "free_tier": bool,
    "throttle": bool,
    "restore_rate": float,
    "volume_limits": bool,
}

# LocalStack's name -> ours; values pass through `_translate`.
_LOCALSTACK = {
    "GATEWAY_LISTEN": "host",
    "EDGE_PORT": "port",
    "ENFORCE_IAM": "enforce_iam",
    "LS_LOG": "log_level",
    "DEBUG": "log_level",
    "LOCALSTACK_HOST": "domain",
}
_LOCALSTACK_HARMLESS = frozenset(
    {"LOCALSTACK_AUTH_TOKEN", "LOCALSTACK_API_KEY", "LOCALSTACK_VOLUME_DIR", "ACTIVATE_PRO"}
)
_LOCALSTACK_IGNORED = frozenset(
    {
        "SERVICES",
        "EAGER_SERVICE_LOADING",
        "PERSISTENCE",
        "SNAPSHOT_SAVE_STRATEGY",
        "SNAPSHOT_LOAD_STRATEGY",
        "LAMBDA_EXECUTOR",
        "LAMBDA_REMOTE_DOCKER",
        "LAMBDA_DOCKER_NETWORK",
        "DOCKER_HOST",
        "MAIN_CONTAINER_NAME",
        "DNS_ADDRESS",
        "SQS_ENDPOINT_STRATEGY",
        "S3_SKIP_SIGNATURE_VALIDATION",
        "PROVIDER_OVERRIDE_S3",
        "USE_SSL",
    }
)


def data_home(environment: Mapping[str, str]) -> Path:
    """Where data lives unless told otherwise (XDG base directories)."""
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "haneul"


def load(flags: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Config:
    """The configuration from `haneul.toml`, HANEUL_* and LocalStack's variables, and flags (None = not given).

    Raises ConfigError naming the setting.
    """
    env = os.environ if environment is None else environment
    values: dict[str, Any] = {"data": data_home(env)}
    values |= _from_file(env)
    translated, warnings = _from_localstack(env)
    values |= translated
    values |= _from_environment(env)
    values |= {key: value for key, value in flags.items() if value is not None}
    known = {f.name for f in fields(Config)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known - {'warnings'}))}")
    config = Config(**{key: _typed(key, value) for key, value in values.items()}, warnings=tuple(warnings))
    return _checked(config)


def _checked(config: Config) -> Config:
    if config.mode not in ("dev", "cloud"):
        raise ConfigError(f"mode must be dev or cloud, not {config.mode!r}")
    if config.mode == "dev" and config.host not in LOOPBACK:
        raise ConfigError(
            f"mode dev accepts any key, so it listens on loopback only, not on {config.host}; "
            "use --mode cloud (run `haneul init` first) to be reachable from elsewhere"
        )
    if not 0 <= config.port <= 65535:
        raise ConfigError(f"port must be 0 to 65535, not {config.port}")
    if config.clock_rate <= 0:
        raise ConfigError("clock_rate must be above 0")
    if config.restore_rate is not None and config.restore_rate <= 0:
        raise ConfigError("restore_rate must be above 0")
    return replace(config, data=Path(config.data).expanduser().absolute())


def _typed(name: str, value: Any) -> Any:
    wanted = _TYPES.get(name, str)
    if value is None or isinstance(value, wanted):
        return value
    if wanted is bool:
        return str(value).lower() in ("1", "true", "yes", "on")
    try:
        return wanted(value)
    except ValueError:
        raise ConfigError(f"{name} must be of type {wanted.__name__}, not {value!r}") from None


def _from_file(env: Mapping[str, str]) -> dict[str, Any]:
    named = env.get("HANEUL_CONFIG")
    base = env.get("XDG_CONFIG_HOME")
    path = Path(named) if named else (Path(base) if base else Path.home() / ".config") / "haneul" / "haneul.toml"
    if not path.is_file():
        if named:
            raise ConfigError(f"HANEUL_CONFIG names {named}, which is not a file")
        return {}
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    names = {f.name for f in fields(Config)} - {"warnings"}
    return {name: env[f"HANEUL_{name.upper()}"] for name in names if f"HANEUL_{name.upper()}" in env}


def _from_localstack(env: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    warnings = []
    for name, ours in _LOCALSTACK.items():
        if name in env:
            values |= _translate(name, ours, env[name])
    for name in sorted(_LOCALSTACK_IGNORED & set(env)):
        warnings.append(f"{name} is LocalStack's and has no effect here")
    for name in sorted(_LOCALSTACK_HARMLESS & set(env)):
        warnings.append(f"{name} is not needed here and is ignored")
    return values, warnings


def _translate(name: str, ours: str, value: str) -> dict[str, Any]:
    if name == "GATEWAY_LISTEN":
        host, _, port = value.split(",", maxsplit=1)[0].rpartition(":")
        # LocalStack's usual 0.0.0.0 is its container's inside; here it would be the machine's outside.
        values: dict[str, Any] = {} if host in ("", "0.0.0.0") else {"host": host}  # noqa: S104
        return values | ({"port": port} if port.isdigit() else {})
    if name == "DEBUG":
        return {"log_level": "debug"} if value.lower() in ("1", "true") else {}
    if name == "LS_LOG":
        return {"log_level": {"trace": "debug", "trace-internal": "debug"}.get(value, value)}
    if name == "LOCALSTACK_HOST":
        return {"domain": value.partition(":")[0]}
    return {ours: value}
