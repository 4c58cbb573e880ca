"""The identity card of S3 Control: what stands beside buckets, over what S3's room keeps."""

from __future__ import annotations

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="s3control",
    package="haneul.services.s3control",
    modules=(
        "access_grants",
        "access_grants_instances",
        "access_grants_locations",
        "access_points",
        "access_point_policies",
        "account_blocks",
        "data_access",
        "job_tags",
        "jobs",
        "resource_tags",
        "storage_lens_groups",
        "storage_lenses",
    ),
    steps={
        "s3control.job": StepSpec("state:JOBS", "job_converge:step_job"),
        "s3control.storage_lens": StepSpec("lens_rows:LENSES", "lens_exports:export"),
    },
    iam_prefix="s3",
    guard="guard:guard",
    uses=("s3", "lambda", "sts"),
)
