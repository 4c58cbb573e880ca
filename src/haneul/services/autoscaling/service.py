"""EC2 Auto Scaling's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="autoscaling",
    package="haneul.services.autoscaling",
    modules=(
        "account",
        "activities",
        "capacity",
        "configurations",
        "groups",
        "hooks",
        "instances",
        "membership",
        "metrics",
        "policies",
        "processes",
        "tags",
    ),
    steps={
        "autoscaling.group": StepSpec("state:GROUPS", "converge:step_group"),
        "autoscaling.member": StepSpec("state:MEMBERS", "lifecycle:step_member"),
        "autoscaling.metrics": StepSpec("state:GROUPS", "metrics:step_metrics"),
        "autoscaling.policy": StepSpec("state:POLICIES", "alarming:step_policy"),
    },
    subscribes={"autoscaling.event": "notices:forward", "ec2.instance": "lifecycle:on_instance"},
    uses=("cloudwatch", "ec2", "events", "iam", "sns", "sqs"),
)
