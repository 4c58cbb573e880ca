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
        "processes",
        "tags",
    ),
    steps={
        "autoscaling.group": StepSpec("state:GROUPS", "converge:step_group"),
        "autoscaling.member": StepSpec("state:MEMBERS", "lifecycle:step_member"),
    },
    subscribes={"autoscaling.event": "notices:forward", "ec2.instance": "lifecycle:on_instance"},
    uses=("cloudwatch", "ec2", "events", "iam", "sns", "sqs"),
)
