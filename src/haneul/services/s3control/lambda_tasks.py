"""Tasks that a function does: it is invoked for each object and answers how that went.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote_plus

import orjson

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.s3control.state import Job, Result, Task
from haneul.wire.errors import AwsError

_TEMPORARY, _PERMANENT = "TemporaryFailure", "PermanentFailure"
_BROKEN = "Lambda returned an invalid response"


def run(role: Call, job: Job, task: Task) -> Result:
    """Invoke the job's function for one object. Raises AwsError where trying again may help."""
    wish = job.operation["LambdaInvoke"]
    version = wish.get("InvocationSchemaVersion", "1.0")
    identity = hashlib.blake2b(f"{job.id}\0{task.bucket}\0{task.key}\0{task.version}".encode(), digest_size=20)
    event = {
        "invocationSchemaVersion": version,
        "invocationId": tokens.secret(48),
        "job": {"id": job.id},
        "tasks": [_told(task, identity.hexdigest(), version)],
    }
    if version == "2.0":
        event["job"] = {"id": job.id, "userArguments": wish.get("UserArguments") or {}}
    answer = role.invoke("lambda", "Invoke", {"FunctionName": wish["FunctionArn"], "Payload": orjson.dumps(event)})
    payload = bytes(answer.get("Payload") or b"null")
    if answer.get("FunctionError"):
        text = payload.decode("utf-8", "replace")
        return Result(_PERMANENT, 200, f"Lambda returned function error: {text}"[:1024])
    return _result(payload, identity.hexdigest())


def _told(task: Task, identity: str, version: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "taskId": identity,
        "s3Key": quote_plus(task.key, safe="/"),
        "s3VersionId": task.version or None,
    }
    if version == "1.0":
        told["s3BucketArn"] = task.bucket if task.bucket.startswith("arn:") else f"arn:aws:s3:::{task.bucket}"
    else:
        told["s3Bucket"] = task.bucket
    return told


def _result(payload: bytes, identity: str) -> Result:
    try:
        told = orjson.loads(payload)
        results = {one["taskId"]: one for one in told["results"]}
        missing = told.get("treatMissingKeysAs", _PERMANENT)
    except (ValueError, KeyError, TypeError):
        return Result(_PERMANENT, 200, _BROKEN)
    one = results.get(identity)
    code = missing if one is None else one.get("resultCode")
    text = "" if one is None else str(one.get("resultString") or "")[:1024]
    if code == "Succeeded":
        return Result("", 200, text)
    if code == _TEMPORARY:
        raise AwsError(_TEMPORARY, text, 500)
    return Result(_PERMANENT, 200, text if code == _PERMANENT else _BROKEN)
