"""Lists of secrets, and the filters that choose them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.secretsmanager.errors import errors
from haneul.services.secretsmanager.secrets import describe
from haneul.services.secretsmanager.state import SECRETS, Secret

# CamelCase is two words, and so is ABCdef: AB and Cdef.
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+")
_SORTS = {
    None: lambda secret: secret.created,
    "created-date": lambda secret: secret.created,
    "last-accessed-date": lambda secret: secret.accessed or 0.0,
    "last-changed-date": lambda secret: secret.changed,
    "name": lambda secret: secret.name,
}


def open_token(token: str | None) -> str:
    """The position behind NextToken, "" at the start. Raises InvalidNextTokenException."""
    if not token:
        return ""
    position = tokens.open_page(token)
    if not position or not isinstance(position[0], str):
        raise errors.InvalidNextTokenException("The NextToken value is invalid.")
    return position[0]


def select(secret: Secret, filters: Iterable[Mapping[str, Any]], call: Call) -> bool:
    """Every filter has a value that fits; "!" in front of a value turns it round."""
    return all(_fits(secret, chosen.get("Key") or "", chosen.get("Values") or (), call) for chosen in filters)


def _fits(secret: Secret, key: str, values: Iterable[str], call: Call) -> bool:
    for value in values:
        wanted, negated = (value[1:], True) if value.startswith("!") and len(value) > 1 else (value, False)
        if _matches(secret, key, wanted, call) != negated:
            return True
    return False


def _matches(secret: Secret, key: str, wanted: str, call: Call) -> bool:
    if key == "name":
        return secret.name.startswith(wanted)
    if key == "description":
        return bool(secret.description) and _description(secret.description or "", wanted)
    if key == "tag-key":
        return any(name.startswith(wanted) for name, _ in secret.tags)
    if key == "tag-value":
        return any(value.startswith(wanted) for _, value in secret.tags)
    if key == "primary-region":
        return wanted == (secret.primary or (call.region if secret.replicas else None))
    if key == "owning-service":
        return False
    texts = [secret.name, secret.description or "", *(part for tag in secret.tags for part in tag)]
    words = _words(wanted)
    held = [part for text in texts for part in _words(text)]
    return bool(words) and all(any(part.startswith(word) for part in held) for word in words)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(text)]


def _description(text: str, wanted: str) -> bool:
    return text.lower().startswith(wanted.lower()) or all(
        any(part.startswith(word) for part in text.lower().split()) for word in wanted.lower().split()
    )


@operation()
def list_secrets(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListSecrets: the oldest first, unless asked otherwise."""
    filters = request.get("Filters") or ()
    for chosen in filters:
        if not chosen.get("Key"):
            raise errors.InvalidParameterException("Invalid filter key")
        if not chosen.get("Values"):
            raise errors.InvalidParameterException(f"Invalid filter values for key: {chosen['Key']}")
    with call.read() as tx:
        rows = [
            secret
            for secret in SECRETS.scan(tx, call.scope)
            if (secret.deleted is None or request.get("IncludePlannedDeletion")) and select(secret, filters, call)
        ]
    rows.sort(key=_SORTS[request.get("SortBy")], reverse=request.get("SortOrder") == "desc")
    after, limit = open_token(request.get("NextToken")), request.get("MaxResults") or 100
    start = next((at + 1 for at, secret in enumerate(rows) if secret.name == after), 0) if after else 0
    page = rows[start : start + limit]
    entries = []
    for secret in page:
        entry = describe(call.scope, secret)
        entry.pop("ReplicationStatus", None)
        versions: dict[str, list[str]] = {}
        for label, version in secret.stages.items():
            versions.setdefault(version, []).append(label)
        if versions:
            entry["SecretVersionsToStages"] = versions
        entries.append(entry)
    more = {"NextToken": tokens.seal_page(page[-1].name)} if start + limit < len(rows) else {}
    return {"SecretList": entries, **more}
