"""Tags of vaults: up to 50 each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.glacier.errors import errors
from haneul.services.glacier.state import VAULTS
from haneul.services.glacier.vaults import VAULT, find_vault

TAG_LIMIT = 50


@operation(resource=VAULT)
def add_tags_to_vault(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AddTagsToVault. Raises LimitExceededException beyond 50 tags."""
    tags: dict[str, str] = request.get("Tags") or {}
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise errors.InvalidParameterValueException(f"Invalid tag: {key}")
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        vault.tags = {**vault.tags, **tags}
        if len(vault.tags) > TAG_LIMIT:
            raise errors.LimitExceededException(f"A vault can have at most {TAG_LIMIT} tags")
        VAULTS.put(tx, call.scope, vault)
    return {}


@operation(resource=VAULT)
def list_tags_for_vault(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForVault."""
    with call.read() as tx:
        return {"Tags": find_vault(call, tx, request).tags}


@operation(resource=VAULT)
def remove_tags_from_vault(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RemoveTagsFromVault. Keys that aren't there are passed over."""
    gone = set(request.get("TagKeys") or ())
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        vault.tags = {key: value for key, value in vault.tags.items() if key not in gone}
        VAULTS.put(tx, call.scope, vault)
    return {}
