"""The directory on a store: who has which key, what binds whom, and how it forgets."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from haneul.auth import key_ids, sessions, tables
from haneul.auth.directory import StoreDirectory, root
from haneul.auth.principals import Principal
from haneul.auth.sealed import Sealed, SealError
from haneul.config import Config
from haneul.kit.clock import ManualClock
from haneul.state.memory import MemoryStore

ACCOUNT = "111122223333"
OWN = tables.scope(ACCOUNT)
ALLOW = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


def directory(folder: Path, mode: str = "cloud", store: MemoryStore | None = None) -> StoreDirectory:
    return StoreDirectory(store or MemoryStore(), Config(data=folder, mode=mode), ManualClock())


def with_user(opened: StoreDirectory) -> tuple[str, str]:
    """A user `u` in the store: its key id and secret."""
    with opened._store.write() as tx:
        tables.USERS.put(tx, OWN, tables.User("u", "U", "/p/", "AIDAU", 1.0, tags={"team": "a"}, inline={"i": ALLOW}))
        found = opened.create_key(tx, ACCOUNT, "u")
    opened.changed()
    return found


def test_secrets_are_sealed_by_a_key_that_is_nobodys_to_read(tmp_path: Path) -> None:
    """The key file is made once, with mode 0600; other contexts and altered bytes don't open."""
    sealed = Sealed(tmp_path)
    secret = sealed.seal(b"secret", b"here")
    assert b"secret" not in secret
    assert stat.S_IMODE(os.stat(tmp_path / "seal.key").st_mode) == 0o600
    assert Sealed(tmp_path).open(secret, b"here") == b"secret"
    for bad, context in ((secret, b"there"), (secret[:-1] + b"\0", b"here"), (b"", b"here")):
        with pytest.raises(SealError):
            sealed.open(bad, context)
    (tmp_path / "seal.key").write_bytes(b"short")
    with pytest.raises(SealError, match="32 bytes"):
        Sealed(tmp_path).open(secret, b"here")


@given(st.integers(0, 10**12 - 1))
def test_key_ids_carry_their_account(number: int) -> None:
    """GetAccessKeyInfo needs no table."""
    account = f"{number:012d}"
    key = key_ids.new("AKIA", account)
    assert len(key) == 20
    assert key_ids.account_of(key) == account


@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "test", "", "AKIA0000000000000000"])
def test_other_keys_name_no_account(key: str) -> None:
    """Ids from before 2019 and made-up ones say nothing."""
    assert key_ids.account_of(key) is None


def test_a_users_key(tmp_path: Path) -> None:
    """Found with its secret and its user's tags; gone with the key, the user, or by being disabled."""
    opened = directory(tmp_path)
    key, secret = with_user(opened)
    found = opened.credential(key)
    assert found is not None
    assert found.secret == secret
    assert found.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/p/U"
    assert found.principal.session == {"aws:PrincipalTag/team": "a"}
    assert opened.credential(key) is found
    assert opened.policies(found.principal).identity == (("i", ALLOW),)
    assert opened.credential("AKIAUNKNOWNUNKNOWN00") is None
    with opened._store.write() as tx:
        tables.USERS.delete(tx, OWN, "u")
    assert opened.credential(key) is found
    opened.changed()
    assert opened.credential(key) is None
    assert opened.policies(found.principal).identity == ()


def test_mode_dev_knows_everybody(tmp_path: Path) -> None:
    """An unknown key is root of the account it names, with any secret; the same object each time."""
    opened = directory(tmp_path, "dev")
    found = opened.credential("444455556666")
    assert found is not None
    assert (found.secret, found.principal.arn) == (None, "arn:aws:iam::444455556666:root")
    assert opened.credential("444455556666") is found
    other = opened.credential("AKIAIOSFODNN7EXAMPLE", "token")
    assert other is not None
    assert (other.principal.account, other.token) == ("000000000000", "token")


def _session(opened: StoreDirectory, role: str = "AROAR") -> sessions.Session:
    principal = Principal(
        account=ACCOUNT,
        arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s",
        kind="role",
        user_id=f"{role}:s",
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/R",
        session={"aws:PrincipalTag/own": "1"},
    )
    return sessions.Session(principal=principal, issued=1.0, expires=2.0)


