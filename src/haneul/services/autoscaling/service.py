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
        "launches",
        "membership",
        "metrics",
        "notifications",
        "policies",
        "processes",
        "refreshes",
        "schedules",
        "tags",
        "warm_pools",
    ),
    steps={
        "autoscaling.group": StepSpec("state:GROUPS", "converge:step_group"),
        "autoscaling.member": StepSpec("state:MEMBERS", "lifecycle:step_member"),
        "autoscaling.metrics": StepSpec("state:GROUPS", "metrics:step_metrics"),
        "autoscaling.past": StepSpec("state:PASTS", "ending:step_past"),
        "autoscaling.policy": StepSpec("state:POLICIES", "alarming:step_policy"),
        "autoscaling.refresh": StepSpec("state:REFRESHES", "refresh_converge:step_refresh"),
        "autoscaling.scheduled": StepSpec("state:SCHEDULED", "schedules:step_scheduled"),
    },
    subscribes={"autoscaling.event": "notices:forward", "ec2.instance": "lifecycle:on_instance"},
    uses=("cloudwatch", "ec2", "events", "iam", "sns", "sqs"),
)
