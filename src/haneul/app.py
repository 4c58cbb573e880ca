"""The composition root: which services there are, which engines stand behind them, and the servers in front.

Only this file knows everybody. A new service costs one line here.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import ssl

from haneul.auth.directory import StoreDirectory
from haneul.auth.gate import Gate
from haneul.auth.sigv4 import Verifier
from haneul.cloud import Cloud
from haneul.config import Config
from haneul.converge.loop import Loop
from haneul.events.dispatch import Dispatcher
from haneul.gateway.hosts import Hosts
from haneul.gateway.inside import Inside
from haneul.gateway.journal import Journal
from haneul.gateway.pipeline import Pipeline
from haneul.gateway.rooms import Rooms
from haneul.gateway.route import Routes
from haneul.gateway.server import Server
from haneul.kit.clock import SystemClock
from haneul.metering.meter import Meter
from haneul.service import Service
from haneul.state.files import FileBlobs
from haneul.state.scrub import Caretaker, Live
from haneul.state.store import Gathering, Store

ROOMS = (
    "apigateway",
    "apigatewaymanagementapi",
    "apigatewayv2",
    "autoscaling",
    "budgets",
    "ce",
    "cloudwatch",
    "dynamodb",
    "dynamodbstreams",
    "ebs",
    "ec2",
    "events",
    "glacier",
    "iam",
    "kms",
    "lambda_",
    "logs",
    "organizations",
    "pipes",
    "pricing",
    "rds",
    "rdsdata",
    "s3",
    "s3control",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
)  # fmt: skip
"""Folders below haneul.services, in alphabetical order."""

FLUSH_LOG = 0.25
FLUSH_METER = 1.0
log = logging.getLogger("haneul")


def services() -> dict[str, Service]:
    """Model -> identity card of every service that has a room. Cheap: no room is loaded."""
    cards: list[Service] = [importlib.import_module(f"haneul.services.{name}.service").SERVICE for name in ROOMS]
    return {card.model: card for card in cards}


def open_store(config: Config) -> Store:
    """The store that the configuration names. Raises StoreLocked when another process holds it."""
    if config.store == "rocks":
        from haneul.state.rocks import RocksStore

        return RocksStore(str(config.data / "store"))
    from haneul.state.postgres import PostgresStore

    return PostgresStore(config.store)


class App:
    """A cloud that runs on the current event loop from `start` to `stop`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.port = 0
        self.tls_port: int | None = None
        self._secured: asyncio.Task[int] | None = None
        self._periodic: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the data folder, assemble the cloud, listen. Raises ConfigError, OSError, StoreLocked."""
        config = self.config
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        clock = SystemClock(config.clock_rate)
        wall = SystemClock()
        self.cloud = cloud = Cloud(config, clock)
        cloud.loop = asyncio.get_running_loop()
        cloud.secure_port = self._secure_port
        cloud.services = services()
        cloud.store = open_store(config)
        if isinstance(cloud.store, Gathering):
            cloud.store.gather(cloud.loop.call_soon)
        cloud.blobs = FileBlobs(config.data / "blobs")
        cloud.directory = self.directory = directory = StoreDirectory(cloud.store, config, clock)
        cloud.gate = Gate(directory, config.iam_enforced)
        cloud.rooms = self.rooms = Rooms(cloud)
        self.journal = Journal(config.log_level, config.log_format)
        self.meter = Meter(cloud.store)
        raw_hosts: dict[str, tuple[str, ...]] = {}
        for card in cloud.services.values():
            for label in card.hosts:
                raw_hosts[label] = (*raw_hosts.get(label, ()), card.model)
        routes = Routes(Hosts(config.domain), frozenset(cloud.services), raw_hosts, config.region)
        routes.named = self._claimants
        cloud.verifier = verifier = Verifier(directory, wall.now, config.mode == "cloud", bucket_of=routes.bucket_of)
        self.inside = Inside(cloud, self.rooms, self.journal, verifier)
        cloud.performer = self.pipeline = Pipeline(
            cloud, routes, self.rooms, verifier, self.inside, self.journal, self.meter
        )
        self.converge = Loop(cloud)
        self.dispatcher = Dispatcher(cloud)
        self.server = Server(
            self.pipeline,
            max_body=config.max_body,
            max_connections=config.max_connections,
            idle_timeout=config.idle_timeout,
            slow_timeout=config.slow_timeout,
        )
        await self._listen()
        self.caretaker = Caretaker(cloud.store, cloud.blobs, self._blobs_in_use)
        self.caretaker.start()
        self.converge.start()
        self.dispatcher.start()
        self._periodic = [
            cloud.loop.create_task(self._every(FLUSH_LOG, self.journal.flush)),
            cloud.loop.create_task(self._every(FLUSH_METER, self._flush_meter)),
        ]
        gc.collect()
        gc.freeze()  # what is loaded now stays: later collections needn't look at it
        self.inside.ready = True

    async def stop(self) -> None:
        """Drain the servers, let steps under way end, flush, close."""
        self.inside.ready = False
        await self.server.drain(self.config.drain_timeout)
        for task in self._periodic:
            task.cancel()
        await self.dispatcher.close()
        for task in list(self.pipeline.tasks):
            task.cancel()
        await asyncio.to_thread(self.converge.close)
        self.rooms.close()
        self._flush_meter()
        self.directory.close()
        self.journal.flush()
        self.pipeline.workers.shutdown(wait=False)
        await asyncio.to_thread(self.caretaker.close)
        await asyncio.to_thread(self.cloud.store.close)

    async def _listen(self) -> None:
        config = self.config
        self.port = self.cloud.port = await self.server.listen(config.host, config.port)
        if config.host == "127.0.0.1":  # `localhost` may mean ::1 first
            try:
                await self.server.listen("::1", self.port)
            except OSError:
                log.debug("no IPv6 loopback")
        if config.tls_port is not None:
            self.tls_port = await self.server.listen(config.host, config.tls_port, self._tls())

    async def _secure_port(self) -> int:
        """For guests in VPCs, who reach it at port 443 of their own; without a port that was asked for, any."""
        if self.tls_port is not None:
            return self.tls_port
        if self._secured is None:
            host = self.config.host
            self._secured = self.cloud.loop.create_task(self.server.listen(host, 0, self._tls()))
        return await self._secured

    def _tls(self) -> ssl.SSLContext:
        from haneul.gateway.certificates import Authority

        return Authority(self.config.data / "ca").context(self.config.domain)

    def _claimants(self, name: str) -> tuple[str, ...]:
        """The rooms whose custom domain this host name is."""
        cards = [card for card in self.cloud.services.values() if card.names is not None]
        with self.cloud.store.read() as tx:
            return tuple(card.model for card in cards if card.resolve(str(card.names))(tx, name.lower()))

    def _blobs_in_use(self) -> list[Live]:
        return [card.resolve(card.blobs) for card in self.cloud.services.values() if card.blobs is not None]

    def _flush_meter(self) -> None:
        self.meter.flush(self.cloud.clock.now())

    async def _every(self, seconds: float, work: object) -> None:
        assert callable(work)
        while True:
            await asyncio.sleep(seconds)
            try:
                work()
            except Exception:
                log.exception("periodic work failed")
