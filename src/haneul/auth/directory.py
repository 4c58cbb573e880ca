"""The directory on the store: who has which key, and which policies bind whom, compiled into memory.

Everything remembered is marked with the `version` it was read at; a change of IAM raises the version, so
that a revoked right is gone by the next request. Gateways that share a database see each other's changes
through rows that count them, read at most once a second.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from haneul.auth import key_ids, managed, sessions, tables
from haneul.auth.organizations import control_policies, is_closed
from haneul.auth.principals import Credential, Policies, Principal
from haneul.auth.sealed import Sealed
from haneul.auth.usage import Usage
from haneul.kit import tokens
from haneul.kit.clock import SystemClock

if TYPE_CHECKING:
    from haneul.config import Config
    from haneul.kit.clock import Clock
    from haneul.service import Call
    from haneul.state.store import Reader, Store, Writer

Value = TypeVar("Value")

_REMEMBERED = 4_096
_REREAD = 1.0
_ALLOW_ALL = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
_NOBODY = Policies()


class StoreDirectory:
    """Implements `principals.Directory` on a store."""

    def __init__(self, store: Store, config: Config, clock: Clock) -> None:
        self.version = 1
        """Raised by every change of IAM: whatever was decided at an older version must be decided again."""
        self.sealed = Sealed(config.data)
        self.usage = Usage(store, clock)
        self._store = store
        self._clock = clock
        self.wall: Clock = clock if config.clock_rate == 1.0 else SystemClock()
        """Real time: signatures, sessions and one-time passwords must agree with the clients' own clocks."""
        self._is_open = config.mode == "dev"
        self._is_strict = config.iam_enforced
        self._account = config.account
        self._shared = store.concurrent
        self._lock = threading.Lock()
        self._seen: list[tuple[str, int]] = []
        self._reread = 0.0
        self._keys: dict[str, tuple[int, str, Credential | None]] = {}
        self._policies: dict[tuple[str, str, str], tuple[int, Policies]] = {}

    def credential(self, access_key: str, token: str = "") -> Credential | None:
        """The credential with this key id. A temporary one (ASIA) lives in its session token, so the request's
        token must come along; None when nobody has it or the token isn't its own."""
        version = self._current()
        found = self._keys.get(access_key)
        if found is not None and found[0] == version and found[1] == token:
            return found[2]
        credential = self._session(access_key, token) if token else self._long_term(access_key)
        if credential is None and self._is_open and not (self._is_strict and _is_ours(access_key, token)):
            credential = self._anybody(access_key, token)
        # In mode cloud unknown keys are remembered as such, wrong tokens aren't: there is no end of them.
        if credential is not None or not token:
            _remember(self._keys, access_key, (version, token, credential))
        return credential

    def policies(self, principal: Principal) -> Policies:
        """The policies that bind `principal` now."""
        if principal.kind in ("service", "anonymous"):
            return _NOBODY
        version = self._current()
        key = (principal.arn, principal.user_id, principal.user_name)
        found = self._policies.get(key)
        if found is not None and found[0] == version:
            return found[1]
        with self._store.read() as tx:
            policies = _read_policies(tx, principal)
        _remember(self._policies, key, (version, policies))
        return policies

    def note_use(self, principal: Principal, service: str, region: str) -> None:
        self.usage.note(principal, service, region)

    def changed(self) -> None:
        """IAM was changed here: nothing remembered counts any more."""
        with self._lock:
            self.version += 1

    @contextmanager
    def change(self, call: Call) -> Iterator[Writer]:
        """A transaction that changes IAM: `with directory.change(call) as tx`."""
        with call.write() as tx:
            yield tx
            self.count_change(tx)
        self.changed()

    def count_change(self, tx: Writer) -> None:
        """Tell the other gateways, in the transaction of the change."""
        # One of sixteen rows, so that writers of different gateways seldom wait for each other.
        slot = tokens.random_hex(1)
        row = tables.VERSIONS.get(tx, tables.HOUSE, slot)
        tables.VERSIONS.put(tx, tables.HOUSE, tables.Version(slot, 1 if row is None else row.number + 1))

    def create_root_key(self, tx: Writer, account: str) -> tuple[str, str]:
        """A new access key of the account's root: (id, secret). Call `changed()` after the commit."""
        key, secret = self.create_key(tx, account, "")
        row = tables.ACCOUNTS.get(tx, tables.scope(account), account) or tables.Account(account)
        row.root_keys.append(key)
        tables.ACCOUNTS.put(tx, tables.scope(account), row)
        return key, secret

    def create_key(self, tx: Writer, account: str, user: str) -> tuple[str, str]:
        """A new long-term key: (id, secret). `user` is the user's key, "" for root."""
        key = key_ids.new("AKIA", account)
        secret = key_ids.new_secret()
        sealed = self.sealed.seal(secret.encode(), key.encode())
        row = tables.AccessKey(key, account, user, sealed, float(int(self._clock.now())))
        tables.ACCESS_KEYS.put(tx, tables.HOUSE, row)
        self.count_change(tx)
        return key, secret

    def session_of(self, token: str) -> sessions.Session | None:
        """The session inside a token, whatever its age; None when it was not made here."""
        opened = sessions.open_token(self.sealed, token)
        return None if opened is None else opened[0]

    def close(self) -> None:
        self.usage.flush()

    def _current(self) -> int:
        if self._shared:
            now = self._clock.monotonic()
            if now - self._reread >= _REREAD:
                self._reread = now
                self._look_for_others()
        return self.version

    def _look_for_others(self) -> None:
        with self._store.read() as tx:
            seen = [(row.id, row.number) for row in tables.VERSIONS.scan(tx, tables.HOUSE)]
        if seen != self._seen:
            self._seen = seen
            self.changed()

    def _long_term(self, access_key: str) -> Credential | None:
        with self._store.read() as tx:
            row = tables.ACCESS_KEYS.get(tx, tables.HOUSE, access_key)
            if row is None or is_closed(tx, row.account):
                return None
            user = tables.USERS.get(tx, tables.scope(row.account), row.user) if row.user else None
        if row.user and user is None:
            return None
        principal = root(row.account, access_key) if user is None else _user(row.account, user, access_key)
        return Credential(
            access_key=access_key,
            secret=self.sealed.open(row.secret, access_key.encode()).decode(),
            principal=principal,
            active=row.status == "Active",
        )

    def _session(self, access_key: str, token: str) -> Credential | None:
        opened = sessions.open_token(self.sealed, token)
        if opened is None or opened[1].access_key != access_key:
            return None
        credential = opened[1]
        principal = credential.principal
        with self._store.read() as tx:
            if is_closed(tx, principal.account):
                return None
            if principal.kind == "user":
                user = tables.USERS.get(tx, tables.scope(principal.account), principal.user_name.lower())
                if user is None or user.id != principal.user_id:
                    return None
                tags = user.tags
            elif principal.kind == "role":
                role = _role(tx, principal)
                tags = {} if role is None else role.tags
            else:
                tags = {}
        if not tags:
            return credential
        session = {f"aws:PrincipalTag/{key}": value for key, value in tags.items()} | dict(principal.session)
        return replace(credential, principal=replace(principal, session=session))

    def _anybody(self, access_key: str, token: str) -> Credential:
        """Mode dev: a key that nobody has is root of the account it names, with any secret."""
        account = access_key if len(access_key) == 12 and access_key.isdigit() else self._account
        return Credential(access_key=access_key, secret=None, principal=root(account, access_key), token=token)


