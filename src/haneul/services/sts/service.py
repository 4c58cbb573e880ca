"""STS's identity card."""

from haneul.auth.issuers import HOST
from haneul.service import Service

SERVICE = Service(
    model="sts",
    package="haneul.services.sts",
    modules=("identity", "roles", "federation", "web_identity", "saml", "outbound"),
    guard="roles:guard",
    raw="outbound:page",
    hosts=(HOST,),
)
