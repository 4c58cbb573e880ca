"""One task of a batch job: the job's operation on one object, as the job's role, through S3's own API.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-operations.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from haneul.service import Call
from haneul.services.s3control import checksum_tasks, lambda_tasks, replications
from haneul.services.s3control.job_requests import bucket_of
from haneul.services.s3control.state import Job, Result, Task
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.s3control")
TRIES = 3
_DONE = Result("", 200, "Successful")
Request = dict[str, Any]


def run(role: Call, job: Job, task: Task) -> Result:
    """Do it; what fails for the moment is tried again at once, a few times."""
    kind, wish = next(iter(job.operation.items()))
    for turn in range(TRIES):
        try:
            if kind == "LambdaInvoke":
                return lambda_tasks.run(role, job, task)
            if kind == "S3ComputeObjectChecksum":
                return checksum_tasks.run(role, task, wish)
            if kind == "S3ReplicateObject":
                replications.ask(role, task)
            else:
                operation, members = _OPERATIONS[kind](task, wish)
                role.invoke("s3", operation, members)
            return _DONE
        except AwsError as error:
            passing = error.status >= 500 and error.status != 501
            if not passing or turn == TRIES - 1:
                return Result(error.code, error.status, error.message)
        except Exception:  # one odd task must not keep a job from its end
            log.exception("a task of job %s failed", job.id)
            return Result("InternalError", 500, "We encountered an internal error. Please try again.")
    raise AssertionError


def _object(task: Task, **members: Any) -> Request:
    named = {"Bucket": task.bucket, "Key": task.key, **members}
    return {**named, "VersionId": task.version} if task.version else named


def _copy(task: Task, wish: Mapping[str, Any]) -> tuple[str, Request]:
    prefix = wish.get("TargetKeyPrefix")
    source = {"Bucket": task.bucket, "Key": task.key}
    if task.version:
        source["VersionId"] = task.version
    request: Request = {
        "Bucket": bucket_of(wish["TargetResource"]),
        "Key": f"{prefix}/{task.key}" if prefix else task.key,
        "CopySource": source,
        "StorageClass": wish.get("StorageClass", "STANDARD"),
        "ACL": wish.get("CannedAccessControlList"),
        "CopySourceIfModifiedSince": wish.get("ModifiedSinceConstraint"),
        "CopySourceIfUnmodifiedSince": wish.get("UnModifiedSinceConstraint"),
        "WebsiteRedirectLocation": wish.get("RedirectLocation"),
        "RequestPayer": "requester" if wish.get("RequesterPays") else None,
        "SSEKMSKeyId": wish.get("SSEAwsKmsKeyId"),
        "BucketKeyEnabled": wish.get("BucketKeyEnabled"),
        "ChecksumAlgorithm": wish.get("ChecksumAlgorithm"),
        "AnnotationDirective": wish.get("AnnotationDirective"),
        "ObjectLockEventHold": wish.get("ObjectLockEventHold"),
        "ObjectLockEventHoldDurationDays": (wish.get("ObjectLockEventHoldDuration") or {}).get("Days"),
        "ObjectLockEventHoldDurationYears": (wish.get("ObjectLockEventHoldDuration") or {}).get("Years"),
        "ObjectLockLegalHoldStatus": wish.get("ObjectLockLegalHoldStatus"),
        "ObjectLockMode": wish.get("ObjectLockMode"),
        "ObjectLockRetainUntilDate": wish.get("ObjectLockRetainUntilDate"),
        **_metadata(wish),
        **_granted(wish.get("AccessControlGrants") or []),
    }
    if wish.get("NewObjectTagging") is not None:
        request["TaggingDirective"] = "REPLACE"
        request["Tagging"] = urlencode(
            [(tag["Key"], tag["Value"]) for tag in wish["NewObjectTagging"]], quote_via=quote
        )
    if wish.get("SSEAwsKmsKeyId"):
        request["ServerSideEncryption"] = "aws:kms"
    return "CopyObject", {member: value for member, value in request.items() if value is not None}


def _metadata(wish: Mapping[str, Any]) -> Request:
    """The headers of the copy: new ones replace those of the source."""
    given = wish.get("NewObjectMetadata")
    if given is None:
        return {"MetadataDirective": wish.get("MetadataDirective")}
    found: Request = {
        member: given.get(member)
        for member in ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")
    }
    if given.get("HttpExpiresDate") is not None:
        moment = datetime.fromtimestamp(given["HttpExpiresDate"], UTC)
        found["Expires"] = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    found["Metadata"] = given.get("UserMetadata") or {}
    algorithm = given.get("SSEAlgorithm")
    found["ServerSideEncryption"] = {"KMS": "aws:kms"}.get(algorithm, algorithm)
    found["MetadataDirective"] = wish.get("MetadataDirective", "REPLACE")
    return found


def _granted(grants: list[Mapping[str, Any]]) -> Request:
    """Grants as the headers that carry them."""
    found: dict[str, list[str]] = {}
    for grant in grants:
        member = _GRANTS[grant["Permission"]]
        grantee = grant["Grantee"]
        found.setdefault(member, []).append(f'{grantee["TypeIdentifier"]}="{grantee["Identifier"]}"')
    return {member: ",".join(names) for member, names in found.items()}


def _acl(task: Task, wish: Mapping[str, Any]) -> tuple[str, Request]:
    policy = wish["AccessControlPolicy"]
    if policy.get("CannedAccessControlList") is not None:
        return "PutObjectAcl", _object(task, ACL=policy["CannedAccessControlList"])
    listed = policy["AccessControlList"]
    grants = [
        {"Grantee": _grantee(grant["Grantee"]), "Permission": grant["Permission"]}
        for grant in listed.get("Grants") or []
    ]
    return "PutObjectAcl", _object(task, AccessControlPolicy={"Owner": listed["Owner"], "Grants": grants})


def _grantee(grantee: Mapping[str, Any]) -> Request:
    kind, member = _GRANTEES[grantee["TypeIdentifier"]]
    return {"Type": kind, member: grantee["Identifier"]}


def _tagging(task: Task, wish: Mapping[str, Any]) -> tuple[str, Request]:
    return "PutObjectTagging", _object(task, Tagging={"TagSet": wish.get("TagSet") or []})


def _untagging(task: Task, wish: Mapping[str, Any]) -> tuple[str, Request]:
    return "DeleteObjectTagging", _object(task)


def _restore(task: Task, wish: Mapping[str, Any]) -> tuple[str, Request]:
    tier = "Bulk" if wish.get("GlacierJobTier", "STANDARD") == "BULK" else "Standard"
    asked = {"Days": wish["ExpirationInDays"], "GlacierJobParameters": {"Tier": tier}}
    return "RestoreObject", _object(task, RestoreRequest=asked)


def _hold(task: Task, wish: Mapping[str, Any]) -> tuple[str, Request]:
    return "PutObjectLegalHold", _object(task, LegalHold={"Status": wish["LegalHold"]["Status"]})


def _retention(task: Task, wish: Mapping[str, Any]) -> tuple[str, Request]:
    given = wish["Retention"]
    asked = {member: value for member, value in given.items() if value is not None}
    request = _object(task, Retention=asked)
    if wish.get("BypassGovernanceRetention"):
        request["BypassGovernanceRetention"] = True
    return "PutObjectRetention", request


def _encryption(task: Task, wish: Mapping[str, Any]) -> tuple[str, Request]:
    return "UpdateObjectEncryption", _object(task, ObjectEncryption=wish.get("ObjectEncryption"))


_GRANTS = {
    "FULL_CONTROL": "GrantFullControl",
    "READ": "GrantRead",
    "READ_ACP": "GrantReadACP",
    "WRITE_ACP": "GrantWriteACP",
    "WRITE": "GrantWrite",
}
_GRANTEES = {
    "id": ("CanonicalUser", "ID"),
    "emailAddress": ("AmazonCustomerByEmail", "EmailAddress"),
    "uri": ("Group", "URI"),
}
_OPERATIONS: Mapping[str, Callable[[Task, Mapping[str, Any]], tuple[str, Request]]] = {
    "S3DeleteObjectTagging": _untagging,
    "S3InitiateRestoreObject": _restore,
    "S3PutObjectAcl": _acl,
    "S3PutObjectCopy": _copy,
    "S3PutObjectLegalHold": _hold,
    "S3PutObjectRetention": _retention,
    "S3PutObjectTagging": _tagging,
    "S3UpdateObjectEncryption": _encryption,
}
