"""API Gateway's identity card: REST APIs and their endpoints."""

from haneul.service import Service

SERVICE = Service(
    model="apigateway",
    package="haneul.services.apigateway",
    modules=(
        "apis",
        "resources",
        "methods",
        "integrations",
        "models",
        "validators",
        "authorizers",
        "deployments",
        "stages",
        "keys",
        "plans",
        "domains",
        "responses",
        "documentation",
        "certificates",
        "account",
        "exports",
        "imports",
        "tries",
        "tags",
    ),
    hosts=("execute-api",),
    names="domains:claims",
    verifies=True,
    raw="plane.answering:answer",
    start="plane.house:open_house",
    uses=("lambda", "logs", "sqs", "sns", "dynamodb", "events", "s3", "sts", "kms", "secretsmanager", "ssm"),
)
