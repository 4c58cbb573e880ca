"""S3's IAM actions: the service whose operations share their action's name least.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ (required permissions) and the Service Authorization Reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Choice = str | Callable[[Mapping[str, Any]], str | list[str]]


def _versioned(action: str) -> Choice:
    """GetObject becomes GetObjectVersion when the request names a version; Acl, Tagging and so on likewise."""
    head, word, tail = action.partition("Object")
    plain, of_version = f"s3:{action}", f"s3:{head}{word}Version{tail}"
    return lambda request: of_version if request.get("VersionId") else plain


def _put(request: Mapping[str, Any]) -> list[str]:
    actions = ["s3:PutObject"]
    if any(request.get(name) for name in _ACL):
        actions.append("s3:PutObjectAcl")
    if request.get("Tagging"):
        actions.append("s3:PutObjectTagging")
    if request.get("ObjectLockMode") or request.get("ObjectLockRetainUntilDate"):
        actions.append("s3:PutObjectRetention")
    if request.get("ObjectLockLegalHoldStatus"):
        actions.append("s3:PutObjectLegalHold")
    if request.get("IfMatch"):  # whoever tries out entity tags learns what is there
        actions.append("s3:GetObject")
    return actions


_ACL = ("ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")


def _create_bucket(request: Mapping[str, Any]) -> list[str]:
    actions = ["s3:CreateBucket"]
    if any(request.get(name) for name in _ACL if request.get(name) != "private"):
        actions.append("s3:PutBucketAcl")
    if request.get("ObjectLockEnabledForBucket"):
        actions += ["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"]
    if request.get("ObjectOwnership"):
        actions.append("s3:PutBucketOwnershipControls")
    if (request.get("CreateBucketConfiguration") or {}).get("Tags"):
        actions.append("s3:TagResource")
    return actions


def _delete(request: Mapping[str, Any]) -> list[str]:
    actions = ["s3:DeleteObjectVersion" if request.get("VersionId") else "s3:DeleteObject"]
    if request.get("BypassGovernanceRetention"):
        actions.append("s3:BypassGovernanceRetention")
    return actions


def _delete_several(request: Mapping[str, Any]) -> list[str]:
    objects = (request.get("Delete") or {}).get("Objects") or []
    kinds = {"s3:DeleteObjectVersion" if one.get("VersionId") else "s3:DeleteObject" for one in objects}
    actions = sorted(kinds) or ["s3:DeleteObject"]
    if request.get("BypassGovernanceRetention"):
        actions.append("s3:BypassGovernanceRetention")
    return actions


def _attributes(request: Mapping[str, Any]) -> list[str]:
    word = "Version" if request.get("VersionId") else ""
    return [f"s3:GetObject{word}", f"s3:GetObject{word}Attributes"]


def _retention(request: Mapping[str, Any]) -> list[str]:
    bypass = ["s3:BypassGovernanceRetention"] if request.get("BypassGovernanceRetention") else []
    return ["s3:PutObjectRetention", *bypass]


_CONFIGURATIONS = {
    # Bucket<name>Configuration -> the action's noun, for Get, Put, Delete and List alike
    "Analytics": "AnalyticsConfiguration",
    "IntelligentTiering": "IntelligentTieringConfiguration",
    "Inventory": "InventoryConfiguration",
    "Metrics": "MetricsConfiguration",
}
_NOUNS = {
    # operation without its verb -> the action's noun; deleting is putting, except where AWS has a right of its own
    "BucketAccelerateConfiguration": "AccelerateConfiguration",
    "BucketCors": "BucketCORS",
    "BucketEncryption": "EncryptionConfiguration",
    "BucketLifecycle": "LifecycleConfiguration",
    "BucketLifecycleConfiguration": "LifecycleConfiguration",
    "BucketNotification": "BucketNotification",
    "BucketNotificationConfiguration": "BucketNotification",
    "BucketOwnershipControls": "BucketOwnershipControls",
    "BucketReplication": "ReplicationConfiguration",
    "BucketTagging": "BucketTagging",
    "ObjectLockConfiguration": "BucketObjectLockConfiguration",
    "PublicAccessBlock": "BucketPublicAccessBlock",
}


def _table() -> dict[str, Choice]:
    table: dict[str, Choice] = {
        "CompleteMultipartUpload": "s3:PutObject",
        "CopyObject": _put,
        "CreateBucket": _create_bucket,
        "CreateMultipartUpload": _put,
        "CreateSession": "s3express:CreateSession",
        "DeleteObject": _delete,
        "DeleteObjects": _delete_several,
        "DeleteObjectTagging": _versioned("DeleteObjectTagging"),
        "GetObject": _versioned("GetObject"),
        "GetObjectAcl": _versioned("GetObjectAcl"),
        "GetObjectAttributes": _attributes,
        "GetObjectTagging": _versioned("GetObjectTagging"),
        "GetObjectTorrent": _versioned("GetObjectTorrent"),
        "HeadBucket": "s3:ListBucket",
        "HeadObject": _versioned("GetObject"),
        "ListBuckets": "s3:ListAllMyBuckets",
        "ListDirectoryBuckets": "s3express:ListAllMyDirectoryBuckets",
        "ListMultipartUploads": "s3:ListBucketMultipartUploads",
        "ListObjects": "s3:ListBucket",
        "ListObjectsV2": "s3:ListBucket",
        "ListObjectVersions": "s3:ListBucketVersions",
        "ListParts": "s3:ListMultipartUploadParts",
        "PutObject": _put,
        "PutObjectAcl": _versioned("PutObjectAcl"),
        "PutObjectRetention": _retention,
        "PutObjectTagging": _versioned("PutObjectTagging"),
        "RenameObject": "s3express:CreateSession",
        "SelectObjectContent": "s3:GetObject",
        "UploadPart": "s3:PutObject",
        "UploadPartCopy": "s3:PutObject",
        "WriteGetObjectResponse": "s3-object-lambda:WriteGetObjectResponse",
    }
    for verb in ("Create", "Get", "Delete"):
        table[f"{verb}BucketMetadataConfiguration"] = f"s3:{verb}BucketMetadataTableConfiguration"
    for name, noun in _CONFIGURATIONS.items():
        for verb, right in (("Get", "Get"), ("Put", "Put"), ("Delete", "Put")):
            table[f"{verb}Bucket{name}Configuration"] = f"s3:{right}{noun}"
        table[f"ListBucket{name}Configurations"] = f"s3:Get{noun}"
    for name, noun in _NOUNS.items():
        for verb, right in (("Get", "Get"), ("Put", "Put"), ("Delete", "Put")):
            table[f"{verb}{name}"] = f"s3:{right}{noun}"
    return table


TABLE = _table()


def needed(operation: str, request: Mapping[str, Any]) -> str | list[str]:
    choice = TABLE.get(operation)
    if choice is None:
        return f"s3:{operation}"
    if isinstance(choice, str):
        return choice
    actions = choice(request)
    return actions[0] if isinstance(actions, list) and len(actions) == 1 else actions


_RIGHTS = """
AbortMultipartUpload BypassGovernanceRetention CreateAccessPoint CreateAccessPointForObjectLambda CreateBucket
CreateBucketMetadataTableConfiguration CreateJob CreateMultiRegionAccessPoint CreateStorageLensGroup DeleteAccessPoint
DeleteAccessPointForObjectLambda DeleteAccessPointPolicy DeleteAccessPointPolicyForObjectLambda DeleteBucket
DeleteBucketMetadataTableConfiguration DeleteBucketOwnershipControls DeleteBucketPolicy DeleteBucketWebsite
DeleteJobTagging DeleteMultiRegionAccessPoint DeleteObject DeleteObjectTagging DeleteObjectVersion
DeleteObjectVersionTagging DeleteStorageLensConfiguration DeleteStorageLensConfigurationTagging DescribeJob
DescribeMultiRegionAccessPointOperation GetAccelerateConfiguration GetAccessPoint GetAccessPointPolicy
GetAccessPointPolicyStatus GetAccountPublicAccessBlock GetAnalyticsConfiguration GetBucketAbac GetBucketAcl
GetBucketCORS GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration GetBucketNotification
GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus
GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite
GetDataAccess GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration GetJobTagging
GetLifecycleConfiguration GetMetricsConfiguration GetMultiRegionAccessPoint GetMultiRegionAccessPointPolicy GetObject
GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent
GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes GetObjectVersionForReplication
GetObjectVersionTagging GetObjectVersionTorrent GetReplicationConfiguration GetStorageLensConfiguration
GetStorageLensConfigurationTagging GetStorageLensDashboard InitiateReplication ListAccessPoints
ListAccessPointsForObjectLambda ListAllMyBuckets ListBucket ListBucketMultipartUploads ListBucketVersions ListJobs
ListMultipartUploadParts ListMultiRegionAccessPoints ListStorageLensConfigurations ListTagsForResource
ObjectOwnerOverrideToBucketOwner PauseReplication PutAccelerateConfiguration PutAccessPointPolicy
PutAccountPublicAccessBlock PutAnalyticsConfiguration PutBucketAbac PutBucketAcl PutBucketCORS PutBucketLogging
PutBucketNotification PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy
PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite
PutEncryptionConfiguration PutIntelligentTieringConfiguration PutInventoryConfiguration PutJobTagging
PutLifecycleConfiguration PutMetricsConfiguration PutMultiRegionAccessPointPolicy PutObject PutObjectAcl
PutObjectLegalHold PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging
PutReplicationConfiguration PutStorageLensConfiguration PutStorageLensConfigurationTagging ReplicateDelete
ReplicateObject ReplicateTags RestoreObject SubmitMultiRegionAccessPointRoutes TagResource UntagResource
UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration UpdateJobPriority
UpdateJobStatus UpdateObjectEncryption UpdateBucketMetadataAnnotationTableConfiguration DeleteObjectAnnotation
GetObjectAnnotation ListObjectAnnotations PutObjectAnnotation
CreateAccessGrant CreateAccessGrantsInstance CreateAccessGrantsLocation DeleteAccessGrant DeleteAccessGrantsInstance
DeleteAccessGrantsInstanceResourcePolicy DeleteAccessGrantsLocation GetAccessGrant GetAccessGrantsInstance
GetAccessGrantsInstanceForPrefix GetAccessGrantsInstanceResourcePolicy GetAccessGrantsLocation ListAccessGrants
ListAccessGrantsInstances ListAccessGrantsLocations ListCallerAccessGrants PutAccessGrantsInstanceResourcePolicy
UpdateAccessGrantsLocation
"""
RIGHTS = frozenset(_RIGHTS.lower().split())
"""Every action of the prefix s3, in lower case."""
