"""Services as the bill names them."""

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


def service_name(model: str) -> str:
    return _NAMES.get(model, model)
