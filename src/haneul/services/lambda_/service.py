"""Lambda's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="lambda",
    package="haneul.services.lambda_",
    modules=(
        "functions",
        "versions",
        "aliases",
        "invoking",
        "permissions",
        "concurrency",
        "layers",
        "asynchronous",
        "mappings",
        "settings",
        "urls",
        "tags",
    ),
    hosts=("lambda-url",),
    steps={
        "lambda.event": StepSpec("state:EVENTS", "sending:step_event"),
        "lambda.mapping": StepSpec("state:MAPPINGS", "polling:step_mapping"),
    },
    resumes=("lambda.event", "lambda.mapping"),
    guard="permissions:guard",
    blobs="state:blobs_in_use",
    start="running:open_house",
    raw="urls:answer",
    needs=("functions",),
    uses=("sts", "s3", "logs", "sqs", "sns", "events", "dynamodbstreams"),
)
