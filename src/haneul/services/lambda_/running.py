"""What runs while the cloud does: the engine, credentials of roles, concurrency, and logs on their way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import inspect
import logging
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haneul.engines.errors import EngineError
from haneul.engines.functions.port import Busy, FunctionEngine, Outcome, Plan, Work
from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.lambda_ import code
from haneul.services.lambda_.errors import errors
from haneul.services.lambda_.names import LATEST, Name
from haneul.services.lambda_.state import LAYERS, Function, Version
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.lambda")
ACCOUNT_LIMIT = 1000
SESSION = 12 * 3600.0
MAX_LINES = 10_000


class House:
    """The room's plane."""

    def __init__(self, cloud: Cloud, engine: FunctionEngine | None = None) -> None:
        self.cloud = cloud
        self._engine = engine
        self.folder = cloud.config.data / "functions"
        self._secret = os.urandom(16)
        self._plans: dict[tuple[Scope, str, int, str], tuple[float, Plan]] = {}
        self.running: Counter[tuple[Scope, str]] = Counter()
        self.tasks: dict[Any, asyncio.Task[Any]] = {}
        self._logs: dict[tuple[Scope, str, str], list[tuple[float, str]]] = {}
        self._streams: set[tuple[Scope, str, str]] = set()
        self._shipping: asyncio.Task[None] | None = None
        self.closing = False

    @property
    def engine(self) -> FunctionEngine:
        if self._engine is None:
            from haneul.engines.functions.local import LocalEngine

            self.folder.mkdir(parents=True, exist_ok=True)
            self._engine = self.cloud.engines["functions"] = LocalEngine(self.folder, self.cloud.port)
        return self._engine

    def close(self) -> None:
        self.closing = True
        for task in self.tasks.values():
            task.cancel()
        if self._shipping is not None:
            self._shipping.cancel()
        if self._engine is not None:
            self._engine.close()

    def spawn(self, key: Any, work: Any) -> None:
        """Run `work` as the task with this key (on the event loop), unless one runs."""
        task = self.tasks.get(key)
        if task is not None and not task.done():
            work.close()
            return
        self.tasks[key] = made = self.cloud.loop.create_task(work)
        made.add_done_callback(lambda done: self.tasks.pop(key, None) if self.tasks.get(key) is done else None)

    def ticket_for(self, blob: str, now: float) -> str:
        """What lets somebody fetch this blob for ten minutes."""
        until = int(now) + 600
        return f"{until}.{hmac.new(self._secret, f'{until}.{blob}'.encode(), hashlib.sha256).hexdigest()}"

    def lets(self, blob: str, ticket: str, now: float) -> bool:
        until, _, proof = ticket.partition(".")
        if not until.isdigit() or int(until) < now:
            return False
        wanted = hmac.new(self._secret, f"{until}.{blob}".encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, proof)

    def changed(self, name: Name) -> None:
        """Environments of what was are ended."""
        for key in [key for key in self._plans if key[:2] == (name.scope, name.name)]:
            del self._plans[key]
        if self._engine is not None:
            self._engine.forget(_identity(name))

    # Invocations

    async def plan(self, call: Call, name: Name, version: Version) -> Plan:
        """How this version is run; made anew before its role's credentials end."""
        key = (name.scope, name.name, version.number, version.revision)
        known = self._plans.get(key)
        if known is not None and known[0] > call.now():
            return known[1]
        role = await self._credentials(call, name, version)
        with call.read() as tx:
            layers = []
            for arn in version.layers:
                parts = arn.split(":")
                row = LAYERS.get(tx, name.scope._replace(account=parts[4]), parts[6], int(parts[7]))
                if row is not None:
                    layers.append(row)
        read = self.cloud.blobs.read
        root = self.folder / "code"
        folder = await asyncio.to_thread(code.folder_of, root, [(version.code, lambda: read(version.code))])
        opt: Path | None = None
        if layers:
            parts_ = [(row.code, lambda row=row: read(row.code)) for row in layers]
            opt = await asyncio.to_thread(code.folder_of, root, parts_)
        plan = _plan(call, name, version, folder, opt, role)
        for old in [old for old in self._plans if old[:3] == key[:3]]:
            del self._plans[old]
        self._plans[key] = (call.now() + SESSION / 24, plan)
        return plan

    async def _credentials(self, call: Call, name: Name, version: Version) -> dict[str, str]:
        role = version.config["Role"]
        inner = self.cloud.call_as("lambda", name.scope)
        request = {"RoleArn": role, "RoleSessionName": name.name[:64]}
        try:
            answer = inner.invoke("sts", "AssumeRole", request)
            answer = await answer if inspect.isawaitable(answer) else answer
        except AwsError as error:
            if self.cloud.config.iam_enforced:
                raise errors.AccessDeniedException(
                    "The role defined for the function cannot be assumed by Lambda."
                ) from error
            log.warning("role %s: %s", role, error)
            return {"AWS_ACCESS_KEY_ID": name.scope.account, "AWS_SECRET_ACCESS_KEY": "test"}
        held = answer["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": held["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": held["SecretAccessKey"],
            "AWS_SESSION_TOKEN": held["SessionToken"],
        }

    def enter(self, name: Name, function: Function) -> None:
        """Count one more invocation. Raises TooManyRequestsException."""
        key = (name.scope, name.name)
        if function.reserved is not None and self.running[key] >= function.reserved:
            raise errors.TooManyRequestsException(
                "Rate Exceeded.", Type="User", Reason="ReservedFunctionConcurrentInvocationLimitExceeded"
            )
        if self.running.total() >= ACCOUNT_LIMIT:
            raise errors.TooManyRequestsException(
                "Rate Exceeded.", Type="User", Reason="ConcurrentInvocationLimitExceeded"
            )
        self.running[key] += 1

    def leave(self, name: Name) -> None:
        key = (name.scope, name.name)
        self.running[key] -= 1
        if self.running[key] <= 0:
            del self.running[key]

    async def perform(self, call: Call, name: Name, function: Function, version: Version, work: Work) -> Outcome:
        """One invocation from door to door: counted, run, metered, logged."""
        self.enter(name, function)
        try:
            plan = await self.plan(call, name, version)
            try:
                outcome = await self.engine.invoke(plan, work)
            except Busy:
                raise errors.TooManyRequestsException(
                    "Rate Exceeded.", Type="User", Reason="ConcurrentInvocationLimitExceeded"
                ) from None
            except (EngineError, KeyError) as error:
                log.error("%s can't run: %s", name.qualified, error)
                raise errors.ServiceException(f"The function can't be run: {error}") from None
        finally:
            self.leave(name)
        call.meter("Lambda-GB-Second", plan.memory / 1024 * outcome.billed / 1000)
        self._note(call, name, version, outcome)
        return outcome

    # Logs

    def _note(self, call: Call, name: Name, version: Version, outcome: Outcome) -> None:
        group = (version.config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name.name}"
        label = LATEST if version.number == 0 else str(version.number)
        stream = f"{_day(call.now())}/[{label}]{outcome.environment}"
        lines = self._logs.setdefault((name.scope, group, stream), [])
        lines.extend(outcome.lines)
        del lines[:-MAX_LINES]
        if self._shipping is None or self._shipping.done():
            self._shipping = self.cloud.loop.create_task(self._ship())

    async def _ship(self) -> None:
        while self._logs:
            await asyncio.sleep(0.02)
            batch, self._logs = self._logs, {}
            for (scope, group, stream), lines in batch.items():
                try:
                    await self._put(scope, group, stream, lines)
                except Exception as error:
                    log.warning("logs of %s: %s", group, error)

    async def _put(self, scope: Scope, group: str, stream: str, lines: list[tuple[float, str]]) -> None:
        call = self.cloud.call_as("lambda", scope)
        if (scope, group, stream) not in self._streams:
            for operation, request in (
                ("CreateLogGroup", {"logGroupName": group}),
                ("CreateLogStream", {"logGroupName": group, "logStreamName": stream}),
            ):
                try:
                    await _done(call.invoke("logs", operation, request))
                except AwsError as error:
                    if error.code != "ResourceAlreadyExistsException":
                        raise
            if len(self._streams) > 4096:
                self._streams.clear()
            self._streams.add((scope, group, stream))
        entries: list[dict[str, Any]] = [
            {"timestamp": int(when * 1000), "message": text[:250_000]} for when, text in lines if text
        ]
        entries.sort(key=lambda entry: entry["timestamp"])
        for start in range(0, len(entries), 500):
            batch = {"logGroupName": group, "logStreamName": stream, "logEvents": entries[start : start + 500]}
            try:
                await _done(call.invoke("logs", "PutLogEvents", batch))
            except AwsError as error:
                self._streams.discard((scope, group, stream))
                if error.code != "ResourceNotFoundException":
                    raise


async def _done(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


def _day(now: float) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y/%m/%d")


def _identity(name: Name) -> str:
    return f"{name.scope.account}/{name.scope.region}/{name.name}"


def _plan(call: Call, name: Name, version: Version, folder: Path, opt: Path | None, role: dict[str, str]) -> Plan:
    config = version.config
    label = LATEST if version.number == 0 else str(version.number)
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name.name}"
    variables = {
        "AWS_REGION": name.scope.region,
        "AWS_DEFAULT_REGION": name.scope.region,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{call.cloud.port}",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": name.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": label,
        "AWS_LAMBDA_LOG_GROUP_NAME": group,
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{_day(call.now())}/[{label}]{tokens.random_hex(32)}",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        **role,
    }
    if (config.get("LoggingConfig") or {}).get("LogFormat") == "JSON":
        variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        variables["AWS_LAMBDA_LOG_LEVEL"] = config["LoggingConfig"].get("ApplicationLogLevel", "INFO")
    variables |= (config.get("Environment") or {}).get("Variables") or {}
    return Plan(
        key=f"{_identity(name)}/{version.number}/{tokens.random_hex(12)}",
        name=_identity(name),
        runtime=config["Runtime"],
        handler=config.get("Handler", ""),
        code=folder,
        opt=opt,
        version=label,
        environment=variables,
        memory=config.get("MemorySize", 128),
        tmp=(config.get("EphemeralStorage") or {}).get("Size", 512),
        timeout=float(config.get("Timeout", 3)),
    )


def open_house(cloud: Cloud) -> House:
    return House(cloud)


def house(call: Call) -> House:
    found: House = call.cloud.planes["lambda"]
    return found
