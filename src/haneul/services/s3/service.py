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
    ),
    guard="guard:guard",
    blobs="index:blobs_in_use",
)