def test_sessions_carry_themselves(tmp_path: Path) -> None:
    """Token and secret belong together; the role's tags and policies are the ones it has now."""
    opened = directory(tmp_path)
    with opened._store.write() as tx:
        role = tables.Role("r", "R", "/", "AROAR", 1.0, "{}", tags={"t": "x", "own": "0"}, inline={"i": ALLOW})
        tables.ROLES.put(tx, OWN, role)
    made = sessions.issue(opened.sealed, _session(opened))
    found = opened.credential(made.access_key, made.token)
    assert found is not None
    assert (found.secret, found.expires) == (made.secret, 2.0)
    assert found.principal.session == {"aws:PrincipalTag/t": "x", "aws:PrincipalTag/own": "1"}
    assert opened.policies(found.principal).identity == (("i", ALLOW),)
    assert opened.credential(made.access_key) is None
    assert opened.credential("ASIAANOTHERANOTHER00", made.token) is None
    raw = bytearray(base64.b64decode(made.token))
    raw[20] ^= 1
    assert opened.credential(made.access_key, base64.b64encode(bytes(raw)).decode()) is None
    elsewhere = directory(tmp_path / "other")
    assert elsewhere.credential(made.access_key, made.token) is None
    with opened._store.write() as tx:
        tables.ROLES.put(tx, OWN, replace(role, id="AROANEW"))
    opened.changed()
    assert opened.policies(found.principal).identity == ()


def test_boundaries_and_groups(tmp_path: Path) -> None:
    """A user has its groups' policies as well; a customer policy counts in the version in force."""
    opened = directory(tmp_path)
    arn = f"arn:aws:iam::{ACCOUNT}:policy/P"
    with opened._store.write() as tx:
        tables.USERS.put(tx, OWN, tables.User("u", "U", "/", "AIDAU", 1.0, groups=["g"], boundary=arn))
        tables.GROUPS.put(tx, OWN, tables.Group("g", "G", "/", "AGPAG", 1.0, attached=[arn]))
        tables.POLICIES.put(tx, OWN, tables.Policy("p", "P", "/", "ANPAP", 1.0, 1.0, default=2))
        for number in (1, 2):
            tables.POLICY_VERSIONS.put(tx, OWN, tables.PolicyVersion("p", number, f"{{{number}}}", 1.0))
    user = Principal(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/U", kind="user", user_id="AIDAU", user_name="U")
    found = opened.policies(user)
    assert found.identity == ((arn, "{2}"),)
    assert found.boundary == "{2}"


def test_another_gateway_sees_changes_within_a_second(tmp_path: Path) -> None:
    """Two directories on one shared store: the version row tells."""
    store = MemoryStore()
    store.concurrent = True
    one, two = directory(tmp_path, store=store), directory(tmp_path, store=store)
    key, _ = with_user(one)
    assert two.credential(key) is not None
    with store.write() as tx:
        tables.ACCESS_KEYS.delete(tx, tables.HOUSE, key)
        one.count_change(tx)
    one.changed()
    assert one.credential(key) is None
    clock = two._clock
    assert isinstance(clock, ManualClock)
    clock.advance(1.1)
    assert two.credential(key) is None


def test_usage_is_noted_and_written(tmp_path: Path) -> None:
    """Seen at once, on the store after a flush, and never for services or the anonymous."""
    opened = directory(tmp_path)
    key, _ = with_user(opened)
    found = opened.credential(key)
    assert found is not None
    opened.note_use(found.principal, "s3", "eu-west-1")
    opened.note_use(Principal(account="", arn="", kind="anonymous"), "s3", "eu-west-1")
    with opened._store.read() as tx:
        use = opened.usage.key(tx, key)
        assert use is not None
        assert (use.service, use.region) == ("s3", "eu-west-1")
        assert tables.KEY_USES.get(tx, tables.HOUSE, key) is None
    opened.close()
    with opened._store.read() as tx:
        assert tables.KEY_USES.get(tx, tables.HOUSE, key) is not None
        assert set(opened.usage.services(tx, ACCOUNT, found.principal.arn)) == {"s3"}
    assert root(ACCOUNT).kind == "root"
