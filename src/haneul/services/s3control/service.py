"""The identity card of S3 Control: accounts' settings over what S3's room keeps."""

from __future__ import annotations

from haneul.service import Service

SERVICE = Service(
    model="s3control",
    package="haneul.services.s3",
    modules=("account_blocks", "resource_tags"),
    iam_prefix="s3",
)
