"""S3's identity card."""

from haneul.service import Service

SERVICE = Service(
    model="s3",
    package="haneul.services.s3",
    modules=(
        "buckets",
        "objects",
        "deletes",
        "copies",
        "attributes",
        "multipart",
        "parts",
        "listings",
        "versioning",
        "cors",
        "grants",
        "ownership_controls",
        "policies",
        "public_access",
        "reports",
        "retentions",
        "switches",
        "tag_sets",
    ),
    guard="guard:guard",
    origins="cors:headers_for",
    raw="unmodelled:answer",
    blobs="index:blobs_in_use",
)
