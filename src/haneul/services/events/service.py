"""EventBridge's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="events",
    package="haneul.services.events",
    modules=(
        "buses",
        "rules",
        "targets",
        "putting",
        "patterns",
        "archives",
        "replays",
        "connections",
        "destinations",
        "permissions",
        "tags",
    ),
    steps={
        "events.delivery": StepSpec("state:DELIVERIES", "converge:step_delivery"),
        "events.rule": StepSpec("state:RULES", "converge:step_rule"),
        "events.archive": StepSpec("state:ARCHIVES", "converge:step_archive"),
        "events.replay": StepSpec("state:REPLAYS", "converge:step_replay"),
    },
    guard="permissions:guard",
    start="router:open_router",
    uses=("sqs", "sns", "lambda", "logs", "kinesis", "firehose", "stepfunctions", "ecs", "secretsmanager"),
)