def _is_ours(access_key: str, token: str) -> bool:
    """Could only IAM or STS have given out this key? Then, where policies are enforced, it must be one they gave."""
    return bool(token) or (len(access_key) == 20 and key_ids.account_of(access_key) is not None)


def root(account: str, access_key: str = "") -> Principal:
    """The root user of `account`."""
    return Principal(
        account=account, arn=f"arn:aws:iam::{account}:root", kind="root", user_id=account, access_key=access_key
    )


def create_root_key(directory: StoreDirectory, tx: Writer, account: str) -> tuple[str, str]:
    """What `haneul init` calls: a new key of the account's root as (id, secret)."""
    return directory.create_root_key(tx, account)


def _user(account: str, user: tables.User, access_key: str) -> Principal:
    return Principal(
        account=account,
        arn=f"arn:aws:iam::{account}:user{user.path}{user.name}",
        kind="user",
        user_id=user.id,
        user_name=user.name,
        session={f"aws:PrincipalTag/{key}": value for key, value in user.tags.items()},
        access_key=access_key,
    )


def _role(tx: Reader, principal: Principal) -> tables.Role | None:
    """The role behind a session, unless it was deleted (and perhaps made anew) since."""
    name = principal.role_arn.rpartition("/")[2].lower()
    role = tables.ROLES.get(tx, tables.scope(principal.account), name)
    if role is None or role.id != principal.user_id.partition(":")[0]:
        return None
    return role


def _read_policies(tx: Reader, principal: Principal) -> Policies:
    account = principal.account
    organization = control_policies(tx, account)
    if principal.kind == "root":
        return Policies(organization=organization)
    if principal.kind == "federated" and not principal.user_name:
        # Root asked for this session: only its session policies hold it.
        return Policies(identity=(("root", _ALLOW_ALL),), organization=organization)
    if principal.kind == "role":
        role = _role(tx, principal)
        if role is None:
            return Policies(organization=organization)
        if role.path.startswith("/aws-service-role/"):
            organization = ()
        return Policies(
            identity=tuple(entity_policies(tx, account, role)),
            boundary=_boundary(tx, account, role.boundary),
            organization=organization,
        )
    user = tables.USERS.get(tx, tables.scope(account), principal.user_name.lower())
    if user is None:
        return Policies(organization=organization)
    identity = list(entity_policies(tx, account, user))
    for name in user.groups:
        group = tables.GROUPS.get(tx, tables.scope(account), name)
        if group is not None:
            identity += entity_policies(tx, account, group)
    return Policies(identity=tuple(identity), boundary=_boundary(tx, account, user.boundary), organization=organization)


def entity_policies(
    tx: Reader, account: str, entity: tables.User | tables.Group | tables.Role
) -> Iterator[tuple[str, str]]:
    """(name or ARN, document) of an entity's own inline and attached policies."""
    yield from entity.inline.items()
    for arn in entity.attached:
        document = managed_document(tx, account, arn)
        if document is not None:
            yield arn, document


def managed_document(tx: Reader, account: str, arn: str) -> str | None:
    """The document in force of a managed policy, AWS's own or the account's."""
    aws = managed.find(arn)
    if aws is not None:
        return aws.document
    policy = tables.POLICIES.get(tx, tables.scope(account), arn.rpartition("/")[2].lower())
    if policy is None:
        return None
    version = tables.POLICY_VERSIONS.get(tx, tables.scope(account), policy.key, policy.default)
    return None if version is None else version.document


def _boundary(tx: Reader, account: str, arn: str) -> str | None:
    return managed_document(tx, account, arn) if arn else None


def _remember(cache: dict[Any, Value], key: Any, value: Value) -> None:
    if len(cache) >= _REMEMBERED:
        cache.clear()
    cache[key] = value
