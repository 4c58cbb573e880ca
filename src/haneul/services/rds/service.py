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
        "clusters",
        "cluster_power",
        "cluster_snapshots",
        "cluster_restores",
        "cluster_endpoints",
        "global_clusters",
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
        "rds.cluster": StepSpec("state:CLUSTERS", "cluster_converge:step_cluster"),
        "rds.cluster-snapshot": StepSpec("state:CLUSTER_SNAPSHOTS", "cluster_snapshots:step_snapshot"),
        "rds.snapshot": StepSpec("state:SNAPSHOTS", "snapshots:step_snapshot"),
        "rds.discarded": StepSpec("state:DISCARDED", "snapshots:step_discarded"),
    },
    resumes=("rds.cluster", "rds.instance"),
    subscribes={"rds.event": "subscriptions:forward"},
    start="plane:start",
    needs=("postgres", "mysql"),
    uses=("ec2", "secretsmanager", "sns"),
)
