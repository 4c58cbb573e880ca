"""RDS' identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="rds",
    package="haneul.services.rds",
    modules=(
        "instances",
        "power",
        "snapshots",
        "backups",
        "parameters",
        "cluster_parameters",
        "subnets",
        "tags",
        "happenings",
        "versions",
    ),
    steps={
        "rds.instance": StepSpec("state:INSTANCES", "converge:step_instance"),
        "rds.snapshot": StepSpec("state:SNAPSHOTS", "snapshots:step_snapshot"),
        "rds.discarded": StepSpec("state:DISCARDED", "snapshots:step_discarded"),
    },
    start="plane:start",
    needs=("postgres", "mysql"),
    uses=("ec2", "secretsmanager"),
)
