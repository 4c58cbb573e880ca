"""What EventBridge does with time: deliveries and their retries, schedules, replays, and archives that forget."""

from __future__ import annotations

import msgspec

from haneul.kit import schedules, tokens
from haneul.service import Call, Step
from haneul.services.events import names
from haneul.services.events.archives import SWEEP_EVERY
from haneul.services.events.putting import make_event
from haneul.services.events.router import (
    archived,
    discard,
    dispatch,
    event_of,
    hand_over,
    later,
    release,
)
from haneul.services.events.sending import DIRECT, Undelivered, bury, send, service_of
from haneul.services.events.state import KEPT, Archive, Delivery, Replay, Rule

BATCH = 50
DAY = 86400.0
RETRIES, AGE = 185, 86_400
MAX_PAUSE = 60.0


def step_delivery(call: Call, row: Delivery) -> Step:
    """One try. A crash after the target took the event means that it gets it again: at least once."""
    with call.read() as tx:
        event = event_of(tx, row)
    if event is None:
        return Step(None)
    try:
        send(call, row.rule, row.target, event)
    except Undelivered as failure:
        policy = row.target.get("RetryPolicy") or {}
        tries = row.tries + 1
        condition = ""
        if not failure.final:
            if tries > policy.get("MaximumRetryAttempts", RETRIES):
                condition = "MaximumRetryAttempts"
            elif call.now() - row.started > policy.get("MaximumEventAgeInSeconds", AGE):
                condition = "MaximumEventAgeInSeconds"
            else:
                pause = min(MAX_PAUSE, 2.0 ** min(tries - 1, 10))
                return Step(msgspec.structs.replace(row, tries=tries), pause)
        bury(call, row.rule, row.target, event, failure, tries=row.tries, condition=condition)
    with call.write() as tx:
        release(tx, call.scope, row)
    return Step(None)


def step_rule(call: Call, rule: Rule) -> Step:
    """Fire a schedule that is due. Moments that were slept through are fired once."""
    if rule.schedule is None or rule.state == "DISABLED" or rule.due is None:
        return Step(rule)
    now = call.now()
    if rule.due > now:
        return Step(rule, rule.due - now)
    arn = names.rule_arn(call.scope, rule.bus, rule.name)
    event = make_event(tokens.uuid(), "Scheduled Event", "aws.events", call.account, call.region, rule.due, [arn], {})
    for target in rule.targets:
        if service_of(target["Arn"]) in DIRECT:
            hand_over(call, call.scope, arn, target, event, 0)
        else:
            with call.write() as tx:
                later(tx, call, call.scope, arn, target, event)
    due = schedules.parse(rule.schedule).next_after(now, rule.start)
    return Step(msgspec.structs.replace(rule, due=due), None if due is None else due - now)


def step_archive(call: Call, archive: Archive) -> Step:
    """Forget events older than the retention."""
    if not archive.days:
        return Step(archive, SWEEP_EVERY)
    limit = (call.now() - archive.days * DAY) * 1000
    with call.write() as tx:
        stale = [kept for kept in KEPT.scan(tx, call.scope, archive.name, limit=BATCH * 10) if kept.time < limit]
        for kept in stale:
            discard(tx, call.scope, kept)
    return Step(archive, 0.1 if len(stale) >= BATCH * 10 else SWEEP_EVERY)


def step_replay(call: Call, replay: Replay) -> Step:
    """Send some of the archived events again."""
    now = call.now()
    if replay.state == "CANCELLING":
        return Step(msgspec.structs.replace(replay, state="CANCELLED", finished=now))
    after = replay.after or (max(0, int(replay.begin * 1000) - 1), "")
    with call.read() as tx:
        rows = list(KEPT.scan(tx, call.scope, replay.archive, after_key=after, limit=BATCH))
        rows = [kept for kept in rows if kept.time < replay.end * 1000]
        events = [archived(tx, call.scope, kept) for kept in rows]
    for event in events:
        if event is not None:
            dispatch(call, call.scope, replay.bus, {**event, "replay-name": replay.name}, only=replay.filters)
    if len(rows) < BATCH:
        last = rows[-1].time / 1000 if rows else replay.last
        return Step(msgspec.structs.replace(replay, state="COMPLETED", finished=now, last=last))
    newest = rows[-1]
    state = msgspec.structs.replace(replay, state="RUNNING", after=(newest.time, newest.id), last=newest.time / 1000)
    return Step(state, 0.0)
