"""Connections kept between calls, and those that transactions hold."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from haneul.cloud import Cloud
from haneul.kit import tokens
from haneul.kit.clock import SystemClock
from haneul.services.rdsdata.errors import errors
from haneul.services.rdsdata.targets import Target

if TYPE_CHECKING:
    import psycopg

Value = TypeVar("Value")
IDLE = 180.0
"""Seconds after which a transaction that nobody uses is rolled back, as AWS does."""
LONGEST = 86_400.0
KEPT = 60.0
POOL = 10
THREADS = 32
STATEMENT_LIMIT = 45


class Transaction:
    """A connection in a transaction, used by one call at a time."""

    def __init__(self, target: Target, link: psycopg.Connection[Any], now: float) -> None:
        self.target = target
        self.link = link
        self.began = now
        self.used = now
        self.lock = threading.Lock()


class Plane:
    """Pools by target, transactions by id; threads of its own, for statements may take long."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.threads = ThreadPoolExecutor(THREADS, "haneul-data-api")
        self._clock = SystemClock()
        self._pools: dict[Target, list[tuple[float, psycopg.Connection[Any]]]] = defaultdict(list)
        self._transactions: dict[str, Transaction] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._reaper = threading.Thread(target=self._reap, name="haneul-data-api-reaper", daemon=True)
        self._reaper.start()

    async def run(self, function: Callable[..., Value], *arguments: Any) -> Value:
        return await self.cloud.loop.run_in_executor(self.threads, function, *arguments)

    @contextmanager
    def connection(self, target: Target) -> Iterator[psycopg.Connection[Any]]:
        """A connection outside of any transaction, clean, and kept for the next call when it is still good."""
        link = self._take(target)
        good = False
        try:
            yield link
            good = True
        finally:
            if good and not link.closed:
                self._keep(target, link)
            else:
                link.close()

    def _take(self, target: Target) -> psycopg.Connection[Any]:
        with self._lock:
            while self._pools[target]:
                _, link = self._pools[target].pop()
                if not link.closed and not link.broken:
                    return link
        return connect(target)

    def _keep(self, target: Target, link: psycopg.Connection[Any]) -> None:
        link.pgconn.exec_(b"DISCARD ALL")
        with self._lock:
            if len(self._pools[target]) < POOL and not self._closed.is_set():
                self._pools[target].append((self._clock.monotonic(), link))
                return
        link.close()

    def begin(self, target: Target) -> str:
        link = connect(target)
        link.pgconn.exec_(b"BEGIN")
        name = tokens.random_hex(64).upper()
        with self._lock:
            self._transactions[name] = Transaction(target, link, self._clock.monotonic())
        return name

    @contextmanager
    def transaction(self, name: str, target: Target) -> Iterator[psycopg.Connection[Any]]:
        """The transaction's connection. Raises TransactionNotFoundException, BadRequestException."""
        found = self._transactions.get(name)
        if found is None:
            raise errors.TransactionNotFoundException(f"Transaction {name} is not found")
        if found.target.cluster != target.cluster:
            raise errors.BadRequestException("The resource ARN doesn't match that of the transaction.")
        if found.target.secret != target.secret:
            raise errors.BadRequestException("The secret ARN doesn't match that of the transaction.")
        with found.lock:
            found.used = self._clock.monotonic()
            yield found.link
            found.used = self._clock.monotonic()

    def end(self, name: str, target: Target, verb: bytes) -> None:
        """COMMIT or ROLLBACK, and give the connection up."""
        with self.transaction(name, target) as link:
            result = link.pgconn.exec_(verb)
            failed = result.error_message.decode(errors="replace") if result.error_message else ""
        with self._lock:
            self._transactions.pop(name, None)
        link.close()
        if failed:
            raise errors.DatabaseErrorException(failed.strip())

    def _reap(self) -> None:
        while not self._closed.wait(5):
            now = self._clock.monotonic()
            with self._lock:
                late = [
                    name
                    for name, one in self._transactions.items()
                    if (now - one.used > IDLE or now - one.began > LONGEST) and not one.lock.locked()
                ]
                gone = [self._transactions.pop(name).link for name in late]
                for pool in self._pools.values():
                    gone += [link for kept, link in pool if now - kept > KEPT]
                    pool[:] = [(kept, link) for kept, link in pool if now - kept <= KEPT]
            for link in gone:
                link.close()

    def close(self) -> None:
        self._closed.set()
        self.threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            links = [one.link for one in self._transactions.values()]
            links += [link for pool in self._pools.values() for _, link in pool]
            self._transactions.clear()
            self._pools.clear()
        for link in links:
            link.close()


def connect(target: Target) -> psycopg.Connection[Any]:
    """Raises BadRequestException when the server refuses the secret, DatabaseUnavailableException without a server."""
    import psycopg

    try:
        return psycopg.connect(
            host=target.host,
            port=target.port,
            user=target.user,
            password=target.password,
            dbname=target.database,
            application_name="Data API",
            sslmode="prefer",
            connect_timeout=10,
            autocommit=True,
            options=f"-c statement_timeout={STATEMENT_LIMIT}s -c TimeZone=UTC -c datestyle=ISO -c bytea_output=hex",
        )
    except psycopg.OperationalError as error:
        text = str(error).strip()
        if "FATAL" not in text:
            raise errors.DatabaseUnavailableException() from None
        raise errors.BadRequestException(text[text.index("FATAL") :].split("\n", 1)[0]) from None


def start(cloud: Cloud) -> Plane:
    return Plane(cloud)


def plane(cloud: Cloud) -> Plane:
    found: Plane = cloud.planes["rds-data"]
    return found
