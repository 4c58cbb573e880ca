"""Secrets Manager's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="secretsmanager",
    package="haneul.services.secretsmanager",
    modules=("secrets", "values", "versions", "listing", "rotations", "replicas", "policies", "passwords", "tags"),
    steps={"secretsmanager.secret": StepSpec("state:SECRETS", "converge:step_secret")},
    guard="policies:guard",
    uses=("kms", "lambda"),
)
