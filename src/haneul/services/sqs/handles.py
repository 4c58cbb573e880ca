"""What is done with a receipt handle: delete the message, or change how long it stays hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.sqs.broker import Live, broker, open_receipt
from haneul.services.sqs.errors import errors, invalid_value
from haneul.services.sqs.plane import journal
from haneul.services.sqs.queues import by_url
from haneul.services.sqs.receiving import hide
from haneul.services.sqs.sending import check_batch, run_batch
from haneul.state.store import Writer

LONGEST = 43_200


@operation(resource=by_url)
def delete_message(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteMessage. Deleting what is gone is no error."""
    live = broker(call).find(call, request["QueueUrl"])
    with broker(call).change(call, live) as tx:
        waits = _delete(tx, live, request["ReceiptHandle"])
    if waits:
        live.notify()


@operation(resource=by_url, action="sqs:DeleteMessage")
def delete_message_batch(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteMessageBatch."""
    live = broker(call).find(call, request["QueueUrl"])
    entries = check_batch(request, "DeleteMessageBatchRequestEntry")
    with broker(call).change(call, live) as tx:
        result = run_batch(entries, lambda entry: _delete(tx, live, entry["ReceiptHandle"]))
    if live.fifo:
        live.notify(len(entries))
    return result


def _delete(tx: Writer, live: Live, handle: str) -> bool:
    """Delete what the handle received; True when others of its group may come now. In a FIFO queue only the newest
    receipt counts, and only while the message is in flight."""
    sequence, nonce = _open(live, handle)
    if live.fifo:
        entry = live.index.entries.get(sequence)
        if entry is not None and (live.held(sequence) is None or entry.nonce != nonce):
            raise invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
    if live.drop(tx, sequence):
        live.tally.deleted += 1
    return live.fifo


def _open(live: Live, handle: str) -> tuple[int, int]:
    opened = open_receipt(live, handle)
    if opened is None:
        raise errors.ReceiptHandleIsInvalid(f'The input receipt handle "{handle}" is not a valid receipt handle.')
    return opened


@operation(resource=by_url)
def change_message_visibility(call: Call, request: Mapping[str, Any]) -> None:
    """ChangeMessageVisibility: from now on; zero makes it visible at once."""
    live = broker(call).find(call, request["QueueUrl"])
    with broker(call).change(call, live) as tx:
        _change(tx, call, live, request)
    live.notify()


@operation(resource=by_url, action="sqs:ChangeMessageVisibility")
def change_message_visibility_batch(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ChangeMessageVisibilityBatch."""
    live = broker(call).find(call, request["QueueUrl"])
    entries = check_batch(request, "ChangeMessageVisibilityBatchRequestEntry")
    with broker(call).change(call, live) as tx:
        result = run_batch(entries, lambda entry: _change(tx, call, live, entry))
    live.notify(len(entries))
    return result


def _change(tx: Writer, call: Call, live: Live, request: Mapping[str, Any]) -> None:
    timeout = request.get("VisibilityTimeout")
    handle = request["ReceiptHandle"]
    if timeout is None or not 0 <= timeout <= LONGEST:
        raise invalid_value(timeout, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
    sequence, nonce = _open(live, handle)
    now = broker(call).now()
    live.index.tick(now)
    if sequence not in live.index.entries and not journal.exists(tx, live.number, sequence):
        raise invalid_value(
            handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
        )
    entry = live.held(sequence)
    if entry is None or (live.fifo and entry.nonce != nonce):
        if live.fifo:
            raise invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
        raise errors.MessageNotInflight("The specified message isn't in flight.")
    if timeout and now + timeout * 1000 > entry.first + LONGEST * 1000 and entry.count == 1:
        raise invalid_value(
            timeout,
            "VisibilityTimeout",
            f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST} seconds]",
        )
    hide(tx, live, entry, now + timeout * 1000, now)
