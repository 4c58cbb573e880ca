"""Which SNS topic hears of a vault's finished retrievals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.glacier.errors import errors
from haneul.services.glacier.state import VAULTS
from haneul.services.glacier.vaults import VAULT, find_vault

ARCHIVE_DONE = "ArchiveRetrievalCompleted"
INVENTORY_DONE = "InventoryRetrievalCompleted"


@operation(resource=VAULT)
def set_vault_notifications(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """SetVaultNotifications. Raises InvalidParameterValueException for unknown events."""
    settings = request.get("vaultNotificationConfig") or {}
    topic = settings.get("SNSTopic")
    events = list(settings.get("Events") or ())
    if not topic or not topic.startswith("arn:"):
        raise errors.InvalidParameterValueException(f"Invalid SNS topic ARN: {topic}")
    for event in events:
        if event not in (ARCHIVE_DONE, INVENTORY_DONE):
            raise errors.InvalidParameterValueException(f"Invalid notification event: {event}")
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        vault.topic = topic
        vault.events = events
        VAULTS.put(tx, call.scope, vault)
    return {}


@operation(resource=VAULT)
def get_vault_notifications(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetVaultNotifications. Raises ResourceNotFoundException when none are set."""
    with call.read() as tx:
        vault = find_vault(call, tx, request)
    if vault.topic is None:
        raise errors.ResourceNotFoundException("No notification configuration is set.")
    return {"vaultNotificationConfig": {"SNSTopic": vault.topic, "Events": vault.events}}


@operation(resource=VAULT)
def delete_vault_notifications(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteVaultNotifications. Deleting none is no error."""
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        vault.topic = None
        vault.events = []
        VAULTS.put(tx, call.scope, vault)
    return {}
