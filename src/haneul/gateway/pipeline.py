"""A request's whole life on one page: route, verify, parse, authorise, perform, serialize, wait for the disk, answer.

    bytes -> Request -> Target -> Verified -> members -> gate -> the room's function -> Response -> durable -> bytes

Everything runs on the event loop's thread without a task until a room returns an awaitable; on a
store whose transactions run in parallel (PostgreSQL) the room's function runs in a worker thread.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from haneul.auth.payload import payload_body
from haneul.auth.principals import Principal
from haneul.auth.sigv4 import NOBODY, Verifier
from haneul.cloud import Cloud
from haneul.gateway.durable import Durability
from haneul.gateway.inside import Inside
from haneul.gateway.journal import Entry, Journal
from haneul.gateway.origins import Origins
from haneul.gateway.rooms import Prepared, Room, Rooms
from haneul.gateway.route import Routes, Target, is_form
from haneul.kit import tokens
from haneul.metering.meter import Meter
from haneul.service import Call, Scope
from haneul.state.store import Conflict, Writer
from haneul.wire import model as models
from haneul.wire.compile import error_response
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response

GLOBAL = "aws-global"
MAX_TRIES = 12
Value = TypeVar("Value")
log = logging.getLogger("haneul.gateway")


class Pipeline:
    """The gateway's application and the cloud's performer."""

    def __init__(
        self,
        cloud: Cloud,
        routes: Routes,
        rooms: Rooms,
        verifier: Verifier,
        inside: Inside,
        journal: Journal,
        meter: Meter,
    ) -> None:
        self.cloud = cloud
        self.routes = routes
        self.rooms = rooms
        self.verifier = verifier
        self.inside = inside
        self.journal = journal
        self.meter = meter
        self.origins = Origins(routes)
        self.gate = cloud.gate
        self.store = cloud.store
        self.concurrent = cloud.store.concurrent
        self.now = cloud.clock.now
        self.monotonic = cloud.clock.monotonic
        self.durability = Durability(cloud.store, cloud.loop)
        self.workers = ThreadPoolExecutor(16, "haneul-room")
        self.tasks: set[asyncio.Task[Any]] = set()
        self.loop_thread = threading.get_ident()

    # The server's application

    def handle(self, request: Request, respond: Callable[[Response], None]) -> None:
        Exchange(self, request, respond).run()

    def wants_stream(self, request: Request) -> bool:
        try:
            target = self.routes.resolve(request)
            room = self.rooms.get(target.service)
        except AwsError:
            return False
        if room is None:
            return False
        if not target.operation:
            return room.raw is not None and not is_form(request)
        prepared = room.prepared(target.operation, target.protocol)
        return prepared is not None and prepared.streams

    # The cloud's performer

    def invoke(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        """Another room's operation, in process; see Call.invoke."""
        if threading.get_ident() != self.loop_thread:
            return asyncio.run_coroutine_threadsafe(
                self._invoke_later(call, service, operation, request), self.cloud.loop
            ).result()
        room = self.rooms.get(service)
        prepared = room.prepared(operation, room.model.protocol) if room is not None else None
        if room is None or prepared is None:
            raise AwsError("NotImplemented", f"{service}.{operation} is not implemented.", 501)
        inner = self.call_as(
            service,
            _scope(room, call.scope),
            call.acts_as or Principal(account=call.account, arn=f"{call.service}.amazonaws.com", kind="service"),
        )
        inner.operation = operation
        self.cloud.gate.authorise(inner, prepared.spec, request, prepared.guard, prepared.prefix)
        result = prepared.function(inner, request)
        self._count(inner, prepared.name)
        if inspect.isawaitable(result):
            return self._merged(call, inner, result)
        call.ticket = max(call.ticket, inner.ticket)
        return result if result is not None else {}

    async def _invoke_later(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        result = self.invoke(call, service, operation, request)
        return await result if inspect.isawaitable(result) else result

    async def _merged(self, call: Call, inner: Call, result: Awaitable[Any]) -> Any:
        output = await result
        call.ticket = max(call.ticket, inner.ticket)
        return output if output is not None else {}

    def call_as(self, service: str, scope: Scope, principal: Principal | None) -> Call:
        if principal is None:
            principal = Principal(account=scope.account, arn=f"{service}.amazonaws.com", kind="service")
        return Call(self.cloud, service, "", scope, principal, tokens.request_id())

    async def transact(self, call: Call, function: Callable[[Writer], Value]) -> Value:
        def attempt() -> Value:
            with call.write() as tx:
                return function(tx)

        if not self.cloud.store.concurrent:
            return attempt()
        for _ in range(MAX_TRIES):
            try:
                return await self.cloud.loop.run_in_executor(self.workers, attempt)
            except Conflict:
                await asyncio.sleep(0.002)
        return await self.cloud.loop.run_in_executor(self.workers, attempt)

    def spawn(self, work: Awaitable[Any]) -> None:
        """Run `work` as a task that nobody can garbage-collect."""
        task: asyncio.Task[Any] = self.cloud.loop.create_task(work)  # type: ignore[arg-type]
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _count(self, call: Call, operation: str) -> None:
        self.meter.add(call.scope, call.service, operation, "Requests", 1.0)
        self.count_usage(call, operation)

    def count_usage(self, call: Call, operation: str) -> None:
        """Count what the call metered besides itself; on the event loop."""
        for usage, amount in call.usage or ():
            self.meter.add(call.scope, call.service, operation, usage, amount)


def _scope(room: Room, scope: Scope) -> Scope:
    return Scope(scope.account, GLOBAL) if room.service.is_global else scope


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "call",
        "error",
        "extra",
        "pipeline",
        "prepared",
        "request",
        "request_id",
        "respond",
        "room",
        "started",
        "target",
    )

    def __init__(self, pipeline: Pipeline, request: Request, respond: Callable[[Response], None]) -> None:
        self.pipeline = pipeline
        self.request = request
        self.respond = respond
        self.started = pipeline.monotonic()
        self.request_id = tokens.request_id()
        self.call: Call | None = None
        self.target: Target | None = None
        self.room: Room | None = None
        self.prepared: Prepared | None = None
        self.extra: list[tuple[str, str]] | None = None
        self.error = ""

    def run(self) -> None:
        request = self.request
        try:
            if request.path.startswith(("/_haneul", "/_localstack", "/metrics")) and self.pipeline.inside.claims(
                request
            ):
                answer = self.pipeline.inside.answer(request)
                if isinstance(answer, Response):
                    self.respond(answer)
                else:
                    self.pipeline.spawn(self._answer_inside(answer))
                return
            self._perform()
        except Exception as error:
            self._fail(error)

    async def _answer_inside(self, answer: Awaitable[Response]) -> None:
        try:
            self.respond(await answer)
        except Exception:
            log.exception("an inside page failed")
            self.respond(Response(500, [("Content-Type", "text/plain")], b"Internal error\n"))

    def _perform(self) -> None:
        pipeline = self.pipeline
        request = self.request
        self.target = target = pipeline.routes.resolve(request)
        if not target.host.known:
            raise AwsError(
                "AccessDenied", f"Host {request.headers.get('host', '')!r} is not one of this cloud's names.", 403
            )
        if not target.service:
            raise AwsError("NotImplemented", "No service answers a request like this one.", 501)
        self.room = room = pipeline.rooms.get(target.service)
        if room is None:
            raise AwsError("NotImplemented", f"{target.service}.{target.operation} is not implemented.", 501)
        own = target.raw and room.service.verifies
        verified = NOBODY if own else pipeline.verifier.verify(request, target.service)
        principal = verified.principal
        account = principal.account or pipeline.cloud.config.account
        region = GLOBAL if room.service.is_global else target.region
        self.call = call = Call(
            pipeline.cloud,
            target.service,
            target.operation,
            Scope(account, region),
            principal,
            self.request_id,
            request,
        )
        call.region = target.region
        if "origin" in request.headers:
            self.extra = pipeline.origins.check(call, request, room, target)
        if not target.operation:
            self._raw(call, room, target, verified)
            return
        self.prepared = prepared = room.prepared(target.operation, target.protocol)
        if prepared is None:
            raise AwsError("NotImplemented", f"{target.service}.{target.operation} is not implemented.", 501)
        if prepared.streams:
            request.stream = payload_body(verified, request)
        elif verified.payload.startswith("STREAMING-"):
            pipeline.spawn(self._unchunk(call, prepared, verified))
            return
        self._enter(call, prepared)

    async def _unchunk(self, call: Call, prepared: Prepared, verified: Any) -> None:
        """An operation without a streaming payload, sent aws-chunked all the same: read it whole first."""
        try:
            self.request.body = await payload_body(verified, self.request).read(self.pipeline.cloud.config.max_body)
            self._enter(call, prepared)
        except Exception as error:
            self._fail(error)

    def _enter(self, call: Call, prepared: Prepared) -> None:
        assert self.target is not None
        pipeline = self.pipeline
        members = prepared.translator.parse(self.request, self.target.labels)
        if pipeline.concurrent:
            pipeline.spawn(self._perform_in_thread(call, prepared, members))
            return
        pipeline.gate.authorise(call, prepared.spec, members, prepared.guard, prepared.prefix)
        result = prepared.function(call, members)
        if type(result) is not dict and inspect.isawaitable(result):
            pipeline.spawn(self._await(result))
        else:
            self._send(prepared.translator.serialize(result or {}, self.request_id))

    def _attempt(self, call: Call, prepared: Prepared, members: Mapping[str, Any]) -> Any:
        self.pipeline.gate.authorise(call, prepared.spec, members, prepared.guard, prepared.prefix)
        return prepared.function(call, members)

    async def _await(self, result: Awaitable[Any]) -> None:
        try:
            self._answer((await result) or {})
        except Exception as error:
            self._fail(error)

    async def _perform_in_thread(self, call: Call, prepared: Prepared, members: Mapping[str, Any]) -> None:
        pipeline = self.pipeline
        loop = pipeline.cloud.loop
        try:
            for turn in range(MAX_TRIES):
                try:
                    result = await loop.run_in_executor(pipeline.workers, self._attempt, call, prepared, members)
                    break
                except Conflict:
                    if turn == MAX_TRIES - 1:
                        raise AwsError("InternalError", "Too many concurrent changes; try again.", 503) from None
                    call.usage = call.headers = call.status = None
                    await asyncio.sleep(0.001 * (1 << min(turn, 6)))
            self._answer((await result if inspect.isawaitable(result) else result) or {})
        except Exception as error:
            self._fail(error)

    def _raw(self, call: Call, room: Room, target: Target, verified: Any) -> None:
        """A request that is no operation of the model's: preflights, browser forms, web sites, function URLs."""
        answer: Response | Awaitable[Response | None] | None = self.pipeline.origins.preflight(self.request, self.extra)
        if answer is None and room.raw is not None:
            if self.request.stream is None and self.request.body and verified.payload.startswith("STREAMING-"):
                self.request.stream = payload_body(verified, self.request)
            answer = room.raw(call, self.request, target)
            if answer is None and len(target.raw) > 1:
                answer = self._ask_others(call, target)
        if inspect.isawaitable(answer):
            self.pipeline.spawn(self._await_raw(answer))
        else:
            self._answer_raw(answer)

    async def _ask_others(self, call: Call, target: Target) -> Response | None:
        """The other rooms that claim the same host label."""
        for model in target.raw[1:]:
            room = self.pipeline.rooms.get(model)
            if room is not None and room.raw is not None:
                call.service = model
                answer = room.raw(call, self.request, target)
                found: Response | None = await answer if inspect.isawaitable(answer) else answer
                if found is not None:
                    return found
        return None

    async def _await_raw(self, answer: Awaitable[Response | None]) -> None:
        try:
            response = await answer
            assert self.target is not None
            assert self.call is not None
            if response is None and self.call.service == self.target.service and len(self.target.raw) > 1:
                response = await self._ask_others(self.call, self.target)
            self._answer_raw(response)
        except Exception as error:
            self._fail(error)

    def _answer_raw(self, response: Response | None) -> None:
        if response is None:
            assert self.target is not None
            if self.target.raw and self.room is not None and self.room.service.verifies:
                raise AwsError("ForbiddenException", "Forbidden", 403)
            if self.target.protocol in ("rest-xml", "rest-json"):
                raise AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
            raise AwsError("InvalidAction", "Could not find operation for this request.", 400)
        self._send(response)

    def _answer(self, output: Mapping[str, Any]) -> None:
        assert self.prepared is not None
        self._send(self.prepared.translator.serialize(output, self.request_id))

    def _send(self, response: Response) -> None:
        call = self.call
        assert call is not None
        if call.headers is not None:
            response.headers.extend(call.headers)
        if call.status is not None:
            response.status = call.status
        ticket = call.ticket
        if ticket and not self.pipeline.store.is_durable(ticket):
            self.pipeline.durability.when(ticket, lambda error: self._leave(response, error))
        else:
            self._leave(response, None)

    def _leave(self, response: Response, error: BaseException | None) -> None:
        if error is not None:
            log.error("not durable: %s", error)
            response = self._error(AwsError("InternalError", "The change could not be made durable.", 500))
        if self.extra:
            response.headers.extend(self.extra)
        self.respond(response)
        self._note(response)

    def _note(self, response: Response) -> None:
        pipeline = self.pipeline
        call = self.call
        target = self.target
        service = target.service if target is not None else ""
        operation = target.operation if target is not None else ""
        if call is not None:
            service = call.service  # of several rooms that claim a name, the one that answered
            if self.prepared is not None:
                pipeline._count(call, operation)
                pipeline.cloud.directory.note_use(call.principal, self.prepared.prefix, call.region)
            account, region, arn = call.scope.account, call.region, call.principal.arn
            if call.on_answer is not None:
                call.on_answer(response, self.error, pipeline.monotonic() - self.started)
        else:
            account = region = arn = ""
        pipeline.journal.note(
            Entry(
                pipeline.now(), service, operation, response.status, self.error, account, region,
                self.request_id, pipeline.monotonic() - self.started, arn,
            )
        )  # fmt: skip

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, AwsError):
            target = self.target
            what = f"{target.service}.{target.operation}" if target is not None else self.request.path
            log.error("%s failed", what, exc_info=error)
            error = AwsError("InternalError", "We encountered an internal error. Please try again.", 500)
        response = self._error(error)
        if self.call is None:
            self._leave(response, None)
        else:
            self.call.status = None
            self._send(response)

    def _error(self, error: AwsError) -> Response:
        self.error = error.code
        target = self.target
        if target is None or not target.service:
            model, protocol = models.load("s3"), "rest-xml"
            if target is not None and target.protocol == "json":
                model, protocol = models.load("dynamodb"), "json"
            elif target is not None and target.protocol == "query":
                model, protocol = models.load("sts"), "query"
        else:
            model, protocol = models.load(target.service), target.protocol
        return error_response(model, protocol, error, self.request_id, self.request.path)
