"""SQS's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="sqs",
    package="haneul.services.sqs",
    modules=("queues", "sending", "receiving", "handles", "redrive", "permissions", "tags"),
    steps={
        "sqs.move": StepSpec("state:MOVES", "converge:step_move"),
        "sqs.sweep": StepSpec("state:QUEUES", "converge:step_sweep"),
    },
    uses=("cloudwatch",),
    guard="permissions:guard",
    start="broker:open_broker",
)
