"""What a service is: a table of operations from AWS's model, filled in by plain functions.

    @operation(resource="arn:aws:glacier:{region}:{account}:vaults/{vaultName}")
    def describe_vault(call: Call, request: DescribeVaultInput) -> DescribeVaultOutput:
        with call.read() as tx: ...

A room's `service.py` holds one `Service`, its identity card. Its modules are imported when the
service is first called, so a service nobody uses costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from haneul.auth.principals import Principal
    from haneul.cloud import Cloud
    from haneul.state.store import Reader, Writer
    from haneul.wire.message import Request, Response

Function = TypeVar("Function", bound=Callable[..., Any])
Value = TypeVar("Value")
Resource = str | Callable[["Call", Mapping[str, Any]], "str | list[str]"]
Action = str | Callable[["Call", Mapping[str, Any]], "str | list[str]"]
Conditions = Callable[["Call", Mapping[str, Any]], Mapping[str, "str | list[str]"]]


class Scope(NamedTuple):
    """Whose rows: an account (12 digits) and a region (us-east-1). Global services use region 'aws-global'."""

    account: str
    region: str


class Guard(NamedTuple):
    """What the resource of a call says about access to itself, beside the caller's own policies.

    owner: the account the resource belongs to. policy: its resource policy (JSON text) or None.
    acl: an access control list grants the call. closed: public grants don't count (public access block).
    """

    owner: str
    policy: str | None = None
    acl: bool = False
    closed: bool = False


class Step(NamedTuple):
    """What a converge step made of a row: the row as it is now (None: delete it) and when to look again,
    in seconds from now (None: it is settled)."""

    row: Any
    again: float | None = None


class StepSpec(NamedTuple):
    """A kind of row that takes time: its table ("state:INSTANCES") and its step ("converge:step_instance")."""

    table: str
    function: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that is really there: the function and what the gate needs to know about it."""

    function: Callable[..., Any]
    resource: Resource
    action: Action | None
    conditions: Conditions | None
    anonymous: bool
    codec: str | None


def operation(
    resource: Resource = "*",
    *,
    action: Action | None = None,
    conditions: Conditions | None = None,
    anonymous: bool = False,
    codec: str | None = None,
) -> Callable[[Function], Function]:
    """Mark a function as the operation whose AWS name is its own in CamelCase.

    resource: the ARN the IAM decision is about: a template over {account}, {region} and the
        request's members, or a function of (call, request) giving one or several; "*" for none.
    action: the IAM action when it isn't `prefix:OperationName`; a function may give several.
    conditions: service condition keys for the decision, e.g. {"s3:prefix": ...}.
    anonymous: True when AWS lets anyone call it unsigned (sts:AssumeRoleWithWebIdentity) - resource policies
        are not meant here: S3's anonymous reads are decided by its bucket policies.
    codec: a module of the room with `translator(operation, compiled)` -> something with the compiled codec's `parse`
        and `serialize`, written by hand (at most a dozen in the house, each with its measured gain).
    """

    def mark(function: Function) -> Function:
        function.__operation__ = Operation(  # type: ignore[attr-defined]
            function, resource, action, conditions, anonymous, codec
        )
        return function

    return mark


@dataclass(frozen=True)
class Service:
    """A room's identity card.

    model: the service's folder name in AWS's models (botocore/data/<model>).
    package: the room's import path; `modules` are the noun files in it that hold operations.
    opaque: shape names handed through unparsed (DynamoDB's AttributeValue).
    iam_prefix: the prefix of its IAM actions, when it isn't the model's name.
    signing_names: credential scopes that mean this service, when not the model's signingName.
    hosts: host labels that send a request to `raw` ("execute-api", "s3-website"); where several rooms claim one, they
        are asked in the order of their models' names until one answers.
    names: "module:function" of (tx, host name) -> bool: whether a name that the kernel doesn't know (custom domain) is
        the room's; its requests go to `raw`.
    verifies: the requests that its `hosts` send to `raw` arrive unverified, as anonymous; the room checks signatures
        itself where it has to (`cloud.verifier`): an Authorization header may be the application's own.
    steps: kind of row -> its table and step, for converge: `step(call, row) -> Step`, run in a worker thread,
        repeatable at any point (`ensure_*`, `remove_*`).
    resumes: kinds of row whose steps keep something running (a database server): at start-up they are taken at once,
        whenever they were due, so that what ran before runs again.
    subscribes: topic -> "module:function" for events: `function(call, event)`, at least once per event.
    guard: "module:function" of (call, request) -> Guard | None: resource policies and ACLs for the gate.
    origins: "module:function" of (call, request, labels) -> headers | None: what a page of another origin is told
        (S3's CORS): pairs to add to the answer; None: it may only read what it can't see, never write.
    blobs: "module:function" of (tx) -> iterator of blob ids in use, for the scrubber's orphan collection.
    start: "module:function" of (cloud), run once when the service is first loaded; may return an object
        with `close()`, kept in `cloud.planes[model]`.
    raw: "module:function" of (call, request, target) -> Response | None, or an awaitable of it, given the requests
        that no operation claims (website hosting, preflights, browser forms, function URLs); None declines.
    pages: name -> "module:function" of (call, request, rest of the path) -> Response, or an awaitable of it: pages of
        our own under /_haneul/<name>/, verified, from the same origin; the room authorises.
    needs: engines by kind; uses: other services it may `call.invoke`.
    """

    model: str
    package: str
    modules: tuple[str, ...]
    opaque: frozenset[str] = frozenset()
    iam_prefix: str | None = None
    signing_names: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    names: str | None = None
    verifies: bool = False
    steps: Mapping[str, StepSpec] = field(default_factory=dict)
    resumes: tuple[str, ...] = ()
    subscribes: Mapping[str, str] = field(default_factory=dict)
    guard: str | None = None
    origins: str | None = None
    blobs: str | None = None
    start: str | None = None
    raw: str | None = None
    pages: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    is_global: bool = False

    def import_modules(self) -> list[ModuleType]:
        return [importlib.import_module(f"{self.package}.{name}") for name in self.modules]

    def resolve(self, reference: str) -> Callable[..., Any]:
        """The function behind a "module:function" reference inside the room."""
        module, _, name = reference.partition(":")
        function: Callable[..., Any] = getattr(importlib.import_module(f"{self.package}.{module}"), name)
        return function

    def functions(self) -> dict[str, Operation]:
        """snake_case name -> operation, for every operation that the room's modules hold."""
        found: dict[str, Operation] = {}
        for module in self.import_modules():
            for name, value in vars(module).items():
                spec = getattr(value, "__operation__", None)
                if isinstance(spec, Operation) and spec.function.__module__ == module.__name__:
                    found[name] = spec
        return found


