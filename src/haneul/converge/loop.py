"""The loop that brings rows to rest: the soonest timer first, one step at a time per row, in worker threads.

A step's row is written back only if nobody changed it meanwhile; if somebody did, the step is taken
again with the new row. Steps repeat harmlessly, so a crash anywhere only means: once more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from haneul.cloud import Cloud
from haneul.converge import timers
from haneul.converge.timers import Timer
from haneul.service import Call, Scope, Service, Step
from haneul.state.store import Conflict
from haneul.state.table import Table

log = logging.getLogger("haneul.converge")
MAX_WAIT = 1.0
RETRY = (0.2, 1.0, 5.0, 15.0, 60.0)


class Loop:
    """Runs the steps of all services until closed."""

    def __init__(self, cloud: Cloud, workers: int = 8) -> None:
        self._cloud = cloud
        self._kinds: dict[str, tuple[Service, Any]] = {
            kind: (service, spec) for service in cloud.services.values() for kind, spec in service.steps.items()
        }
        self._resolved: dict[str, tuple[Table[Any], Callable[[Call, Any], Step]]] = {}
        self._busy: set[bytes] = set()
        self._failures: dict[bytes, int] = {}
        self._wake = threading.Event()
        self._closing = False
        self._pool = ThreadPoolExecutor(workers, "haneul-step")
        self._workers = workers
        self._unlisten = timers.listen(self._wake.set)
        self._thread = threading.Thread(target=self._run, name="haneul-converge", daemon=True)

    def start(self) -> None:
        self._resume()
        self._thread.start()

    def _resume(self) -> None:
        """Rows that keep something running are due now: it ended with the cloud that ran it."""
        kinds = {kind for kind, (service, _) in self._kinds.items() if kind in service.resumes}
        if not kinds:
            return
        now = self._cloud.clock.now()
        with self._cloud.store.read() as tx:
            late = [timer for timer in timers.upcoming(tx) if timer.kind in kinds and timer.due > now * 1000]
        for timer in late:
            with self._cloud.store.write() as tx:
                timers.wake(tx, timer.kind, Scope(timer.account, timer.region), timer.row, now)

    def close(self) -> None:
        """Stop after the steps under way."""
        self._closing = True
        self._wake.set()
        self._unlisten()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True)

    def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            try:
                wait = self._dispatch()
            except Exception:
                log.exception("looking for due rows failed")
                wait = MAX_WAIT
            if wait > 0:
                self._wake.wait(wait)

    def _dispatch(self) -> float:
        """Hand out what is due; seconds until the next look."""
        now = self._cloud.clock.now()
        due: list[Timer] = []
        wait = MAX_WAIT
        with self._cloud.store.read() as tx:
            for timer in timers.upcoming(tx):
                if timer.due > now * 1000:
                    wait = min(wait, max(0.002, timer.due / 1000 - now))
                    break
                if timer.id not in self._busy and timer.kind in self._kinds:
                    due.append(timer)
                    if len(due) + len(self._busy) >= self._workers * 2:
                        break
        for timer in due:
            self._busy.add(timer.id)
            self._pool.submit(self._guarded, timer)
        return wait

    def _guarded(self, timer: Timer) -> None:
        identity = timer.id
        try:
            self._take(timer)
            self._failures.pop(identity, None)
        except Exception:
            count = self._failures.get(identity, 0)
            self._failures[identity] = count + 1
            log.exception("step of %s %s failed", timer.kind, timer.row)
            self._again(timer, RETRY[min(count, len(RETRY) - 1)])
        finally:
            self._busy.discard(identity)
            self._wake.set()

    def _take(self, timer: Timer) -> None:
        table, step = self._step(timer.kind)
        service = self._kinds[timer.kind][0]
        scope = Scope(timer.account, timer.region)
        with self._cloud.store.read() as tx:
            row = table.get(tx, scope, *timer.row)
            before = None if row is None else table.packed(row)
        self._cloud.store.wait(
            tx.ticket
        )  # a step acts on the world: never for a row that a crash could still take back
        if row is None:
            self._forget(timer)
            return
        call = self._cloud.call_as(service.model, scope)
        outcome = step(call, row)
        if call.ticket:
            self._cloud.store.wait(call.ticket)
        if call.usage:
            self._cloud.loop.call_soon_threadsafe(self._cloud.performer.count_usage, call, timer.kind)
        self._write(timer, table, before, outcome)

    def _write(self, timer: Timer, table: Table[Any], before: bytes | None, outcome: Step) -> None:
        """Write the outcome back if the row is still what the step saw; else let the step look again."""
        store = self._cloud.store
        scope = Scope(timer.account, timer.region)
        now = self._cloud.clock.now()
        while True:
            try:
                with store.write() as tx:
                    current = table.get(tx, scope, *timer.row)
                    if current is None or table.packed(current) != before:
                        timers.wake(tx, timer.kind, scope, timer.row, now)
                        break
                    if outcome.row is None:
                        table.delete(tx, scope, *timer.row)
                    else:
                        table.put(tx, scope, outcome.row)
                    due = timers.due_of(tx, timer.kind, scope, timer.row)
                    again = None if outcome.row is None else outcome.again
                    if outcome.row is not None and due is not None and due != timer.due:
                        # Somebody asked for a step while this one was under way: it may not have seen why.
                        again = min(due / 1000 - now, again if again is not None else due / 1000 - now)
                    if again is None:
                        timers.settle(tx, timer.kind, scope, timer.row)
                    else:
                        timers.wake(tx, timer.kind, scope, timer.row, now + again)
                break
            except Conflict:
                continue
        store.wait(tx.ticket)

    def _again(self, timer: Timer, seconds: float) -> None:
        with self._cloud.store.write() as tx:
            due = self._cloud.clock.now() + seconds
            timers.wake(tx, timer.kind, Scope(timer.account, timer.region), timer.row, due)

    def _forget(self, timer: Timer) -> None:
        with self._cloud.store.write() as tx:
            timers.settle(tx, timer.kind, Scope(timer.account, timer.region), timer.row)

    def _step(self, kind: str) -> tuple[Table[Any], Callable[[Call, Any], Step]]:
        found = self._resolved.get(kind)
        if found is None:
            service, spec = self._kinds[kind]
            self._cloud.rooms.get(service.model)  # its plane is up before its steps run
            table: Any = service.resolve(spec.table)
            found = self._resolved[kind] = (table, service.resolve(spec.function))
        return found
