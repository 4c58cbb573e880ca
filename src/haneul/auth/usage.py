"""When keys, users and roles were last used: noted in memory on every request, written once a minute.

A crash loses at most the last minute of this, as AWS's own figures lag by hours.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from haneul.auth import tables
from haneul.auth.principals import Principal

if TYPE_CHECKING:
    from haneul.kit.clock import Clock
    from haneul.state.store import Reader, Store

_FLUSH_AFTER = 60.0
_NOTES = 4096

Note = tuple[float, str]


class Usage:
    """Notes of who used what when; `note` costs two dictionary writes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[float, str, str]] = {}
        self._entities: dict[tuple[str, str, str], Note] = {}
        self._flushed = clock.monotonic()

    def note(self, principal: Principal, service: str, region: str) -> None:
        """`principal` called `service` (its IAM prefix) in `region` just now."""
        if principal.kind in ("service", "anonymous"):
            return
        now = self._clock.now()
        if principal.access_key:
            self._keys[principal.access_key] = (now, service, region)
        if principal.kind != "federated":  # their names are the caller's to make up, without end
            self._entities[principal.account, principal.role_arn or principal.arn, service] = (now, region)
        if self._clock.monotonic() - self._flushed > _FLUSH_AFTER or len(self._keys) > _NOTES:
            self.flush()

    def key(self, tx: Reader, access_key: str) -> tables.KeyUse | None:
        """The last use of a key."""
        noted = self._keys.get(access_key)
        if noted is not None:
            return tables.KeyUse(access_key, *noted)
        return tables.KEY_USES.get(tx, tables.HOUSE, access_key)

    def services(self, tx: Reader, account: str, entity: str) -> dict[str, Note]:
        """Service -> (when, region) of an entity's last accesses."""
        found = {row.service: (row.at, row.region) for row in tables.ACCESSES.scan(tx, tables.scope(account), entity)}
        for (owner, arn, service), note in list(self._entities.items()):
            if owner == account and arn == entity:
                found[service] = note
        return found

    def whole_account(self, tx: Reader, account: str) -> dict[str, tuple[Note, int]]:
        """Service -> (its last access by anybody of the account, how many accessed it)."""
        notes = {
            (row.entity, row.service): (row.at, row.region) for row in tables.ACCESSES.scan(tx, tables.scope(account))
        }
        for (owner, arn, service), note in list(self._entities.items()):
            if owner == account:
                notes[arn, service] = note
        found: dict[str, tuple[Note, int]] = {}
        for (_, service), note in notes.items():
            newest, count = found.get(service, (note, 0))
            found[service] = (max(newest, note), count + 1)
        return found

    def last(self, tx: Reader, account: str, entity: str) -> Note | None:
        """(when, region) of an entity's last access to anything."""
        return max(self.services(tx, account, entity).values(), default=None)

    def flush(self) -> None:
        """Write what was noted; called now and then, and as the cloud stops."""
        with self._lock:
            self._flushed = self._clock.monotonic()
            noted_keys, self._keys = self._keys, {}
            entities, self._entities = self._entities, {}
        if not noted_keys and not entities:
            return
        with self._store.write() as tx:
            for key, (at, service, region) in noted_keys.items():
                # Temporary keys come and go: only keys that stay are worth a row.
                if key.startswith("AKIA"):
                    tables.KEY_USES.put(tx, tables.HOUSE, tables.KeyUse(key, at, service, region))
            for (account, arn, service), (at, region) in entities.items():
                if account:
                    row = tables.Access(arn, service, at, region)
                    tables.ACCESSES.put(tx, tables.scope(account), row)