class Call:
    """One operation under way: who calls, in whose scope, and the doors a room may use."""

    __slots__ = (
        "acts_as",
        "cloud",
        "found",
        "headers",
        "http",
        "keys",
        "on_answer",
        "operation",
        "principal",
        "region",
        "request_id",
        "resource_account",
        "scope",
        "service",
        "status",
        "ticket",
        "usage",
    )

    def __init__(
        self,
        cloud: Cloud,
        service: str,
        operation: str,
        scope: Scope,
        principal: Principal,
        request_id: str,
        http: Request | None = None,
    ) -> None:
        self.cloud = cloud
        self.service = service
        self.operation = operation
        self.scope = scope
        self.region = scope.region
        self.principal = principal
        self.request_id = request_id
        self.http = http
        """The HTTP request, for the few operations that need headers no model knows; None when invoked in process."""
        self.headers: list[tuple[str, str]] | None = None
        """Response headers that the model doesn't have; set through `header`."""
        self.on_answer: Callable[[Response, str, float], None] | None = None
        """Called once the call is answered: with the response, the error's code or "", and the seconds it took."""
        self.status: int | None = None
        """Overrides the modelled HTTP status (304, 206)."""
        self.ticket = 0
        self.usage: list[tuple[str, float]] | None = None
        self.resource_account: str | None = None
        self.acts_as: Principal | None = None
        """Who `invoke` calls as, when not as this service: a role that the service was given."""
        self.found: Any = None
        """What the room's guard looked up for this call, for the operation that follows (S3: the bucket)."""
        self.keys: Mapping[str, str] | None = None
        """Condition keys that the room's guard learned of this call (S3: the access point it came by)."""

    @property
    def account(self) -> str:
        """The calling account: 12 digits."""
        return self.scope.account

    def now(self) -> float:
        """Epoch seconds on the cloud's clock."""
        return self.cloud.clock.now()

    def read(self) -> AbstractContextManager[Reader]:
        """A consistent view of the store; the answer waits for whatever it showed to be durable."""
        return _Read(self)

    def write(self) -> AbstractContextManager[Writer]:
        """A transaction; the answer to the client waits until it is on disk."""
        return _Write(self)

    async def transact(self, function: Callable[[Writer], Value]) -> Value:
        """Run `function(tx)` in one transaction, for asynchronous operations: inline where the store is quick and
        serial, in a thread and again on Conflict where it is not. `function` may run more than once."""
        return await self.cloud.transact(self, function)

    def header(self, name: str, value: str) -> None:
        """Add a response header that the operation's model doesn't name."""
        if self.headers is None:
            self.headers = []
        self.headers.append((name, value))

    def meter(self, usage: str, amount: float) -> None:
        """Count `amount` of a usage type (AWS's own names: 'TimedStorage-ByteHrs') for this call's scope."""
        if self.usage is None:
            self.usage = []
        self.usage.append((usage, amount))

    def invoke(self, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        """Call another service's operation in process, typed, as this service on the caller's account.

        Returns its output, or an awaitable of it when that operation is asynchronous. Raises AwsError.
        Never call it inside an open `write()` block: the other room has its own transaction.
        """
        return self.cloud.invoke(self, service, operation, request)


class _Read:
    __slots__ = ("_call", "_context", "_tx")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._context = call.cloud.store.read()

    def __enter__(self) -> Reader:
        self._tx = self._context.__enter__()
        return self._tx

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._context.__exit__(kind, error, trace)
        ticket = self._tx.ticket
        if ticket:
            self._call.ticket = max(self._call.ticket, ticket)


class _Write:
    __slots__ = ("_call", "_context", "_tx")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._context = call.cloud.store.write()

    def __enter__(self) -> Writer:
        self._tx = self._context.__enter__()
        return self._tx

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._context.__exit__(kind, error, trace)
        ticket = self._tx.ticket
        if ticket:
            self._call.ticket = max(self._call.ticket, ticket)


Result = Mapping[str, Any] | None | Awaitable[Mapping[str, Any] | None]
Handler = Callable[[Call, Mapping[str, Any]], Result]
Names = Iterable[str]
