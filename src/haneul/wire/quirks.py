"""What AWS's services do that their models don't say, as data: error codes of validation, shapes of bodies, routes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Quirks:
    """One service's habits on the wire.

    style: how validation speaks: "coral" ("1 validation error detected: ..."), "parameter" ("The request must
        contain the parameter X"), "reason" (a sentence and its Reason: Organizations) or "s3".
    missing: the code for a required member that isn't there. invalid: for one that breaks a constraint.
    malformed: for a body that cannot be read.
    required, lengths, enums, patterns: which constraints the service itself checks at the door.
    open: enumerations whose values the room itself refuses, in AWS's words (instance types).
    unshown: shapes whose values it doesn't repeat when they break a constraint.
    nonnull: says of a collection's broken members that they must not be null either.
    sentences: what it says instead of a broken pattern, by member (lower case first).
    optional: members that the model requires and whose absence the room tells.
    named: what it calls a member that is missing, where that isn't the model's name.
    error_namespace: the prefix of __type in JSON errors. namespaces: prefixes of single codes.
    millis: iso8601 always with milliseconds (None: only where there are any). seconds: never.
    wrappers: operations whose XML output has another root element than the model's.
    demoted: operations that lose against another of the same method and path, unless ?x-id= names them.
    crc32: answers carry x-amz-crc32, which the service's clients check.
    opaque: shapes that errors hold as the room keeps them (items of DynamoDB, as JSON has them).
    orders: the order in which it names an enumeration's values, by their set, where it isn't the model's.
    type_in_body: error bodies hold the code and the side at fault as members (Glacier).
    """

    style: str = "coral"
    missing: str = "ValidationException"
    invalid: str = "ValidationException"
    malformed: str = "SerializationException"
    required: bool = True
    lengths: bool = True
    enums: bool = True
    patterns: bool = True
    open: frozenset[str] = field(default_factory=frozenset)
    unshown: frozenset[str] = field(default_factory=frozenset)
    nonnull: bool = False
    sentences: tuple[tuple[str, str], ...] = ()
    optional: frozenset[str] = field(default_factory=frozenset)
    named: tuple[tuple[str, str], ...] = ()
    error_namespace: str = ""
    namespaces: tuple[tuple[str, str], ...] = ()
    millis: bool = False
    seconds: bool = False
    roots: tuple[tuple[str, str], ...] = ()
    demoted: frozenset[str] = field(default_factory=frozenset)
    crc32: bool = False
    opaque: frozenset[str] = field(default_factory=frozenset)
    orders: tuple[tuple[str, ...], ...] = ()
    type_in_body: bool = False


_BY_PROTOCOL = {
    "query": Quirks(missing="ValidationError", invalid="ValidationError", malformed="MalformedQueryString"),
    "ec2": Quirks(
        style="parameter",
        missing="MissingParameter",
        invalid="InvalidParameterValue",
        malformed="InvalidParameterValue",
        enums=True,
        millis=True,
    ),
    "rest-xml": Quirks(missing="ValidationError", invalid="ValidationError", malformed="MalformedXML"),
}

_IAM_NAMES = ("userName", "newUserName", "groupName", "newGroupName", "roleName", "policyName", "instanceProfileName")
_IAM = (
    *(
        (
            name,
            f"The specified value for {name} is invalid. It must contain only alphanumeric characters and/or the "
            "following: +=,.@_-",
        )
        for name in _IAM_NAMES
    ),
    *(
        (
            name,
            f"The specified value for {name} is invalid. It must begin and end with / and contain only alphanumeric "
            "characters and/or / characters.",
        )
        for name in ("path", "newPath")
    ),
    (
        "pathPrefix",
        "The specified value for pathPrefix is invalid. It must begin with the / character and contain only "
        "alphanumeric characters and/or / characters.",
    ),
    (
        "accountAlias",
        "The specified value for accountAlias is invalid. It must be a minimum length of 3 characters and maximum "
        "length of 63 characters, contain only digits, lowercase letters, and hyphens (-), but cannot begin or end "
        "with a hyphen.",
    ),
)

_PARAMETER = {"style": "parameter", "missing": "MissingParameter", "invalid": "InvalidParameterValue"}
_BY_SERVICE: dict[str, dict[str, object]] = {
    "apigateway": {"missing": "BadRequestException", "enums": False, "patterns": False},
    "apigatewayv2": {"missing": "BadRequestException", "invalid": "BadRequestException"},
    "cloudformation": {"millis": True},
    "cloudfront": {"missing": "MalformedInput", "invalid": "InvalidArgument", "malformed": "MalformedXML"},
    "cloudwatch": {"missing": "MissingParameter", "invalid": "ValidationError"},
    "docdb": {**_PARAMETER, "millis": True},
    "dynamodb": {
        "crc32": True,
        "opaque": frozenset({"AttributeValue"}),
        "orders": (
            ("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"),
            ("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"),
            ("B", "N", "S"),
        ),
        "error_namespace": "com.amazonaws.dynamodb.v20120810#",
        "namespaces": (
            ("ValidationException", "com.amazon.coral.validate#"),
            ("SerializationException", "com.amazon.coral.service#"),
            ("UnrecognizedClientException", "com.amazon.coral.service#"),
            ("AccessDeniedException", "com.amazon.coral.service#"),
            ("UnknownOperationException", "com.amazon.coral.service#"),
        ),
    },
    "dynamodbstreams": {"error_namespace": "com.amazonaws.dynamodb.v20120810#"},
    "ec2": {
        "optional": frozenset({"InstanceIds"}),
        "named": (("Resources", "resourceIdSet"),),
        "open": frozenset(
            {
                "InstanceType",
                *("InstanceAttributeName", "ImageAttributeName", "ResetImageAttributeName", "VpcAttributeName"),
                *("NetworkInterfaceAttribute", "SnapshotAttributeName", "VolumeAttributeName"),
                # EC2 takes other spellings of these than its model has, and Terraform uses them.
                "ExcessCapacityTerminationPolicy",
                "FleetExcessCapacityTerminationPolicy",
                "FleetOnDemandAllocationStrategy",
                "SpotAllocationStrategy",
                # Kinds of resources that can't be tagged are told in other words.
                *("ResourceType", "VpcTenancy"),
            }
        ),
    },
    "ecr": {"missing": "InvalidParameterException", "invalid": "InvalidParameterException"},
    "ecs": {"missing": "InvalidParameterException", "invalid": "InvalidParameterException"},
    "efs": {"missing": "ValidationException", "invalid": "ValidationException"},
    "eks": {"missing": "InvalidParameterException", "invalid": "InvalidParameterException"},
    "elasticache": {**_PARAMETER, "millis": True},
    "elb": {"millis": True},
    "elbv2": {"millis": True},
    "autoscaling": {"millis": True},
    "glacier": {
        "missing": "MissingParameterValueException",
        "invalid": "InvalidParameterValueException",
        "type_in_body": True,
    },
    "iam": {"seconds": True, "sentences": _IAM},
    "lambda": {"nonnull": True},
    "logs": {
        "missing": "InvalidParameterException",
        "invalid": "InvalidParameterException",
        "unshown": frozenset({"LogGroupIdentifier"}),
    },
    "neptune": {**_PARAMETER, "millis": True},
    "organizations": {"style": "reason", "missing": "InvalidInputException", "invalid": "InvalidInputException"},
    "rds": {**_PARAMETER, "millis": True},
    "redshift": {**_PARAMETER, "millis": True},
    "route53": {"missing": "InvalidInput", "invalid": "InvalidInput", "malformed": "InvalidInput", "millis": True},
    "s3": {
        "style": "s3",
        "missing": "InvalidArgument",
        "invalid": "InvalidArgument",
        "malformed": "MalformedXML",
        "lengths": False,
        "enums": False,
        "patterns": False,
        "millis": True,
        "demoted": frozenset({"ListDirectoryBuckets"}),
        "roots": (
            ("ListObjects", "ListBucketResult"),
            ("ListObjectsV2", "ListBucketResult"),
            ("ListObjectVersions", "ListVersionsResult"),
            ("ListBuckets", "ListAllMyBucketsResult"),
            ("ListDirectoryBuckets", "ListAllMyDirectoryBucketsResult"),
            ("ListParts", "ListPartsResult"),
            ("ListMultipartUploads", "ListMultipartUploadsResult"),
            ("CreateMultipartUpload", "InitiateMultipartUploadResult"),
            ("CompleteMultipartUpload", "CompleteMultipartUploadResult"),
            ("DeleteObjects", "DeleteResult"),
            ("GetBucketAcl", "AccessControlPolicy"),
            ("GetObjectAcl", "AccessControlPolicy"),
            ("GetBucketAccelerateConfiguration", "AccelerateConfiguration"),
            ("GetBucketCors", "CORSConfiguration"),
            ("GetBucketLifecycle", "LifecycleConfiguration"),
            ("GetBucketLifecycleConfiguration", "LifecycleConfiguration"),
            ("GetBucketLogging", "BucketLoggingStatus"),
            ("GetBucketNotification", "NotificationConfiguration"),
            ("GetBucketNotificationConfiguration", "NotificationConfiguration"),
            ("GetBucketRequestPayment", "RequestPaymentConfiguration"),
            ("GetBucketTagging", "Tagging"),
            ("GetObjectTagging", "Tagging"),
            ("GetBucketVersioning", "VersioningConfiguration"),
            ("GetBucketWebsite", "WebsiteConfiguration"),
            ("GetObjectAttributes", "GetObjectAttributesResponse"),
            ("CreateSession", "CreateSessionResult"),
            ("ListBucketAnalyticsConfigurations", "ListBucketAnalyticsConfigurationResult"),
            ("ListBucketIntelligentTieringConfigurations", "ListBucketIntelligentTieringConfigurationsOutput"),
            ("ListBucketInventoryConfigurations", "ListInventoryConfigurationsResult"),
            ("ListBucketMetricsConfigurations", "ListMetricsConfigurationsResult"),
            ("ListObjectAnnotations", "ListObjectAnnotationsResult"),
        ),
    },
    "s3control": {
        "missing": "InvalidRequest",
        "invalid": "InvalidRequest",
        "malformed": "MalformedXML",
        "patterns": False,  # that of ARNs wouldn't let buckets pass, which S3 itself does
    },
    "sns": {"missing": "InvalidParameter", "invalid": "InvalidParameter", "millis": True},
    "sqs": {**_PARAMETER, "error_namespace": "com.amazonaws.sqs#", "enums": False},
    "sts": {"seconds": True},
}


def quirks(service: str, protocol: str) -> Quirks:
    """The habits of a service when it speaks a protocol."""
    return replace(_BY_PROTOCOL.get(protocol, Quirks()), **_BY_SERVICE.get(service, {}))  # type: ignore[arg-type]


QUERY_CODES: dict[str, dict[str, str]] = {
    "sqs": {
        "BatchEntryIdsNotDistinct": "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "BatchRequestTooLong": "AWS.SimpleQueueService.BatchRequestTooLong",
        "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
        "InvalidBatchEntryId": "AWS.SimpleQueueService.InvalidBatchEntryId",
        "KmsAccessDenied": "KMS.AccessDeniedException",
        "KmsDisabled": "KMS.DisabledException",
        "KmsInvalidKeyUsage": "KMS.InvalidKeyUsageException",
        "KmsInvalidState": "KMS.InvalidStateException",
        "KmsNotFound": "KMS.NotFoundException",
        "KmsOptInRequired": "KMS.OptInRequired",
        "KmsThrottled": "KMS.ThrottlingException",
        "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
        "PurgeQueueInProgress": "AWS.SimpleQueueService.PurgeQueueInProgress",
        "QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
        "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists": "QueueAlreadyExists",
        "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
    }
}
"""Error codes that a query-compatible service's older clients know, where its model no longer tells them."""
