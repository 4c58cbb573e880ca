"""EC2's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="ec2",
    package="haneul.services.ec2",
    modules=(
        "tagging",
        "zones",
        "vpc.vpcs",
        "volumes.volumes",
        "volumes.attaching",
        "volumes.modifying",
        "volumes.snapshots",
        "volumes.sharing",
        "volumes.encryption",
    ),
    steps={
        "ec2.volume": StepSpec("volumes.state:VOLUMES", "volumes.converge:step_volume"),
        "ec2.snapshot": StepSpec("volumes.state:SNAPSHOTS", "volumes.converge:step_snapshot"),
    },
    start="plane:start",
    needs=("machines", "networks", "volumes"),
    uses=("iam", "kms", "sts"),
)
