"""CloudWatch Logs' identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="logs",
    package="haneul.services.logs",
    modules=(
        "groups",
        "streams",
        "putting",
        "reading",
        "filters",
        "subscriptions",
        "queries",
        "definitions",
        "exports",
        "tailing",
        "destinations",
        "policies",
        "indexes",
        "tags",
    ),
    steps={
        "logs.group": StepSpec("state:GROUPS", "converge:step_group"),
        "logs.query": StepSpec("state:QUERIES", "converge:step_query"),
        "logs.export": StepSpec("state:EXPORTS", "converge:step_export"),
        "logs.delivery": StepSpec("state:DELIVERIES", "converge:step_delivery"),
    },
    start="tails:open_tails",
    uses=("cloudwatch", "lambda", "kinesis", "firehose", "s3"),
)
