"""Random passwords."""

from __future__ import annotations

import secrets as randomness
import string
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.secretsmanager.errors import errors

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@operation()
def get_random_password(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetRandomPassword: of every kind of character that wasn't excluded at least one."""
    length = request.get("PasswordLength", 32)
    excluded = set(request.get("ExcludeCharacters") or "")
    kinds = [
        (string.ascii_lowercase, "ExcludeLowercase"),
        (string.ascii_uppercase, "ExcludeUppercase"),
        (string.digits, "ExcludeNumbers"),
        (PUNCTUATION, "ExcludePunctuation"),
    ]
    groups = ["".join(c for c in kind if c not in excluded) for kind, switch in kinds if not request.get(switch)]
    if request.get("IncludeSpace") and " " not in excluded:
        groups.append(" ")
    groups = [group for group in groups if group]
    if not groups:
        raise errors.InvalidParameterException("All characters are excluded: no password can be generated.")
    everything = "".join(groups)
    if not request.get("RequireEachIncludedType", True):
        return {"RandomPassword": "".join(randomness.choice(everything) for _ in range(length))}
    if length < len(groups):
        raise errors.InvalidParameterException("The password length is too short based on the required types.")
    letters = [randomness.choice(group) for group in groups]
    letters += [randomness.choice(everything) for _ in range(length - len(letters))]
    randomness.SystemRandom().shuffle(letters)
    return {"RandomPassword": "".join(letters)}
