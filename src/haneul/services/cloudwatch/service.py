"""CloudWatch's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="cloudwatch",
    package="haneul.services.cloudwatch",
    modules=("metrics", "statistics", "alarms", "composites", "histories", "dashboards", "detectors", "tags"),
    steps={
        "cloudwatch.metric": StepSpec("state:METRICS", "converge:step_metric"),
        "cloudwatch.alarm": StepSpec("state:ALARMS", "converge:step_alarm"),
    },
    uses=("sns", "lambda", "events", "ec2", "autoscaling"),
)
