"""Rules that archives bring along: EventBridge tells one for each archive, and nobody may change it."""

from __future__ import annotations

import json

from haneul.service import Scope
from haneul.services.events.errors import errors
from haneul.services.events.state import ARCHIVES, Archive, Rule
from haneul.state.store import Reader

MANAGER = "prod.vhs.events.aws.internal"
PREFIX = "Events-Archive-"


def of_bus(tx: Reader, scope: Scope, bus: str) -> list[Rule]:
    """The rules of a bus's archives."""
    return [_rule(scope, archive) for archive in ARCHIVES.scan(tx, scope) if archive.bus == bus]


def find(tx: Reader, scope: Scope, bus: str, name: str) -> Rule | None:
    if not name.startswith(PREFIX):
        return None
    archive = ARCHIVES.get(tx, scope, name.removeprefix(PREFIX))
    return _rule(scope, archive) if archive is not None and archive.bus == bus else None


def refuse(tx: Reader, scope: Scope, bus: str, name: str) -> None:
    """Raise ManagedRuleException for a rule that belongs to an archive."""
    if find(tx, scope, bus, name) is not None:
        raise errors.ManagedRuleException(f"Rule {name} is managed by {MANAGER} and can't be changed.")


def is_managed(rule: Rule) -> bool:
    return bool(rule.targets) and rule.targets[0]["Arn"].endswith(":::")


def _rule(scope: Scope, archive: Archive) -> Rule:
    """What an archive does, told as a rule: events that no replay brought go to EventBridge itself."""
    arn = f"arn:aws:events:{scope.region}:{scope.account}:archive/{archive.name}"
    pattern = {**(json.loads(archive.pattern) if archive.pattern else {}), "replay-name": [{"exists": False}]}
    template = (
        f'{{"archive-arn": "{arn}", "event": <aws.events.event.json>, '
        '"ingestion-time": <aws.events.event.ingestion-time>}'
    )
    return Rule(
        bus=archive.bus,
        name=PREFIX + archive.name,
        creator=scope.account,
        pattern=json.dumps(pattern, separators=(",", ":")),
        targets=[
            {
                "Id": PREFIX + archive.name,
                "Arn": f"arn:aws:events:{scope.region}:::",
                "InputTransformer": {"InputPathsMap": {}, "InputTemplate": template},
            }
        ],
    )
