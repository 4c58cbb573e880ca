"""Organizations' identity card."""

from haneul.service import Service

SERVICE = Service(
    model="organizations",
    package="haneul.services.organizations",
    modules=("organization", "accounts", "units", "policies", "handshakes", "delegation", "tags"),
    is_global=True,
)
