"""The identity card of S3 Control: what stands beside buckets, over what S3's room keeps."""

from __future__ import annotations

from haneul.service import Service

SERVICE = Service(
    model="s3control",
    package="haneul.services.s3control",
    modules=(
        "access_points",
        "access_point_policies",
        "account_blocks",
        "resource_tags",
    ),
    iam_prefix="s3",
    uses=("s3",),
)
