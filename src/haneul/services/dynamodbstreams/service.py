"""The identity card of DynamoDB Streams: another API over what DynamoDB's room keeps."""

from __future__ import annotations

from haneul.service import Service

SERVICE = Service(
    model="dynamodbstreams",
    package="haneul.services.dynamodb",
    modules=("streams",),
    opaque=frozenset({"AttributeValue"}),
    iam_prefix="dynamodb",
)
