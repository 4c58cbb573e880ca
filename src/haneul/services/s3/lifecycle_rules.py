"""What lifecycle rules say: whom they mean, and when what they ask for is due.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from haneul.services.s3.state import Bucket, Object

DAY = 86_400
Rule = Mapping[str, Any]


def expiration(bucket: Bucket, key: str, found: Object) -> str | None:
    """The x-amz-expiration header of a current version: when the first rule takes it, and which."""
    first = expiry(bucket, key, found)
    if first is None:
        return None
    return f'expiry-date="{formatdate(first[0], usegmt=True)}", rule-id="{quote(first[1], safe="")}"'


def expiry(bucket: Bucket, key: str, found: Object) -> tuple[float, str] | None:
    """(when a current version expires, the id of the rule that says so)."""
    first: tuple[float, str] | None = None
    for rule in bucket.settings["lifecycle"]["rules"]:
        action = rule.get("Expiration") or {}
        if rule["Status"] != "Enabled" or not ("Days" in action or "Date" in action) or not fits(rule, key, found):
            continue
        when = action["Date"] if "Date" in action else midnight(found.entry.modified, action["Days"])
        if first is None or when < first[0]:
            first = (when, rule["ID"])
    return first


def abortion(bucket: Bucket, key: str, initiated: float) -> dict[str, Any]:
    """AbortDate and AbortRuleId of an upload at the key; nothing where no rule aborts it."""
    first: tuple[float, str] | None = None
    for rule in (bucket.settings.get("lifecycle") or {}).get("rules") or ():
        days = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
        if days is None or rule["Status"] != "Enabled" or not key.startswith(filter_of(rule).get("Prefix") or ""):
            continue
        when = midnight(initiated, days)
        if first is None or when < first[0]:
            first = (when, rule["ID"])
    return {} if first is None else {"AbortDate": first[0], "AbortRuleId": first[1]}


def filter_of(rule: Rule) -> Rule:
    if "Prefix" in rule:
        return {"Prefix": rule["Prefix"]}
    chosen: Rule = rule.get("Filter") or {}
    both: Rule | None = chosen.get("And")
    return chosen if both is None else both


def _tags(chosen: Rule) -> Iterator[Rule]:
    yield from chosen.get("Tags") or ()
    if chosen.get("Tag"):
        yield chosen["Tag"]


def fits(rule: Rule, key: str, found: Object) -> bool:
    chosen = filter_of(rule)
    size = found.entry.size
    return (
        key.startswith(chosen.get("Prefix") or "")
        and all((found.tags or {}).get(tag["Key"]) == tag["Value"] for tag in _tags(chosen))
        and size > chosen.get("ObjectSizeGreaterThan", -1)
        and size < chosen.get("ObjectSizeLessThan", size + 1)
    )


def past(since: float, days: int, now: float) -> bool:
    """Whether it is past the midnight that follows `days` days."""
    return now >= midnight(since, days)


def midnight(since: float, days: int) -> float:
    """The midnight (UTC) that follows `days` days."""
    return (since + days * DAY) // DAY * DAY + DAY


def is_due(action: Rule, since: float, now: float) -> bool:
    if "Date" in action:
        return bool(now >= action["Date"])
    return "Days" in action and past(since, action["Days"], now)
