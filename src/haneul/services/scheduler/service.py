"""EventBridge Scheduler's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="scheduler",
    package="haneul.services.scheduler",
    modules=("schedules", "groups", "tags"),
    steps={
        "scheduler.schedule": StepSpec("state:SCHEDULES", "converge:step_schedule"),
        "scheduler.delivery": StepSpec("state:DELIVERIES", "converge:step_delivery"),
    },
    uses=("sqs", "sns", "lambda", "events", "kinesis", "firehose", "stepfunctions", "ecs"),
)
