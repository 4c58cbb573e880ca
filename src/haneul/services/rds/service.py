"""RDS' identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="rds",
    package="haneul.services.rds",
    modules=(
        "instances",
        "power",
        "replicas",
        "snapshots",
        "restores",
        "backups",
        "parameters",
        "cluster_parameters",
        "options",
        "subnets",
        "logs",
        "tags",
        "happenings",
        "subscriptions",
        "versions",
        "account",
    ),
    steps={
        "rds.instance": StepSpec("state:INSTANCES", "converge:step_instance"),
        "rds.snapshot": StepSpec("state:SNAPSHOTS", "snapshots:step_snapshot"),
        "rds.discarded": StepSpec("state:DISCARDED", "snapshots:step_discarded"),
    },
    resumes=("rds.instance",),
    subscribes={"rds.event": "subscriptions:forward"},
    start="plane:start",
    needs=("postgres", "mysql"),
    uses=("ec2", "secretsmanager", "sns"),
)
