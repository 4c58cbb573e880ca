"""The Data API's identity card."""

from haneul.service import Service

SERVICE = Service(
    model="rds-data",
    package="haneul.services.rdsdata",
    modules=("statements", "transactions"),
    start="plane:start",
    uses=("rds", "secretsmanager"),
)
