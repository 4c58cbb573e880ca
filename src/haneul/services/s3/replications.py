"""Replication configurations: which of a bucket's objects are copied to which other buckets. replicas.py copies.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from haneul.auth import passing
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.s3.buckets import bucket_of, change_setting
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.state import Bucket, find_bucket, set_setting
from haneul.state.store import Reader

MAX_RULES = 1000
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
_CLASSES = frozenset(
    {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR"}
    | {"DEEP_ARCHIVE"}
)
_SCHEMA = (
    " for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more "
    "information."
)


@operation(resource=bucket_arn, action="s3:PutReplicationConfiguration")
def put_bucket_replication(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketReplication, in either version of the schema. Raises MalformedXML, InvalidRequest, InvalidArgument."""
    given = request.get("ReplicationConfiguration") or {}
    rules = given.get("Rules") or []
    role = given.get("Role") or ""
    if not rules or len(rules) > MAX_RULES:
        raise malformed_xml()
    if not _ROLE.fullmatch(role):
        raise errors.InvalidArgument("Invalid Role ARN", ArgumentName="Role", ArgumentValue=role)
    passing.check(call, role, "s3.amazonaws.com")
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        if bucket.versioning != "Enabled":
            raise errors.InvalidRequest(
                "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
            )
        kept = [_rule(tx, bucket, rule) for rule in rules]
        _check_together(kept)
        set_setting(tx, bucket, "replication", {"Role": role, "Rules": kept})


@operation(resource=bucket_arn, action="s3:GetReplicationConfiguration")
def get_bucket_replication(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketReplication. Raises ReplicationConfigurationNotFoundError."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    found = bucket.settings.get("replication")
    if found is None:
        raise errors.ReplicationConfigurationNotFoundError(
            "The replication configuration was not found", BucketName=bucket.name
        )
    return {"ReplicationConfiguration": found}


@operation(resource=bucket_arn, action="s3:PutReplicationConfiguration")
def delete_bucket_replication(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteBucketReplication. Deleting none is no error."""
    change_setting(call, request, "replication", None)


def _rule(tx: Reader, bucket: Bucket, rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule that holds, with an id. Raises AwsError."""
    if rule.get("Status") not in ("Enabled", "Disabled") or not rule.get("Destination"):
        raise malformed_xml()
    if len(rule.get("ID") or "") > 255:
        raise errors.InvalidArgument("ID length should not exceed allowed limit of 255")
    if "Filter" in rule:
        _check_filter(rule)
    elif "Prefix" in rule and "DeleteMarkerReplication" in rule:
        raise errors.InvalidRequest(f"DeleteMarkerReplication cannot be used{_SCHEMA}")
    existing = (rule.get("ExistingObjectReplication") or {}).get("Status")
    if existing not in (None, "Enabled", "Disabled"):
        raise malformed_xml()
    _check_destination(tx, bucket, rule)
    return {"ID": tokens.uuid(), **{name: value for name, value in rule.items() if name != "ID" or value}}


def _check_filter(rule: Mapping[str, Any]) -> None:
    if "Prefix" in rule:
        raise malformed_xml()
    wanted = rule["Filter"]
    if "Not" in wanted:
        raise errors.NotImplemented("Filters of what not to replicate are not implemented.")
    if len(wanted) > 1 or ("And" in wanted and len(wanted["And"].get("Tags") or ()) + ("Prefix" in wanted["And"]) < 2):
        raise malformed_xml()
    if "Priority" not in rule:
        raise errors.InvalidRequest(f"Priority must be specified{_SCHEMA}")
    markers = (rule.get("DeleteMarkerReplication") or {}).get("Status")
    if markers is None:
        raise errors.InvalidRequest(f"DeleteMarkerReplication must be specified{_SCHEMA}")
    if markers not in ("Enabled", "Disabled"):
        raise malformed_xml()
    if markers == "Enabled" and ("Tag" in wanted or (wanted.get("And") or {}).get("Tags")):
        raise errors.InvalidRequest(
            "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer "
            "Guide for more information."
        )


def _check_destination(tx: Reader, bucket: Bucket, rule: Mapping[str, Any]) -> None:
    given = rule["Destination"]
    arn = given.get("Bucket") or ""
    name = destination(given)
    if not arn.startswith("arn:aws") or not name or "/" in name:
        raise errors.InvalidArgument("Invalid bucket ARN.", ArgumentName="Bucket", ArgumentValue=arn)
    if given.get("StorageClass", "STANDARD") not in _CLASSES:
        raise malformed_xml()
    if ("AccessControlTranslation" in given) != ("Account" in given) and "AccessControlTranslation" in given:
        raise errors.InvalidRequest("Account must be specified when AccessControlTranslation is specified.")
    if name == bucket.name:
        raise errors.InvalidRequest("Destination bucket cannot be the same as the source bucket.")
    there = find_bucket(tx, name)
    if there is None:
        raise errors.InvalidRequest("Destination bucket must exist.")
    if there.versioning != "Enabled":
        raise errors.InvalidRequest("Destination bucket must have versioning enabled.")
    if "Account" in given and given["Account"] != there.owner:
        raise errors.InvalidRequest("Account in Destination is not the owner of the destination bucket.")
    kms = ((rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}).get("Status")
    if (kms == "Enabled") != ("EncryptionConfiguration" in given):
        raise errors.InvalidRequest(
            "EncryptionConfiguration must be specified if and only if SseKmsEncryptedObjects is enabled."
            if kms == "Enabled"
            else "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present."
        )


def _check_together(rules: list[dict[str, Any]]) -> None:
    """What rules may not be to each other."""
    if len({rule["ID"] for rule in rules}) < len(rules):
        raise errors.InvalidArgument("Rule Id must be unique")
    if len({"Filter" in rule for rule in rules}) > 1:
        raise malformed_xml()
    if "Filter" in rules[0]:
        priorities = [rule["Priority"] for rule in rules]
        if len(set(priorities)) < len(priorities):
            raise errors.InvalidRequest("Duplicate priorities are not allowed in a replication configuration.")
        return
    if len({rule["Destination"]["Bucket"] for rule in rules}) > 1:
        raise errors.InvalidRequest(
            "The configuration schema in which Prefix is outside of Filter supports one destination bucket only."
        )
    prefixes = sorted(rule.get("Prefix", "") for rule in rules)
    for before, after in pairwise(prefixes):
        if after.startswith(before):
            raise errors.InvalidArgument(f"Found overlapping prefixes '{before}' and '{after}'")


def destination(given: Mapping[str, Any]) -> str:
    """The name of a rule's destination bucket; "" where its ARN isn't a bucket's."""
    parts: list[str] = str(given.get("Bucket") or "").split(":", 5)
    return parts[5] if len(parts) == 6 and parts[0] == "arn" and parts[2] == "s3" else ""
