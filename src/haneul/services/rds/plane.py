"""What RDS keeps running: the engines, the endpoints, and an ear for servers that end unasked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from haneul.auth.sigv4 import Verifier
from haneul.cloud import Cloud
from haneul.converge import wake
from haneul.engines.endpoints import authority
from haneul.engines.endpoints.plane import Endpoints
from haneul.engines.postgres.port import PostgresEngine
from haneul.kit.clock import SystemClock
from haneul.service import Scope
from haneul.services.rds.families import ENGINES
from haneul.state.store import Conflict
from haneul.wire.errors import AwsError
from haneul.wire.message import Request

log = logging.getLogger("haneul.rds")


class Plane:
    """One for the cloud; made when the room is first called or a row of its own wants a step."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._engines: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._owners: dict[str, tuple[Scope, str, str]] = {}
        self._threads: set[threading.Thread] = set()
        self.closing = False
        config = cloud.config
        self.host = "localhost" if config.host in ("127.0.0.1", "::1", "localhost") else config.domain or config.host
        hosts = ["127.0.0.1", "::1"] if self.host == "localhost" else [config.host]
        self.endpoints = Endpoints(config.data / "engines" / "endpoints", self._pair, self._answer, hosts)
        self._verifier = Verifier(cloud.directory, SystemClock().now, config.iam_enforced)

    def engine(self, name: str) -> Any:
        """The engine that runs the servers of RDS engine `name`."""
        kind = ENGINES[name].kind
        with self._lock:
            found = self._engines.get(kind)
            if found is None:
                found = self.cloud.engines.get(kind) or self._open(kind)
                found.watch(self._ended)
                self._engines[kind] = found
            return found

    @property
    def postgres(self) -> PostgresEngine:
        engine: PostgresEngine = self.engine("postgres")
        return engine

    def _open(self, kind: str) -> Any:
        if kind == "postgres":
            from haneul.engines import postgres

            return postgres.open_engine(self.cloud.config.data)
        from haneul.engines import mysql

        maria = mysql.open_engine(self.cloud.config.data)
        if maria.versions():
            maria.show(*self._pair())
        return maria

    def own(self, server: str, scope: Scope, instance: str, cluster: str = "") -> None:
        """Whom to tell when `server` ends."""
        self._owners[server] = (scope, instance, cluster)

    def disown(self, server: str) -> None:
        self._owners.pop(server, None)

    def _ended(self, server: str) -> None:
        found = self._owners.get(server)
        if found is None or self.closing:
            return
        scope, instance, cluster = found
        log.warning("server %s of %s ended", server, cluster or instance)
        thread = threading.Thread(target=self._repair, args=(server, scope, instance, cluster), daemon=True)
        self._threads.add(thread)
        thread.start()

    def _repair(self, server: str, scope: Scope, instance: str, cluster: str) -> None:
        from haneul.services.rds import failover

        try:
            failover.on_end(self, scope, cluster, instance, server)
        except Exception:
            log.exception("failover of %s failed; its step tries again", cluster or instance)
        finally:
            self.wake("rds.cluster" if cluster else "rds.instance", scope, cluster or instance)
            if cluster:
                self.wake("rds.instance", scope, instance)
            self._threads.discard(threading.current_thread())

    def wake(self, kind: str, scope: Scope, name: str) -> None:
        while not self.closing:
            try:
                with self.cloud.store.write() as tx:
                    wake(tx, kind, scope, (name,), self.cloud.clock.now())
                return
            except Conflict:
                continue

    def _pair(self) -> tuple[bytes, bytes]:
        return authority.pair(self.cloud.config.data, self.cloud.config.domain)

    # IAM database authentication.

    def _answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The router's questions: is this user to show a token, and is the token good?"""
        found = self._by_endpoint(str(question["endpoint"]).partition("/")[0])
        if found is None:
            return {}
        server, scope, resource, ports = found
        user = str(question["user"])
        password = self.postgres.token_password(server, user)
        if question["ask"] == "login":
            return {"iam": password is not None}
        if password is not None and self.token_is_good(str(question["token"]), user, scope, resource, ports):
            return {"password": password}
        return {}

    def _by_endpoint(self, resource: str) -> tuple[str, Scope, str, tuple[int, ...]] | None:
        """The server behind an endpoint, whose it is, its resource id, and the ports that a token may name."""
        from haneul.services.rds.state import CLUSTERS, INSTANCES

        with self.cloud.store.read() as tx:
            for scope, row in INSTANCES.everywhere(tx):
                if row.resource_id == resource:
                    return row.server, scope, resource, (row.port,)
            for scope, cluster in CLUSTERS.everywhere(tx):
                if cluster.resource_id == resource:
                    return cluster.volume, scope, resource, (cluster.port, cluster.reader_port)
        return None

    def token_is_good(self, token: str, user: str, scope: Scope, resource: str, ports: Sequence[int]) -> bool:
        """Whether the token is a URL that somebody allowed to `rds-db:connect` presigned less than 15 minutes ago."""
        where, _, query = token.removeprefix("https://").removeprefix("http://").partition("/?")
        values = dict(parse_qsl(query))
        if values.get("Action") != "connect" or values.get("DBUser") != user:
            return False
        if where.rpartition(":")[2] not in map(str, ports):
            return False
        try:
            verified = self._verifier.verify(Request("GET", "/", query, {"host": where}), "rds-db")
        except AwsError as error:
            log.info("database token refused: %s", error)
            return False
        principal = verified.principal
        if principal.kind == "anonymous" or principal.account != scope.account or verified.region != scope.region:
            return False
        call = self.cloud.call_as("rds", scope, principal)
        resource_arn = f"arn:aws:rds-db:{scope.region}:{scope.account}:dbuser:{resource}/{user}"
        return self.cloud.gate.allows(call, "rds-db:connect", resource_arn)

    def close(self) -> None:
        """Endpoints first, so that clients see a closed door rather than a dying server."""
        self.closing = True
        self.endpoints.close()
        for thread in list(self._threads):
            thread.join(10)
        for engine in self._engines.values():
            engine.close()


def start(cloud: Cloud) -> Plane:
    """Service.start: nothing is started yet; rows' own steps do that."""
    return Plane(cloud)


def plane(cloud: Cloud) -> Plane:
    found: Plane = cloud.planes["rds"]
    return found
