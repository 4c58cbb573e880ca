"""What CreateJob accepts: one operation, one source of tasks, a report that says where to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from haneul.services.s3control.errors import errors
from haneul.wire.errors import AwsError

_BUCKET = re.compile(r"arn:aws:s3:(::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|[a-z0-9-]+:\d{12}:accesspoint/[a-z0-9-]+)")
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/.+")
_FUNCTION = re.compile(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:.+")
_OBJECT_TAGS = 10
_JOB_TAGS = 50


def check(request: Mapping[str, Any], account: str) -> None:
    """Raise InvalidRequest or NotImplemented unless the job can be done as it is asked for."""
    operation = request["Operation"]
    names = [name for name, value in operation.items() if value is not None]
    if len(names) != 1:
        raise invalid("Exactly one operation must be specified.")
    if names[0] == "S3ComputeObjectChecksum" and not request["Report"]["Enabled"]:
        raise invalid("Computed checksums are told by the report, so it must be enabled.")
    role = _ROLE.fullmatch(request["RoleArn"])
    if role is None or role[1] != account:
        raise invalid("Invalid role ARN.")
    if (request.get("Manifest") is None) == (request.get("ManifestGenerator") is None):
        raise invalid("Exactly one of Manifest and ManifestGenerator must be specified.")
    if request.get("Manifest") is not None:
        _check_manifest(request["Manifest"])
    else:
        _check_generator(request["ManifestGenerator"])
    _check_report(request["Report"])
    if len(request.get("Tags") or ()) > _JOB_TAGS:
        raise errors.TooManyTagsException(f"The number of tags exceeds the limit of {_JOB_TAGS} tags.")
    checked = _CHECKS.get(names[0])
    if checked is not None:
        checked(operation[names[0]])


def bucket_of(arn: str) -> str:
    """How S3 names the bucket of an ARN: by its name, or by the ARN of an access point."""
    return arn.removeprefix("arn:aws:s3:::")


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    spec, fields = manifest["Spec"], manifest["Spec"].get("Fields")
    if not manifest["Location"]["ObjectArn"].startswith("arn:aws:s3:") or "/" not in manifest["Location"]["ObjectArn"]:
        raise invalid("Invalid manifest object ARN.")
    if spec["Format"] == "S3BatchOperations_CSV_20180820":
        if not fields or not {"Bucket", "Key"} <= set(fields):
            raise invalid("Required fields are missing in the schema: Bucket, Key.")
        named = [field for field in fields if field != "Ignore"]
        if len(set(named)) != len(named):
            raise invalid("Fields must not be named twice in the schema.")
    elif fields:
        raise invalid("Fields can't be given for an inventory report.")


def _check_generator(generator: Mapping[str, Any]) -> None:
    wanted = generator.get("S3JobManifestGenerator")
    if wanted is None:
        raise invalid("A manifest generator must be specified.")
    if not _BUCKET.fullmatch(wanted["SourceBucket"]) or "accesspoint" in wanted["SourceBucket"]:
        raise invalid("Invalid source bucket ARN.")
    for kind in (wanted.get("Filter") or {}).get("MatchAnyObjectEncryption") or ():
        if len([value for value in kind.values() if value is not None]) != 1:
            raise invalid("An encryption filter must have exactly one member.")
    output = wanted.get("ManifestOutputLocation")
    if wanted["EnableManifestOutput"] and output is None:
        raise invalid("ManifestOutputLocation is required when EnableManifestOutput is true.")
    if output is not None and not _BUCKET.fullmatch(output["Bucket"]):
        raise invalid("Invalid manifest output bucket ARN.")


def _check_report(report: Mapping[str, Any]) -> None:
    if not report["Enabled"]:
        return
    if not report.get("Bucket") or report.get("Format") is None or report.get("ReportScope") is None:
        raise invalid("Bucket, Format and ReportScope are required when the report is enabled.")
    if not _BUCKET.fullmatch(report["Bucket"]):
        raise invalid("Invalid report bucket ARN.")


def _check_copy(copy: Mapping[str, Any]) -> None:
    if not _BUCKET.fullmatch(copy.get("TargetResource") or ""):
        raise invalid("Invalid target resource ARN.")
    if (copy.get("ObjectLockMode") is None) != (copy.get("ObjectLockRetainUntilDate") is None):
        raise invalid("ObjectLockMode and ObjectLockRetainUntilDate must be given together.")
    if copy.get("MetadataDirective") == "REPLACE" and copy.get("NewObjectMetadata") is None:
        raise invalid("NewObjectMetadata is required when metadata is replaced.")
    _check_tags(copy.get("NewObjectTagging"))
    _check_grants(copy.get("AccessControlGrants"))


def _check_tagging(tagging: Mapping[str, Any]) -> None:
    _check_tags(tagging.get("TagSet"))


def _check_tags(tags: list[Mapping[str, str]] | None) -> None:
    if len(tags or ()) > _OBJECT_TAGS:
        raise invalid(f"The number of object tags exceeds the limit of {_OBJECT_TAGS}.")


def _check_grants(grants: list[Mapping[str, Any]] | None) -> None:
    for grant in grants or ():
        grantee = grant.get("Grantee") or {}
        if not grantee.get("TypeIdentifier") or not grantee.get("Identifier") or not grant.get("Permission"):
            raise invalid("A grant must name its grantee and permission.")


def _check_lambda(invoke: Mapping[str, Any]) -> None:
    if not _FUNCTION.fullmatch(invoke.get("FunctionArn") or ""):
        raise invalid("Invalid function ARN.")
    version = invoke.get("InvocationSchemaVersion", "1.0")
    if version not in ("1.0", "2.0"):
        raise invalid("Invalid invocation schema version.")
    if invoke.get("UserArguments") and version != "2.0":
        raise invalid("User arguments need the invocation schema version 2.0.")


def _check_acl(acl: Mapping[str, Any]) -> None:
    policy = acl.get("AccessControlPolicy") or {}
    if (policy.get("AccessControlList") is None) == (policy.get("CannedAccessControlList") is None):
        raise invalid("Exactly one of AccessControlList and CannedAccessControlList must be specified.")
    _check_grants((policy.get("AccessControlList") or {}).get("Grants"))


def _check_restore(restore: Mapping[str, Any]) -> None:
    if not restore.get("ExpirationInDays"):
        raise invalid("ExpirationInDays must be a positive number.")


def _check_encryption(update: Mapping[str, Any]) -> None:
    if not (update.get("ObjectEncryption") or {}).get("SSEKMS"):
        raise invalid("ObjectEncryption must name a KMS key.")


def invalid(message: str) -> AwsError:
    return errors.InvalidRequest(message)


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "LambdaInvoke": _check_lambda,
    "S3InitiateRestoreObject": _check_restore,
    "S3PutObjectAcl": _check_acl,
    "S3PutObjectCopy": _check_copy,
    "S3PutObjectTagging": _check_tagging,
    "S3UpdateObjectEncryption": _check_encryption,
}
