"""The identity card of the EBS direct APIs: blocks of the snapshots that EC2's room keeps."""

from haneul.service import Service

SERVICE = Service(
    model="ebs",
    package="haneul.services.ec2",
    modules=("volumes.direct", "volumes.drafts"),
    uses=("kms",),
)
