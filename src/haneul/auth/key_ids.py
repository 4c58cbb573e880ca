"""Access key ids as AWS makes them: the account is written into the id, so GetAccessKeyInfo asks nobody."""

from __future__ import annotations

import base64
import binascii
import re

from haneul.kit import tokens

_KEY = re.compile(r"(AKIA|ASIA)([A-Z2-7]{16})")
# Of the ten bytes behind the prefix, bits 1 to 40 are the account.
_SHIFT = 39


def new(prefix: str, account: str) -> str:
    """A new key id of `account`: `prefix` (AKIA or ASIA) and 16 characters of base 32."""
    noise = int(tokens.random_hex(20), 16) & ((1 << _SHIFT) - 1)
    number = (1 << 79) | (int(account) << _SHIFT) | noise
    return prefix + base64.b32encode(number.to_bytes(10, "big")).decode()


def account_of(key: str) -> str | None:
    """The account that a key id names: twelve digits stand for themselves; None when it names none."""
    if len(key) == 12 and key.isdigit():
        return key
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    try:
        number = int.from_bytes(base64.b32decode(found[2]), "big")
    except binascii.Error:
        return None
    account = (number >> _SHIFT) & ((1 << 40) - 1)
    # Ids from before 2019 (AKIAIOSFODNN7EXAMPLE) have the first bit clear and name no account.
    return f"{account:012d}" if number >> 79 and account < 10**12 else None


def new_secret() -> str:
    """A secret access key: 40 characters, 240 random bits."""
    return base64.b64encode(bytes.fromhex(tokens.random_hex(60))).decode()
