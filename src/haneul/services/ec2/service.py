"""EC2's identity card."""

from haneul.service import Service

SERVICE = Service(
    model="ec2",
    package="haneul.services.ec2",
    modules=(
        "tagging",
        "zones",
        "vpc.vpcs",
    ),
    start="plane:start",
    needs=("networks",),
    uses=("iam", "kms", "sts"),
)
