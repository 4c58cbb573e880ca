"""Deliveries that take time: try, try again, give up."""

from __future__ import annotations

import logging

import msgspec

from haneul.service import Call, Step
from haneul.services.sns.deliveries import Undeliverable, bury, deliver, kept, pause_before, release
from haneul.services.sns.state import SUBSCRIPTIONS, TOPICS, Delivery
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.sns")


def step_delivery(call: Call, row: Delivery) -> Step:
    """One try. A crash after the endpoint took it means that it gets it again: at least once."""
    with call.read() as tx:
        subscription = SUBSCRIPTIONS.get(tx, call.scope, row.topic, row.subscription)
        topic = TOPICS.get(tx, call.scope, row.topic)
        note = kept(tx, row)
    if subscription is None or note is None:
        return _done(call, row)
    try:
        deliver(call, call.scope, subscription, note)
        return _done(call, row)
    except Undeliverable as failure:
        tries = row.tries + 1
        pause = None if failure.final else pause_before(topic, subscription, tries)
        if pause is not None:
            return Step(msgspec.structs.replace(row, tries=tries), pause)
        log.info("gave up on a message for %s: %s", subscription.endpoint, failure.message)
        try:
            bury(call, call.scope, subscription, note, failure)
        except AwsError as error:
            log.warning("the dead-letter queue of %s took no message: %s", subscription.id, error.message)
        return _done(call, row)


def _done(call: Call, row: Delivery) -> Step:
    with call.write() as tx:
        release(tx, call.scope, row)
    return Step(None)
