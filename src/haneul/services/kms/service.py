"""KMS's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="kms",
    package="haneul.services.kms",
    modules=(
        "keys",
        "aliases",
        "grants",
        "policies",
        "symmetric",
        "asymmetric",
        "rotations",
        "imports",
        "replicas",
        "tags",
    ),
    steps={"kms.key": StepSpec("state:KEYS", "converge:step_key")},
    guard="policies:guard",
    start="vault:open_vault",
)
