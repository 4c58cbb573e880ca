"""Glacier's identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="glacier",
    package="haneul.services.glacier",
    modules=(
        "vaults",
        "tagging",
        "policies",
        "locks",
        "notifications",
        "archives",
        "uploads",
        "jobs",
        "retrieval",
        "capacity",
    ),
    steps={
        "glacier.job": StepSpec("state:JOBS", "converge:ripen"),
        "glacier.vault": StepSpec("state:VAULTS", "converge:take_inventory"),
    },
    guard="policies:guard",
    blobs="state:blobs_in_use",
    uses=("sns",),
)
