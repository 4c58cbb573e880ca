"""Batch jobs: create, describe, list, and what may be changed of one under way. How one runs is job_converge.py."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from haneul import converge
from haneul.auth import passing
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.s3control import job_requests, pages
from haneul.services.s3control.account_blocks import own_account
from haneul.services.s3control.errors import errors
from haneul.services.s3control.state import ENDED, JOBS, TOKENS, Job, Token, arn
from haneul.services.s3control.tag_lists import and_tagging, given_tags
from haneul.state.store import Reader

SERVICE = "batchoperations.s3.amazonaws.com"
RESOURCE = "arn:aws:s3:{region}:{account}:job/{JobId}"
_ANY = "arn:aws:s3:{region}:{account}:job/*"


def _wished(call: Call, request: Mapping[str, Any]) -> dict[str, str | list[str]]:
    kind = next(iter(request["Operation"]), "")
    return {"s3:RequestJobPriority": str(request["Priority"]), "s3:RequestJobOperation": kind}


def existing(call: Call, request: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Condition keys about the job that is there."""
    with call.read() as tx:
        job = JOBS.get(tx, call.scope, request["JobId"])
    if job is None:
        return {}
    keys: dict[str, str | list[str]] = {
        "s3:ExistingJobPriority": str(job.priority),
        "s3:ExistingJobOperation": next(iter(job.operation)),
    }
    if job.suspended is not None and job.status == "Suspended":
        keys["s3:JobSuspendedCause"] = "AWAITING_CONFIRMATION"
    if request.get("Priority") is not None:
        keys["s3:RequestJobPriority"] = str(request["Priority"])
    return keys


@operation(resource=_ANY, conditions=_wished, action=and_tagging("s3:CreateJob", "s3:PutJobTagging"))
def create_job(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateJob. Raises InvalidRequest; IdempotencyException for a token that meant something else."""
    own_account(call, request)
    job_requests.check(request, call.account)
    passing.check(call, request["RoleArn"], SERVICE)
    digest = hashlib.sha256(orjson.dumps(dict(request), option=orjson.OPT_SORT_KEYS)).hexdigest()
    token = request["ClientRequestToken"]
    with call.write() as tx:
        known = TOKENS.get(tx, call.scope, token)
        if known is not None:
            if known.digest != digest:
                raise errors.IdempotencyException("The client request token was used for another job.")
            return {"JobId": known.job}
        job = Job(
            id=tokens.uuid(),
            token=token,
            role=request["RoleArn"],
            priority=request["Priority"],
            created=call.now(),
            operation={name: value for name, value in request["Operation"].items() if value is not None},
            report=request["Report"],
            manifest=request.get("Manifest"),
            generator=request.get("ManifestGenerator"),
            description=request.get("Description"),
            confirm=bool(request.get("ConfirmationRequired")),
            tags=given_tags(request),
        )
        JOBS.put(tx, call.scope, job)
        TOKENS.put(tx, call.scope, Token(token, job.id, digest))
        converge.wake(tx, "s3control.job", call.scope, (job.id,), due=call.now())
    return {"JobId": job.id}


@operation(resource=RESOURCE, conditions=existing)
def describe_job(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeJob. Raises NoSuchJob."""
    with call.read() as tx:
        job = job_of(call, tx, request)
    waiting = job.status == "Suspended"
    return {
        "Job": {
            "JobId": job.id,
            "ConfirmationRequired": job.confirm,
            "Description": job.description,
            "JobArn": arn(call.scope, job),
            "Status": job.status,
            "Manifest": job.manifest,
            "Operation": job.operation,
            "Priority": job.priority,
            "ProgressSummary": _progress(job),
            "StatusUpdateReason": job.reason,
            "FailureReasons": [{"FailureCode": code, "FailureReason": why[:256]} for code, why in job.failures],
            "Report": job.report,
            "CreationTime": job.created,
            "TerminationDate": job.ended,
            "RoleArn": job.role,
            "SuspendedDate": job.suspended if waiting else None,
            "SuspendedCause": "Awaiting confirmation to run" if waiting else None,
            "ManifestGenerator": job.generator,
            "GeneratedManifestDescriptor": job.generated,
        }
    }


@operation(resource="*")
def list_jobs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListJobs of this region, the newest first; those that ended stay for 90 days."""
    own_account(call, request)
    wanted = request.get("JobStatuses") or ()
    after = pages.after(request)
    with call.read() as tx:
        found = sorted(
            (job for job in JOBS.scan(tx, call.scope) if not wanted or job.status in wanted),
            key=lambda job: (-job.created, job.id),
        )
    if after is not None:
        found = found[next((at + 1 for at, job in enumerate(found) if job.id == after[0]), len(found)) :]
    page, token = pages.take(request, ((job.id, _listed(job)) for job in found))
    return {"Jobs": page, "NextToken": token}


@operation(resource=RESOURCE, conditions=existing)
def update_job_priority(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateJobPriority. Raises NoSuchJob, JobStatusException for one that has ended."""
    with call.write() as tx:
        job = job_of(call, tx, request)
        if job.status in ENDED:
            raise errors.JobStatusException(f"Job {job.id} is {job.status}, its priority can't be changed.")
        JOBS.put(tx, call.scope, msgspec.structs.replace(job, priority=request["Priority"]))
    return {"JobId": job.id, "Priority": request["Priority"]}


@operation(resource=RESOURCE, conditions=existing)
def update_job_status(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateJobStatus: confirm a suspended job (Ready), or cancel one. Raises NoSuchJob, JobStatusException."""
    asked = request["RequestedJobStatus"]
    with call.write() as tx:
        job = job_of(call, tx, request)
        possible = job.status == "Suspended" if asked == "Ready" else job.status not in (*ENDED, "Cancelling")
        if not possible:
            raise errors.JobStatusException(f"Job {job.id} can't go from {job.status} to {asked}.")
        job = msgspec.structs.replace(
            job,
            status="Ready" if asked == "Ready" else "Cancelling",
            confirmed=job.confirmed or asked == "Ready",
            reason=request.get("StatusUpdateReason"),
        )
        JOBS.put(tx, call.scope, job)
        converge.wake(tx, "s3control.job", call.scope, (job.id,), due=call.now())
    return {"JobId": job.id, "Status": job.status, "StatusUpdateReason": job.reason}


def job_of(call: Call, tx: Reader, request: Mapping[str, Any]) -> Job:
    """The job that the request names. Raises NoSuchJob."""
    own_account(call, request)
    job = JOBS.get(tx, call.scope, request["JobId"])
    if job is None:
        raise errors.NoSuchJob("No such job")
    return job


def _progress(job: Job) -> dict[str, Any]:
    return {
        "TotalNumberOfTasks": job.total,
        "NumberOfTasksSucceeded": job.succeeded,
        "NumberOfTasksFailed": job.failed,
        "Timers": {"ElapsedTimeInActiveSeconds": int(job.seconds)},
    }


def _listed(job: Job) -> dict[str, Any]:
    return {
        "JobId": job.id,
        "Description": job.description,
        "Operation": next(iter(job.operation)),
        "Priority": job.priority,
        "Status": job.status,
        "CreationTime": job.created,
        "TerminationDate": job.ended,
        "ProgressSummary": _progress(job),
    }
