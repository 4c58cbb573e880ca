"""Batch Operations: jobs that really work on every object of a manifest, and tell what came of it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.s3control.conftest import ACCOUNT, named

Unique = Callable[[str], str]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/batch"
TAGGING = {"S3PutObjectTagging": {"TagSet": [{"Key": "done", "Value": "yes"}]}}
ENDED = ("Complete", "Failed", "Cancelled")
CSV = {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}


def code_of(function: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        function(**request)
    return str(caught.value.response["Error"]["Code"])


def listed(s3: Any, bucket: str, *rows: str, key: str = "manifest.csv") -> dict[str, Any]:
    """A CSV manifest put into the bucket."""
    told = s3.put_object(Bucket=bucket, Key=key, Body="".join(f"{row}\n" for row in rows).encode())
    return {"Spec": CSV, "Location": {"ObjectArn": f"arn:aws:s3:::{bucket}/{key}", "ETag": told["ETag"].strip('"')}}


def start(control: Any, operation: dict[str, Any], **more: Any) -> str:
    wish = {
        "AccountId": ACCOUNT,
        "Operation": operation,
        "Report": {"Enabled": False},
        "Priority": 10,
        "RoleArn": ROLE,
        "ClientRequestToken": uuid.uuid4().hex,
        "ConfirmationRequired": False,
    }
    return str(control.create_job(**{**wish, **more})["JobId"])


def until(control: Any, job: str, *statuses: str) -> dict[str, Any]:
    """The job, once it has one of the statuses."""
    end = time.monotonic() + 60
    while True:
        told: dict[str, Any] = control.describe_job(AccountId=ACCOUNT, JobId=job)["Job"]
        if told["Status"] in (statuses or ENDED):
            return told
        assert time.monotonic() < end and told["Status"] not in ENDED, told
        time.sleep(0.05)


def report_of(s3: Any, bucket: str, stem: str) -> dict[str, list[list[str]]]:
    """The rows of a completion report by their kind, its digests checked."""
    body = s3.get_object(Bucket=bucket, Key=f"{stem}/manifest.json")["Body"].read()
    assert s3.get_object(Bucket=bucket, Key=f"{stem}/manifest.json.md5")["Body"].read().decode() == (
        hashlib.md5(body).hexdigest()
    )
    found: dict[str, list[list[str]]] = {}
    for one in json.loads(body)["Results"]:
        content = s3.get_object(Bucket=one["Bucket"], Key=one["Key"])["Body"].read()
        assert hashlib.md5(content).hexdigest() == one["MD5Checksum"]
        found.setdefault(one["TaskExecutionStatus"], []).extend(csv.reader(io.StringIO(content.decode())))
    return found


def test_tags_by_a_csv_manifest(control: Any, s3: Any, bucket: str) -> None:
    # The whole way of a job: every object is worked on, what failed is told, and the report says so too.
    for key in ("a b", "ü/c", "d"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    manifest = listed(s3, bucket, f"{bucket},a+b", f"{bucket},%C3%BC/c", f"{bucket},d", f"{bucket},missing")
    report = {
        "Bucket": f"arn:aws:s3:::{bucket}", "Format": "Report_CSV_20180820", "Enabled": True, "Prefix": "reports",
        "ReportScope": "AllTasks",
    }  # fmt: skip
    job = start(control, TAGGING, Manifest=manifest, Report=report, Description="Tag them")
    told = until(control, job)
    assert told["Status"] == "Complete" and told["Description"] == "Tag them"
    assert told["ProgressSummary"]["TotalNumberOfTasks"] == 4
    assert (told["ProgressSummary"]["NumberOfTasksSucceeded"], told["ProgressSummary"]["NumberOfTasksFailed"]) == (3, 1)
    assert told["JobArn"] == f"arn:aws:s3:us-east-1:{ACCOUNT}:job/{job}" and told["TerminationDate"]
    for key in ("a b", "ü/c", "d"):
        assert s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == [{"Key": "done", "Value": "yes"}]
    rows = report_of(s3, bucket, f"reports/job-{job}")
    assert [row[1] for row in rows["succeeded"]] == ["a+b", "%C3%BC/c", "d"]
    assert rows["failed"] == [
        [bucket, "missing", "", "failed", "404", "NoSuchKey", "The specified key does not exist."]
    ]
    assert job in [one["JobId"] for one in control.list_jobs(AccountId=ACCOUNT, JobStatuses=["Complete"])["Jobs"]]
    assert code_of(
        control.update_job_status, AccountId=ACCOUNT, JobId=job, RequestedJobStatus="Cancelled"
    ) == "JobStatusException"  # fmt: skip


def test_copies(control: Any, s3: Any, bucket: str, unique: Unique) -> None:
    # Copies carry new metadata, tags and class to another bucket, under a prefix; an access point is a target too.
    there = unique("there")
    s3.create_bucket(Bucket=there)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 300_000, Metadata={"old": "1"})
    copy = {
        "TargetResource": f"arn:aws:s3:::{there}", "TargetKeyPrefix": "in", "StorageClass": "STANDARD_IA",
        "NewObjectMetadata": {"UserMetadata": {"new": "2"}, "ContentType": "text/plain"},
        "NewObjectTagging": [{"Key": "a b", "Value": "c=d"}],
    }  # fmt: skip
    manifest = listed(s3, bucket, f"{bucket},k")
    report = {"Bucket": f"arn:aws:s3:::{there}", "Format": "Report_CSV_20180820", "Enabled": True,
              "ReportScope": "AllTasks"}  # fmt: skip
    job = start(control, {"S3PutObjectCopy": copy}, Manifest=manifest, Report=report)
    until(control, job)
    assert report_of(s3, there, f"job-{job}") == {
        "succeeded": [[bucket, "k", "", "succeeded", "200", "", "Successful"]]
    }
    made = s3.get_object(Bucket=there, Key="in/k")
    assert made["Body"].read() == b"x" * 300_000
    assert (made["Metadata"], made["ContentType"], made["StorageClass"]) == ({"new": "2"}, "text/plain", "STANDARD_IA")
    assert s3.get_object_tagging(Bucket=there, Key="in/k")["TagSet"] == [{"Key": "a b", "Value": "c=d"}]
    arn = control.create_access_point(AccountId=ACCOUNT, Name=unique("target"), Bucket=there)["AccessPointArn"]
    job = start(control, {"S3PutObjectCopy": {"TargetResource": arn}}, Manifest=manifest)
    assert until(control, job)["ProgressSummary"]["NumberOfTasksSucceeded"] == 1
    assert s3.get_object(Bucket=there, Key="k")["Metadata"] == {"old": "1"}


def test_versions_and_other_operations(control: Any, s3: Any, unique: Unique) -> None:
    # Locks, holds, ACLs and tags of the very versions that a manifest names.
    bucket = unique("locked")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="t=1")["VersionId"]
    new = s3.put_object(Bucket=bucket, Key="k", Body=b"2", Tagging="t=2")["VersionId"]
    manifest = listed(s3, bucket, f"{bucket},k,{old}")
    manifest["Spec"] = {**CSV, "Fields": ["Bucket", "Key", "VersionId"]}
    retain = {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": time.time() + 9e5}}
    owner = s3.list_buckets()["Owner"]
    grants = [{"Grantee": {"TypeIdentifier": "id", "Identifier": owner["ID"]}, "Permission": "READ"}]
    for operation in (
        {"S3PutObjectRetention": retain},
        {"S3PutObjectLegalHold": {"LegalHold": {"Status": "ON"}}},
        {"S3DeleteObjectTagging": {}},
        {"S3PutObjectAcl": {"AccessControlPolicy": {"AccessControlList": {"Owner": owner, "Grants": grants}}}},
    ):
        told = until(control, start(control, operation, Manifest=manifest))
        assert told["ProgressSummary"]["NumberOfTasksSucceeded"] == 1, operation
    assert s3.get_object_retention(Bucket=bucket, Key="k", VersionId=old)["Retention"]["Mode"] == "GOVERNANCE"
    assert s3.get_object_legal_hold(Bucket=bucket, Key="k", VersionId=old)["LegalHold"]["Status"] == "ON"
    assert s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=old)["TagSet"] == []
    assert s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=new)["TagSet"]
    assert [one["Permission"] for one in s3.get_object_acl(Bucket=bucket, Key="k", VersionId=old)["Grants"]] == ["READ"]


def test_checksums(control: Any, s3: Any, bucket: str) -> None:
    # The report tells checksums of what is stored: of archived objects, and of the parts of one.
    data = [b"a" * (5 << 20), b"b" * 1000]
    s3.put_object(Bucket=bucket, Key="cold", Body=b"cold", StorageClass="GLACIER")
    upload = {"Bucket": bucket, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, ChecksumAlgorithm="SHA256")["UploadId"]
    parts = [
        {"PartNumber": number, **{name: made[name] for name in ("ETag", "ChecksumSHA256")}}
        for number, made in (
            (number, s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256"))
            for number, body in enumerate(data, 1)
        )
    ]
    known = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})["ChecksumSHA256"]
    manifest = listed(s3, bucket, f"{bucket},cold", f"{bucket},parts")
    report = {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "Report_CSV_20180820", "Enabled": True,
              "ReportScope": "AllTasks"}  # fmt: skip
    found: dict[str, list[dict[str, str]]] = {}
    for kind in ("FULL_OBJECT", "COMPOSITE"):
        wish = {"S3ComputeObjectChecksum": {"ChecksumAlgorithm": "SHA256", "ChecksumType": kind}}
        job = start(control, wish, Manifest=manifest, Report=report)
        until(control, job)
        found[kind] = [json.loads(row[6]) for row in report_of(s3, bucket, f"job-{job}")["succeeded"]]
    hexes = [hashlib.sha256(body).hexdigest() for body in (b"cold", b"".join(data))]
    assert [one["checksum_hex"] for one in found["FULL_OBJECT"]] == hexes
    assert [one["checksum_base64"] for one in found["COMPOSITE"]] == [known]


def test_event_holds_and_encryption(control: Any, s3: Any, by_name: Callable[..., Any], unique: Unique) -> None:
    # What S3 can do to one object a job can do to many: holds until an event, another KMS key.
    bucket, key = unique("held"), by_name("kms").create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    manifest = listed(s3, bucket, f"{bucket},k")
    hold = {"Retention": {"Mode": "GOVERNANCE", "EventHold": "ON", "EventHoldDuration": {"Days": 3}}}
    update = {"ObjectEncryption": {"SSEKMS": {"KMSKeyArn": key}}}
    for operation in ({"S3UpdateObjectEncryption": update}, {"S3PutObjectRetention": hold}):
        job = start(control, operation, Manifest=manifest)
        assert until(control, job)["ProgressSummary"]["NumberOfTasksSucceeded"] == 1, operation
    assert s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == key
    assert s3.get_object_retention(Bucket=bucket, Key="k")["Retention"]["EventHold"] == "ON"


def test_restores(control: Any, s3: Any, bucket: str) -> None:
    # Archived objects are brought back by a job.
    s3.put_object(Bucket=bucket, Key="cold", Body=b"1", StorageClass="GLACIER")
    restore = {"S3InitiateRestoreObject": {"ExpirationInDays": 2, "GlacierJobTier": "STANDARD"}}
    job = start(control, restore, Manifest=listed(s3, bucket, f"{bucket},cold"))
    assert until(control, job)["ProgressSummary"]["NumberOfTasksSucceeded"] == 1
    assert "ongoing-request" in s3.head_object(Bucket=bucket, Key="cold")["Restore"]


def test_generated_manifest(control: Any, s3: Any, bucket: str, unique: Unique) -> None:
    # S3 lists a bucket's objects itself, by a filter, and leaves the list where it was asked to; the list works again.
    for number in range(250):
        s3.put_object(Bucket=bucket, Key=f"in/{number:03}.txt", Body=b"1" * (number % 2))
    s3.put_object(Bucket=bucket, Key="out/1.txt", Body=b"1")
    there = unique("lists")
    s3.create_bucket(Bucket=there)
    generator = {
        "SourceBucket": f"arn:aws:s3:::{bucket}", "EnableManifestOutput": True,
        "ManifestOutputLocation": {"Bucket": f"arn:aws:s3:::{there}",
                                   "ManifestFormat": "S3InventoryReport_CSV_20211130"},
        "Filter": {"KeyNameConstraint": {"MatchAnyPrefix": ["in/"], "MatchAnySuffix": [".txt"]},
                   "ObjectSizeGreaterThanBytes": 0, "MatchAnyStorageClass": ["STANDARD"]},
    }  # fmt: skip
    job = start(control, TAGGING, ManifestGenerator={"S3JobManifestGenerator": generator})
    told = until(control, job)
    assert told["ProgressSummary"]["NumberOfTasksSucceeded"] == told["ProgressSummary"]["TotalNumberOfTasks"] == 125
    assert s3.get_object_tagging(Bucket=bucket, Key="in/001.txt")["TagSet"]
    assert not s3.get_object_tagging(Bucket=bucket, Key="in/000.txt")["TagSet"]
    location = told["GeneratedManifestDescriptor"]["Location"]
    spec = {"Format": "S3InventoryReport_CSV_20161130"}
    again = start(control, {"S3DeleteObjectTagging": {}}, Manifest={"Spec": spec, "Location": location})
    assert until(control, again)["ProgressSummary"]["NumberOfTasksSucceeded"] == 125
    assert not s3.get_object_tagging(Bucket=bucket, Key="in/001.txt")["TagSet"]


def test_confirmed_or_cancelled(control: Any, s3: Any, bucket: str) -> None:
    # A job that wants to be confirmed does nothing before it is.
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    manifest = listed(s3, bucket, f"{bucket},k")
    first = start(control, TAGGING, Manifest=manifest, ConfirmationRequired=True)
    second = start(control, TAGGING, Manifest=manifest, ConfirmationRequired=True)
    told = until(control, first, "Suspended")
    assert told["SuspendedCause"] and told["ProgressSummary"]["TotalNumberOfTasks"] == 1
    until(control, second, "Suspended")
    assert not s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    given = {"AccountId": ACCOUNT, "JobId": first}
    assert control.update_job_priority(**given, Priority=99)["Priority"] == 99
    control.update_job_status(**given, RequestedJobStatus="Ready", StatusUpdateReason="go")
    told = until(control, first)
    assert (told["Status"], told["Priority"], told["StatusUpdateReason"]) == ("Complete", 99, "go")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    control.update_job_status(AccountId=ACCOUNT, JobId=second, RequestedJobStatus="Cancelled")
    assert until(control, second)["Status"] == "Cancelled"
    assert until(control, second)["ProgressSummary"]["NumberOfTasksSucceeded"] == 0


def test_cancelled_at_work(control: Any, s3: Any, bucket: str) -> None:
    # A job that is cancelled stops, and its report tells exactly what was done until then.
    manifest = listed(s3, bucket, *(f"{bucket},manifest.csv" for _ in range(5000)))
    report = {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "Report_CSV_20180820", "Enabled": True,
              "ReportScope": "AllTasks"}  # fmt: skip
    job = start(control, TAGGING, Manifest=manifest, Report=report)
    until(control, job, "Active")
    while not control.describe_job(AccountId=ACCOUNT, JobId=job)["Job"]["ProgressSummary"]["NumberOfTasksSucceeded"]:
        time.sleep(0.01)
    told = control.update_job_status(
        AccountId=ACCOUNT, JobId=job, RequestedJobStatus="Cancelled", StatusUpdateReason="enough"
    )
    assert told["Status"] == "Cancelling"
    ended = until(control, job)
    done = ended["ProgressSummary"]["NumberOfTasksSucceeded"]
    assert ended["Status"] == "Cancelled" and 0 < done < 5000
    assert len(report_of(s3, bucket, f"job-{job}")["succeeded"]) == done


def test_too_many_failures(control: Any, s3: Any, bucket: str) -> None:
    # After a thousand tasks, a job of which more than half failed gives up.
    manifest = listed(s3, bucket, *(f"{bucket},missing-{number}" for number in range(1500)))
    report = {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "Report_CSV_20180820", "Enabled": True,
              "ReportScope": "FailedTasksOnly"}  # fmt: skip
    job = start(control, TAGGING, Manifest=manifest, Report=report)
    told = until(control, job)
    assert told["Status"] == "Failed" and told["FailureReasons"][0]["FailureCode"] == "FailureRateExceeded"
    assert told["ProgressSummary"]["NumberOfTasksFailed"] == 1000
    assert len(report_of(s3, bucket, f"job-{job}")["failed"]) == 1000


def test_bad_manifests(control: Any, s3: Any, bucket: str) -> None:
    # A manifest that isn't the one meant, or is none, fails the job before anything is done.
    manifest = listed(s3, bucket, f"{bucket},k")
    changed = {**manifest, "Location": {**manifest["Location"], "ETag": "0" * 32}}
    torn = {**listed(s3, bucket, f"{bucket},k,more", key="torn.csv")}
    gone = {**manifest, "Location": {**manifest["Location"], "ObjectArn": f"arn:aws:s3:::{bucket}/gone"}}
    report = {"Format": "S3InventoryReport_CSV_20161130"}
    odd = [
        {**listed(s3, bucket, text, key=f"odd-{number}.json"), "Spec": report}
        for number, text in enumerate(('{"fileFormat": "CSV", "fileSchema": 1, "files": []}', "[]", "{", "\0"))
    ]
    known = [(changed, "InvalidManifest"), (torn, "InvalidManifest"), (gone, "ManifestNotFound")]
    for bad, code in (*known, *((one, "InvalidManifest") for one in odd)):
        told = until(control, start(control, TAGGING, Manifest=bad))
        assert (told["Status"], told["FailureReasons"][0]["FailureCode"]) == ("Failed", code)


def test_bad_wishes(control: Any, s3: Any, bucket: str) -> None:
    # What can't be a job is refused at once; a token means one job.
    manifest = listed(s3, bucket, f"{bucket},k")
    assert code_of(lambda **more: start(control, {}, **more), Manifest=manifest) == "InvalidRequest"
    assert code_of(lambda **more: start(control, TAGGING, **more)) == "InvalidRequest"
    assert code_of(
        lambda **more: start(control, TAGGING, Manifest=manifest, **more), Report={"Enabled": True}
    ) == "InvalidRequest"  # fmt: skip
    assert code_of(lambda: start(control, {"S3ComputeObjectChecksum": {}}, Manifest=manifest)) == "InvalidRequest"
    assert code_of(control.describe_job, AccountId=ACCOUNT, JobId=str(uuid.uuid4())) == "NoSuchJob"
    token = uuid.uuid4().hex
    job = start(control, TAGGING, Manifest=manifest, ClientRequestToken=token)
    assert start(control, TAGGING, Manifest=manifest, ClientRequestToken=token) == job
    assert code_of(
        lambda: start(control, TAGGING, Manifest=manifest, ClientRequestToken=token, Priority=1)
    ) == "IdempotencyException"  # fmt: skip


def test_job_tags(control: Any, s3: Any, bucket: str) -> None:
    # A job's tags are replaced as a whole.
    job = start(control, TAGGING, Manifest=listed(s3, bucket, f"{bucket},k"), Tags=[{"Key": "a", "Value": "1"}])
    given = {"AccountId": ACCOUNT, "JobId": job}
    assert control.get_job_tagging(**given)["Tags"] == [{"Key": "a", "Value": "1"}]
    until(control, job)
    control.put_job_tagging(**given, Tags=[{"Key": "b", "Value": "2"}])
    assert control.get_job_tagging(**given)["Tags"] == [{"Key": "b", "Value": "2"}]
    control.delete_job_tagging(**given)
    assert control.get_job_tagging(**given).get("Tags", []) == []


HANDLER = """
def handler(event, context):
    results = []
    for task in event["tasks"]:
        name = task.get("s3Bucket") or task["s3BucketArn"].rpartition(":")[2]
        code = "PermanentFailure" if task["s3Key"] == "bad" else "Succeeded"
        text = f"{name}/{task['s3Key']} {event['job'].get('userArguments')}"
        results.append({"taskId": task["taskId"], "resultCode": code, "resultString": text})
    if event["tasks"][0]["s3Key"] == "raises":
        raise ValueError("no")
    return {"invocationSchemaVersion": event["invocationSchemaVersion"], "treatMissingKeysAs": "PermanentFailure",
            "invocationId": event["invocationId"], "results": results}
