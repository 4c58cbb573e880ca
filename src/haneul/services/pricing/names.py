"""The names that price lists use: service codes, families of products, and locations for regions."""

from __future__ import annotations

from haneul.metering.prices import Row

CODES = {
    "apigateway": "AmazonApiGateway",
    "apigatewaymanagementapi": "AmazonApiGateway",
    "apigatewayv2": "AmazonApiGateway",
    "cloudwatch": "AmazonCloudWatch",
    "dynamodb": "AmazonDynamoDB",
    "dynamodbstreams": "AmazonDynamoDB",
    "ebs": "AmazonEC2",
    "ec2": "AmazonEC2",
    "ecr": "AmazonECR",
    "ecs": "AmazonECS",
    "efs": "AmazonEFS",
    "elasticache": "AmazonElastiCache",
    "events": "AWSEvents",
    "firehose": "AmazonKinesisFirehose",
    "glacier": "AmazonGlacier",
    "kinesis": "AmazonKinesis",
    "kms": "awskms",
    "lambda": "AWSLambda",
    "logs": "AmazonCloudWatch",
    "rds": "AmazonRDS",
    "route53": "AmazonRoute53",
    "s3": "AmazonS3",
    "secretsmanager": "AWSSecretsManager",
    "sns": "AmazonSNS",
    "sqs": "AWSQueueService",
    "stepfunctions": "AmazonStates",
}
"""Model -> service code; a model that isn't here is its own."""

SERVICES = {
    "AmazonApiGateway": "Amazon API Gateway",
    "AmazonCloudWatch": "AmazonCloudWatch",
    "AmazonDynamoDB": "Amazon DynamoDB",
    "AmazonEC2": "Amazon Elastic Compute Cloud",
    "AmazonGlacier": "Amazon Glacier",
    "AmazonRDS": "Amazon Relational Database Service",
    "AmazonS3": "Amazon Simple Storage Service",
    "AmazonSNS": "Amazon Simple Notification Service",
    "AmazonVPC": "Amazon Virtual Private Cloud",
    "AWSEvents": "CloudWatch Events",
    "AWSLambda": "AWS Lambda",
    "AWSQueueService": "Amazon Simple Queue Service",
    "AWSSecretsManager": "AWS Secrets Manager",
    "awskms": "AWS Key Management Service",
}

LOCATIONS = {
    "af-south-1": "Africa (Cape Town)",
    "ap-east-1": "Asia Pacific (Hong Kong)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-northeast-2": "Asia Pacific (Seoul)",
    "ap-northeast-3": "Asia Pacific (Osaka)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-south-2": "Asia Pacific (Hyderabad)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "ap-southeast-3": "Asia Pacific (Jakarta)",
    "ap-southeast-4": "Asia Pacific (Melbourne)",
    "ca-central-1": "Canada (Central)",
    "ca-west-1": "Canada West (Calgary)",
    "eu-central-1": "EU (Frankfurt)",
    "eu-central-2": "Europe (Zurich)",
    "eu-north-1": "EU (Stockholm)",
    "eu-south-1": "EU (Milan)",
    "eu-south-2": "Europe (Spain)",
    "eu-west-1": "EU (Ireland)",
    "eu-west-2": "EU (London)",
    "eu-west-3": "EU (Paris)",
    "il-central-1": "Israel (Tel Aviv)",
    "me-central-1": "Middle East (UAE)",
    "me-south-1": "Middle East (Bahrain)",
    "sa-east-1": "South America (Sao Paulo)",
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
}
"""Region -> location, as price lists write it (older European regions are "EU")."""

_FAMILIES = (
    ("DataTransfer-", "Data Transfer"),
    ("EBS:VolumeUsage", "Storage"),
    ("EBS:VolumeP-IOPS", "System Operation"),
    ("EBS:VolumeP-Throughput", "Provisioned Throughput"),
    ("EBS:Snapshot", "Storage Snapshot"),
    ("EBS:FastSnapshotRestore", "Fast Snapshot Restore"),
    ("EBS:directAPI", "EBS direct API Requests"),
    ("NatGateway-", "NAT Gateway"),
    ("VpcEndpoint-", "VpcEndpoint"),
    ("PublicIPv4:", "VPC Public IPv4 Address"),
    ("Lambda-", "Serverless"),
    ("KMS-Keys", "Encryption Key"),
    ("SecretsManager-Secrets", "Secret"),
    ("WriteRequestUnits", "Amazon DynamoDB PayPerRequest Throughput"),
    ("ReadRequestUnits", "Amazon DynamoDB PayPerRequest Throughput"),
    ("WriteCapacityUnit", "Provisioned IOPS"),
    ("ReadCapacityUnit", "Provisioned IOPS"),
)
_BY_UNIT = {"GB-Mo": "Storage", "GB": "Data Payload", "Requests": "API Request", "Hrs": "Usage"}


def code_of(row: Row) -> str:
    """The service code that a price stands under."""
    if row.service == "ec2" and row.type.startswith(("PublicIPv4:", "VpcEndpoint-")):
        return "AmazonVPC"
    return CODES.get(row.service, row.service)


def family_of(row: Row) -> str:
    """The product family of a price."""
    for begins, family in _FAMILIES:
        if row.type.startswith(begins):
            return family
    return _BY_UNIT.get(row.unit, "Usage")
