"""What keeps a bucket from being opened to everybody: four switches, of the bucket and of its account.

The account's lie in a row of the account and, so that no request looks them up, in each of its buckets' settings.
The operations are in public_access.py (the bucket's) and account_blocks.py (the account's).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Scope
from haneul.services.s3.state import BUCKETS, GLOBAL, Bucket, find_bucket, set_setting
from haneul.state.store import Reader, Writer
from haneul.state.table import Table

SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


class Account(msgspec.Struct):
    """What an account says of its buckets; `kind` leaves room for more."""

    kind: str
    switches: dict[str, bool]


ACCOUNTS = Table("s3.account", Account, key=("kind",))
_KIND = "public_access_block"


def is_on(bucket: Bucket, switch: str) -> bool:
    """Whether the bucket or its account has the switch on."""
    settings = bucket.settings
    return bool((settings.get("public_access_block") or {}).get(switch)) or bool(
        (settings.get("account_block") or {}).get(switch)
    )


def of_account(tx: Reader, account: str) -> dict[str, bool] | None:
    """The account's own switches; None when it has none."""
    found = ACCOUNTS.get(tx, Scope(account, GLOBAL.region), _KIND)
    return None if found is None else found.switches


def set_account(tx: Writer, account: str, given: Mapping[str, Any] | None) -> None:
    """Set (None: remove) the account's switches, for all its buckets."""
    scope = Scope(account, GLOBAL.region)
    switches = None if given is None else {name: bool(given.get(name)) for name in SWITCHES}
    if switches is None:
        ACCOUNTS.delete(tx, scope, _KIND)
    else:
        ACCOUNTS.put(tx, scope, Account(_KIND, switches))
    for name in [bucket.name for bucket in BUCKETS.scan(tx, GLOBAL) if bucket.owner == account]:
        bucket = find_bucket(tx, name)
        if bucket is not None and bucket.settings.get("account_block") != switches:
            set_setting(tx, bucket, "account_block", switches)


def inherit(tx: Writer, bucket: Bucket) -> Bucket:
    """A new bucket, with its account's switches."""
    switches = of_account(tx, bucket.owner)
    return bucket if switches is None else set_setting(tx, bucket, "account_block", switches)
