"""The identity card of HTTP APIs and WebSocket APIs."""

from haneul.service import Service

SERVICE = Service(
    model="apigatewayv2",
    package="haneul.services.apigatewayv2",
    modules=(
        "apis",
        "routes",
        "integrations",
        "authorizers",
        "deployments",
        "stages",
        "models",
        "domains",
        "links",
        "imports",
        "exports",
        "tags",
    ),
    iam_prefix="apigateway",
    hosts=("execute-api",),
    names="domains:claims",
    verifies=True,
    raw="plane.answering:answer",
    start="plane.house:open_house",
    uses=("apigateway", "lambda", "logs", "cloudwatch", "sqs", "events", "sts"),
)
