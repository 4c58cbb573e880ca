"""DynamoDB's identity card."""

from __future__ import annotations

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="dynamodb",
    package="haneul.services.dynamodb",
    modules=(
        "tables",
        "alterations",
        "items",
        "batches",
        "transactions",
        "queries",
        "statements",
        "timetolive",
        "tagging",
        "policies",
        "backups",
        "recovery",
        "insights",
        "exports",
        "imports",
        "globaltables",
    ),
    opaque=frozenset({"AttributeValue"}),
    guard="policies:guard",
    steps={
        "dynamodb.index": StepSpec("state:TABLES", "converge:step_index"),
        "dynamodb.expiry": StepSpec("state:TABLES", "converge:step_expiry"),
        "dynamodb.build": StepSpec("state:TABLES", "building:step_build"),
        "dynamodb.count": StepSpec("state:TABLES", "converge:step_count"),
        "dynamodb.undo": StepSpec("state:TABLES", "converge:step_undo"),
        "dynamodb.stream": StepSpec("state:STREAMS", "streamrows:step_stream"),
        "dynamodb.backup": StepSpec("state:BACKUPS", "converge:step_backup"),
        "dynamodb.replicate": StepSpec("state:TABLES", "replicas:step_replicate"),
        "dynamodb.transfer": StepSpec("state:TRANSFERS", "transfers:step_transfer"),
    },
    uses=("s3",),
)
