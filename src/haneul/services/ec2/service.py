"""EC2's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="ec2",
    package="haneul.services.ec2",
    modules=(
        "tagging",
        "zones",
        "vpc.vpcs",
        "vpc.subnets",
        "vpc.interface_calls",
        "vpc.addresses",
        "vpc.groups",
        "vpc.group_rules",
        "volumes.volumes",
        "volumes.attaching",
        "volumes.modifying",
        "volumes.snapshots",
        "volumes.sharing",
        "volumes.encryption",
        "instances.launching",
        "instances.instances",
        "instances.power",
        "instances.attributes",
        "instances.options",
        "instances.profiles",
        "instances.status",
        "instances.consoles",
    ),
    steps={
        "ec2.vpc": StepSpec("vpc.state:VPCS", "vpc.realise:step_vpc"),
        "ec2.instance": StepSpec("instances.state:INSTANCES", "instances.converge:step_instance"),
        "ec2.volume": StepSpec("volumes.state:VOLUMES", "volumes.converge:step_volume"),
        "ec2.snapshot": StepSpec("volumes.state:SNAPSHOTS", "volumes.converge:step_snapshot"),
    },
    resumes=("ec2.instance",),
    subscribes={"ec2.instance": "instances.notices:forward"},
    start="plane:start",
    needs=("machines", "networks", "volumes"),
    uses=("cloudwatch", "events", "iam", "kms", "sts"),
)
