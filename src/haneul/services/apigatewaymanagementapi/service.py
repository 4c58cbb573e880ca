"""The identity card of the API that backends of WebSocket APIs use."""

from haneul.service import Service

SERVICE = Service(
    model="apigatewaymanagementapi",
    package="haneul.services.apigatewaymanagementapi",
    modules=("connections",),
    iam_prefix="execute-api",
    hosts=("execute-api",),
    verifies=True,
    raw="addresses:answer",
)
