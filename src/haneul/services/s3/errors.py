"""S3's errors. Most of what S3 answers isn't in its model, so the statuses are listed here.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from haneul.wire.errors import AwsError, Errors

errors = Errors(
    "s3",
    AccessControlListNotSupported=400,
    AccessDenied=403,
    AccessForbidden=403,
    AuthorizationHeaderMalformed=400,
    BadDigest=400,
    BadRequest=400,
    BucketAlreadyExists=409,
    BucketAlreadyOwnedByYou=409,
    BucketNotEmpty=409,
    ConditionalRequestConflict=409,
    CrossLocationLoggingProhibitted=403,
    EntityTooLarge=400,
    EntityTooSmall=400,
    ExpiredObjectDeleteMarker=405,
    IllegalLocationConstraintException=400,
    IllegalVersioningConfigurationException=400,
    IncompleteBody=400,
    InvalidAccessPoint=400,
    InvalidArgument=400,
    InvalidBucketAclWithObjectOwnership=400,
    InvalidBucketName=400,
    InvalidBucketOwnerAWSAccountID=400,
    InvalidBucketState=409,
    InvalidDigest=400,
    InvalidEncryptionAlgorithmError=400,
    InvalidLocationConstraint=400,
    InvalidNamespaceHeader=400,
    InvalidObjectState=403,
    InvalidPart=400,
    InvalidPartNumber=416,
    InvalidPartOrder=400,
    InvalidPolicyDocument=400,
    InvalidRange=416,
    InvalidRedirectLocation=400,
    InvalidRequest=400,
    InvalidS3DestinationBucket=400,
    InvalidStorageClass=400,
    InvalidTag=400,
    InvalidTargetBucketForLogging=400,
    InvalidTokenId=400,
    InvalidURI=400,
    KeyTooLongError=400,
    MalformedACLError=400,
    MalformedPOSTRequest=400,
    MalformedPolicy=400,
    MalformedXML=400,
    MaxMessageLengthExceeded=400,
    MetadataTooLarge=400,
    MethodNotAllowed=405,
    MissingContentLength=411,
    MissingRequestBodyError=400,
    MissingSecurityHeader=400,
    NoSuchAccessPoint=404,
    NoSuchAccessPointPolicy=404,
    NoSuchBucket=404,
    NoSuchBucketPolicy=404,
    NoSuchConfiguration=404,
    NoSuchCORSConfiguration=404,
    NoSuchKey=404,
    NoSuchLifecycleConfiguration=404,
    NoSuchObjectLockConfiguration=404,
    NoSuchPublicAccessBlockConfiguration=404,
    NoSuchResource=404,
    NoSuchTagSet=404,
    NoSuchUpload=404,
    NoSuchVersion=404,
    NoSuchWebsiteConfiguration=404,
    NotImplemented=501,
    NotModified=304,
    NotSupported=501,
    ObjectLockConfigurationNotFoundError=404,
    OperationAborted=409,
    OwnershipControlsNotFoundError=404,
    PermanentRedirect=301,
    PolicyTooLarge=400,
    PreconditionFailed=412,
    ReplicationConfigurationNotFoundError=404,
    RequestTimeout=400,
    RestoreAlreadyInProgress=409,
    ServerSideEncryptionConfigurationNotFoundError=404,
    TooManyBuckets=400,
    TooManyConfigurations=400,
    UnexpectedContent=400,
    UnresolvableGrantByEmailAddress=400,
    UnsupportedArgument=400,
    UserKeyMustBeSpecified=400,
    XAmzContentSHA256Mismatch=400,
)


def invalid_argument(message: str, name: str, value: object) -> AwsError:
    """InvalidArgument as S3 answers it, naming the parameter and what was given."""
    return errors.InvalidArgument(message, ArgumentName=name, ArgumentValue="" if value is None else str(value))


def not_implemented(header: str, more: str | None = None) -> AwsError:
    """NotImplemented for a header that asks for what general-purpose buckets don't have."""
    return errors.NotImplemented(
        "A header you provided implies functionality that is not implemented", Header=header, additionalMessage=more
    )


def bad_token() -> AwsError:
    """A continuation token that no listing gave out."""
    return errors.InvalidArgument("The continuation token provided is incorrect", ArgumentName="continuation-token")


def no_such_bucket(name: str) -> AwsError:
    return errors.NoSuchBucket("The specified bucket does not exist", BucketName=name)


def no_such_key(key: str) -> AwsError:
    return errors.NoSuchKey("The specified key does not exist.", Key=key)


def no_such_version(key: str, version: str) -> AwsError:
    return errors.NoSuchVersion("The specified version does not exist.", Key=key, VersionId=version)


def no_such_upload(upload: str) -> AwsError:
    return errors.NoSuchUpload(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed.",
        UploadId=upload,
    )


def malformed_xml() -> AwsError:
    return errors.MalformedXML(
        "The XML you provided was not well-formed or did not validate against our published schema"
    )


def precondition_failed(condition: str) -> AwsError:
    return errors.PreconditionFailed(
        "At least one of the pre-conditions you specified did not hold", Condition=condition
    )
