"""EventBridge Pipes' identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="pipes",
    package="haneul.services.pipes",
    modules=("pipes", "tags"),
    steps={"pipes.pipe": StepSpec("state:PIPES", "converge:step_pipe")},
    start="runner:open_runners",
    uses=("sqs", "dynamodbstreams", "kinesis", "lambda", "sns", "events", "logs", "firehose", "stepfunctions", "ecs"),
)
