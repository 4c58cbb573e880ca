"""S3's identity card."""

from haneul.service import Service, StepSpec

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
        "lifecycles",
        "notifications",
        "ownership_controls",
        "policies",
        "public_access",
        "replications",
        "reports",
        "retentions",
        "select",
        "switches",
        "tag_sets",
    ),
    steps={
        "s3.delivery": StepSpec("deliveries:DELIVERIES", "deliveries:try_again"),
        "s3.inventory": StepSpec("inventories:INVENTORIES", "inventories:report"),
        "s3.lifecycle": StepSpec("lifecycle_converge:LIFECYCLES", "lifecycle_converge:tend"),
        "s3.replica": StepSpec("replicas:REPLICAS", "replicas:replicate"),
    },
    subscribes={"s3.object": "deliveries:deliver"},
    uses=("sqs", "sns", "lambda", "events", "iam"),
    guard="guard:guard",
    origins="cors:headers_for",
    raw="unmodelled:answer",
    blobs="index:blobs_in_use",
)