"""


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
def test_a_function_for_every_object(
    control: Any, s3: Any, by_name: Callable[..., Any], bucket: str, unique: Unique, schema: str
) -> None:
    # A function gets AWS's event and answers how it went; what it raises is told too.
    packed, functions = io.BytesIO(), by_name("lambda")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", HANDLER)
    made = functions.create_function(
        FunctionName=unique("task"), Runtime="python3.11", Handler="index.handler", Role=ROLE,
        Code={"ZipFile": packed.getvalue()},
    )  # fmt: skip
    manifest = listed(s3, bucket, f"{bucket},good", f"{bucket},bad", f"{bucket},raises")
    invoke: dict[str, Any] = {"FunctionArn": made["FunctionArn"], "InvocationSchemaVersion": schema}
    if schema == "2.0":
        invoke["UserArguments"] = {"x": "1"}
    report = {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "Report_CSV_20180820", "Enabled": True,
              "ReportScope": "AllTasks"}  # fmt: skip
    job = start(control, {"LambdaInvoke": invoke}, Manifest=manifest, Report=report)
    assert until(control, job)["ProgressSummary"]["NumberOfTasksFailed"] == 2
    rows = report_of(s3, bucket, f"job-{job}")
    arguments = "{'x': '1'}" if schema == "2.0" else "None"
    assert [row[-1] for row in rows["succeeded"]] == [f"{bucket}/good {arguments}"]
    bad, raised = rows["failed"]
    assert bad[4:] == ["200", "PermanentFailure", f"{bucket}/bad {arguments}"]
    assert raised[5] == "PermanentFailure" and raised[6].startswith("Lambda returned function error: {")


def test_replicates_what_was_there(control: Any, s3: Any, unique: Unique) -> None:
    # Batch replication brings over what was there before the rule.
    here, there = unique("here"), unique("there")
    for name in (here, there):
        s3.create_bucket(Bucket=name)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=here, Key="k", Body=b"old")["VersionId"]
    rule = {"ID": "all", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{there}"}}  # fmt: skip
    s3.put_bucket_replication(Bucket=here, ReplicationConfiguration={"Role": ROLE, "Rules": [rule]})
    generator = {"SourceBucket": f"arn:aws:s3:::{here}", "EnableManifestOutput": False,
                 "Filter": {"EligibleForReplication": True, "ObjectReplicationStatuses": ["NONE"]}}  # fmt: skip
    job = start(control, {"S3ReplicateObject": {}}, ManifestGenerator={"S3JobManifestGenerator": generator})
    assert until(control, job)["ProgressSummary"]["NumberOfTasksSucceeded"] == 1
    end = time.monotonic() + 20
    while "Versions" not in s3.list_object_versions(Bucket=there):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert s3.get_object(Bucket=there, Key="k", VersionId=first)["Body"].read() == b"old"


def test_on_the_roles_rights(fresh_cloud: Callable[..., Any], unique: Unique) -> None:
    # Where IAM is enforced a job may what its role may, the role must trust the service, and be handed over rightly.
    cloud = fresh_cloud("--enforce-iam")
    s3, control, iam = (named(cloud.port, service, ACCOUNT) for service in ("s3", "s3control", "iam"))
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket)
    for key in ("yes/1", "no/1"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    manifest = listed(s3, bucket, f"{bucket},yes/1", f"{bucket},no/1")

    def document(**statement: Any) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})

    def trust(service: str) -> str:
        return document(Principal={"Service": service}, Action="sts:AssumeRole")

    iam.create_role(RoleName="batch", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    told = until(control, start(control, TAGGING, Manifest=manifest))
    assert (told["Status"], told["FailureReasons"][0]["FailureCode"]) == ("Failed", "AccessDenied")
    iam.update_assume_role_policy(RoleName="batch", PolicyDocument=trust("batchoperations.s3.amazonaws.com"))
    told = until(control, start(control, TAGGING, Manifest=manifest))
    assert (told["Status"], told["FailureReasons"][0]["FailureCode"]) == ("Failed", "ManifestAccessDenied")
    rights = document(
        Action=["s3:GetObject", "s3:PutObjectTagging"],
        Resource=[f"arn:aws:s3:::{bucket}/manifest.csv", f"arn:aws:s3:::{bucket}/yes/*"],
    )
    iam.put_role_policy(RoleName="batch", PolicyName="p", PolicyDocument=rights)
    told = until(control, start(control, TAGGING, Manifest=manifest))
    assert told["Status"] == "Complete"
    assert (told["ProgressSummary"]["NumberOfTasksSucceeded"], told["ProgressSummary"]["NumberOfTasksFailed"]) == (1, 1)
    iam.create_user(UserName="jane")
    iam.put_user_policy(UserName="jane", PolicyName="p", PolicyDocument=document(Action="s3:CreateJob", Resource="*"))
    key = iam.create_access_key(UserName="jane")["AccessKey"]
    jane = named(cloud.port, "s3control", key["AccessKeyId"], key["SecretAccessKey"])
    assert code_of(lambda: start(jane, TAGGING, Manifest=manifest)) == "AccessDenied"
    assert code_of(jane.list_jobs, AccountId=ACCOUNT) == "AccessDenied"
    passing = document(Action=["s3:CreateJob", "iam:PassRole"], Resource="*")
    iam.put_user_policy(UserName="jane", PolicyName="p", PolicyDocument=passing)
    assert start(jane, TAGGING, Manifest=manifest)
    tags = [{"Key": "a", "Value": "1"}]
    assert code_of(lambda: start(jane, TAGGING, Manifest=manifest, Tags=tags)) == "AccessDenied"


def test_goes_on_after_a_kill(fresh_cloud: Callable[..., Any], unique: Unique) -> None:
    # A job that was killed at its work, again and again, does every task and counts each of them once.
    cloud = fresh_cloud()
    s3 = named(cloud.port, "s3", ACCOUNT)
    bucket = unique("killed")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="source", Body=b"1")
    manifest = listed(s3, bucket, *(f"{bucket},source" for _ in range(600)), *(f"{bucket},no" for _ in range(599)))
    report = {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "Report_CSV_20180820", "Enabled": True,
              "ReportScope": "AllTasks"}  # fmt: skip
    job = start(named(cloud.port, "s3control", ACCOUNT), TAGGING, Manifest=manifest, Report=report)
    for least in (1, 500):
        control = named(cloud.port, "s3control", ACCOUNT)
        end = time.monotonic() + 60
        while sum(_counts(control, job)) < least:
            assert time.monotonic() < end
            time.sleep(0.01)
        cloud.kill()
        cloud.start()
    control, s3 = named(cloud.port, "s3control", ACCOUNT), named(cloud.port, "s3", ACCOUNT)
    assert until(control, job)["Status"] == "Complete"
    assert _counts(control, job) == (600, 599)
    rows = report_of(s3, bucket, f"job-{job}")
    assert (len(rows["succeeded"]), len(rows["failed"])) == (600, 599)


def _counts(control: Any, job: str) -> tuple[int, int]:
    told = control.describe_job(AccountId=ACCOUNT, JobId=job)["Job"]["ProgressSummary"]
    return told["NumberOfTasksSucceeded"], told["NumberOfTasksFailed"]


def test_the_more_important_first(control: Any, s3: Any, bucket: str) -> None:
    # A job pauses while one of higher priority is at work, and goes on afterwards.
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    manifest = listed(s3, bucket, *(f"{bucket},k" for _ in range(1200)))
    low = start(control, TAGGING, Manifest=manifest, Priority=1, ConfirmationRequired=True)
    high = start(control, TAGGING, Manifest=manifest, Priority=2, ConfirmationRequired=True)
    for job in (low, high):
        until(control, job, "Suspended")
    control.update_job_status(AccountId=ACCOUNT, JobId=high, RequestedJobStatus="Ready")
    until(control, high, "Active")
    control.update_job_status(AccountId=ACCOUNT, JobId=low, RequestedJobStatus="Ready")
    until(control, low, "Paused")
    assert until(control, high)["ProgressSummary"]["NumberOfTasksSucceeded"] == 1200
    assert until(control, low)["ProgressSummary"]["NumberOfTasksSucceeded"] == 1200
