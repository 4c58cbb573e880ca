"""STS's identity card."""

from haneul.service import Service

SERVICE = Service(
    model="sts",
    package="haneul.services.sts",
    modules=("identity", "roles", "federation", "web_identity", "saml"),
    guard="roles:guard",
)
