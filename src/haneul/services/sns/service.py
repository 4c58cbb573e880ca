"""SNS's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="sns",
    package="haneul.services.sns",
    modules=("topics", "subscriptions", "publishing", "platforms", "phones", "permissions", "tags"),
    steps={"sns.delivery": StepSpec("state:DELIVERIES", "converge:step_delivery")},
    guard="permissions:guard",
    start="signing:open_signer",
    raw="signing:certificate_page",
    uses=("sqs", "lambda", "firehose"),
)
