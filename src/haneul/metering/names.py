"""Services as the bill names them, in Cost Explorer and in budgets' filters."""

_NAMES = {
    "s3": "Amazon Simple Storage Service",
    "dynamodb": "Amazon DynamoDB",
    "dynamodbstreams": "Amazon DynamoDB",
    "glacier": "Amazon Glacier",
    "sqs": "Amazon Simple Queue Service",
    "sns": "Amazon Simple Notification Service",
    "kms": "AWS Key Management Service",
    "secretsmanager": "AWS Secrets Manager",
    "events": "CloudWatch Events",
    "logs": "AmazonCloudWatch",
    "cloudwatch": "AmazonCloudWatch",
    "lambda": "AWS Lambda",
    "rds": "Amazon Relational Database Service",
    "ec2": "Amazon Elastic Compute Cloud - Compute",
}
_PARTS = {
    "EBS:": "EC2 - Other",
    "NatGateway-": "EC2 - Other",
    "DataTransfer-": "EC2 - Other",
    "PublicIPv4:": "Amazon Virtual Private Cloud",
    "VpcEndpoint-": "Amazon Virtual Private Cloud",
}
"""What begins so on EC2's bill stands under another name."""


def service_name(model: str, type: str) -> str:
    """The service that a usage type stands under."""
    if model in ("ec2", "ebs"):
        for begins, name in _PARTS.items():
            if type.startswith(begins):
                return name
    return _NAMES.get(model, model)
