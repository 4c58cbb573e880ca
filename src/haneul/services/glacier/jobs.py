"""Jobs: retrievals of archives and inventories. They ripen by tier on the cloud's clock (its rate is a setting)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.kit.instants import iso8601
from haneul.service import Call, operation
from haneul.services.glacier.archives import new_id
from haneul.services.glacier.errors import errors
from haneul.services.glacier.plane.treehash import LEAF
from haneul.services.glacier.retrieval import spend
from haneul.services.glacier.state import ARCHIVES, JOBS, Archive, Job, Vault
from haneul.services.glacier.vaults import VAULT, arn, find_vault, page_limit
from haneul.state.store import Reader, Writer
from haneul.wire.message import FileRange

RIPENS_IN = {"Expedited": 180.0, "Standard": 4 * 3600.0, "Bulk": 8 * 3600.0}
"""Seconds by tier, in the middle of what AWS states: 1-5 minutes, 3-5 hours, 5-12 hours."""
EXPEDITED_BYTES = 250 << 20
_RANGE = re.compile(r"(?:bytes=)?(\d{1,15})-(\d{1,15})")


@operation(resource=VAULT)
def initiate_job(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """InitiateJob of type archive-retrieval or inventory-retrieval."""
    parameters = request.get("jobParameters") or {}
    kind = parameters.get("Type")
    if kind not in ("archive-retrieval", "inventory-retrieval"):
        raise errors.InvalidParameterValueException(f"Invalid job type: {kind}")
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        job = (
            _archive_job(call, tx, vault, parameters)
            if kind.startswith("a")
            else _inventory_job(call, vault, parameters)
        )
        JOBS.put(tx, call.scope, job)
        converge.wake(tx, "glacier.job", call.scope, (job.vault, job.id), job.ripe)
    if job.tier is not None:
        call.meter(f"{job.tier}-Retrieval-Bytes", job.size)
        call.meter(f"{job.tier}-Retrieval-Requests", 1)
    return {"location": f"/{call.account}/vaults/{vault.name}/jobs/{job.id}", "jobId": job.id}


@operation(resource=VAULT)
def describe_job(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeJob."""
    with call.read() as tx:
        return describe(call, _find_job(call, tx, request))


@operation(resource=VAULT)
def list_jobs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListJobs of a vault, those under way and those of the last day; filtered by status."""
    limit = page_limit(request, 50)
    status, completed = request.get("statuscode"), request.get("completed")
    if status not in (None, "InProgress", "Succeeded", "Failed"):
        raise errors.InvalidParameterValueException(f"Invalid status code: {status}")
    if completed not in (None, "true", "false"):
        raise errors.InvalidParameterValueException(f"Invalid completed: {completed}")
    start = (request["marker"],) if request.get("marker") else None
    found: list[Job] = []
    with call.read() as tx:
        vault = find_vault(call, tx, request)
        for job in JOBS.scan(tx, call.scope, vault.name, from_key=start):
            done = job.status != "InProgress"
            if status in (None, job.status) and completed in (None, "true" if done else "false"):
                found.append(job)
                if len(found) > limit:
                    break
    more = found[limit].id if len(found) > limit else None
    return {"JobList": [describe(call, job) for job in found[:limit]], "Marker": more}


@operation(resource=VAULT)
def get_job_output(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetJobOutput: an inventory, or an archive's bytes, whole or a range of them."""
    with call.read() as tx:
        job = _find_job(call, tx, request)
    if job.status != "Succeeded":
        raise errors.InvalidParameterValueException(f"The job is not currently available for download: {job.id}")
    total = len(job.inventory) if job.inventory is not None else job.size
    first, last = _output_range(request.get("range"), total)
    part = first != 0 or last != total - 1
    output: dict[str, Any] = {
        "status": 206 if part else 200,
        "acceptRanges": "bytes",
        "contentRange": f"bytes {first}-{last}/{total}" if part else None,
    }
    if job.action == "InventoryRetrieval":
        output["contentType"] = "text/csv" if job.format == "CSV" else "application/json"
        if job.inventory is not None:
            return {**output, "body": job.inventory[first : last + 1]}
    else:
        output["contentType"] = "application/octet-stream"
    output["body"] = _pieces(call, job, first, last)
    if not part:
        output["checksum"] = job.tree_hash
    call.meter("DataTransfer-Out-Bytes", last - first + 1)
    return output


def _archive_job(call: Call, tx: Writer, vault: Vault, parameters: Mapping[str, Any]) -> Job:
    archive_id = parameters.get("ArchiveId")
    if not archive_id:
        raise errors.MissingParameterValueException("Required parameter missing: ArchiveId")
    archive = ARCHIVES.get(tx, call.scope, vault.name, archive_id)
    if archive is None:
        raise errors.ResourceNotFoundException(f"The archive ID was not found: {archive_id}")
    tier = parameters.get("Tier") or "Standard"
    if tier not in RIPENS_IN:
        raise errors.InvalidParameterValueException(f"Invalid tier: {tier}")
    start, size = _retrieval_range(archive, parameters.get("RetrievalByteRange"))
    if tier == "Expedited" and size > EXPEDITED_BYTES:
        raise errors.InvalidParameterValueException("Expedited retrievals are for archives of up to 250 MB")
    if tier == "Standard":
        spend(call, tx, size)
    now = call.now()
    return Job(
        vault=vault.name,
        id=new_id(),
        action="ArchiveRetrieval",
        created=now,
        ripe=now + RIPENS_IN[tier],
        tier=tier,
        description=parameters.get("Description"),
        archive=archive.id,
        archive_size=archive.size,
        tree_hash=archive.tree_hash if size == archive.size else None,
        archive_tree_hash=archive.tree_hash,
        start=start,
        size=size,
        topic=parameters.get("SNSTopic"),
        pieces=archive.pieces,
    )


def _inventory_job(call: Call, vault: Vault, parameters: Mapping[str, Any]) -> Job:
    form = parameters.get("Format") or "JSON"
    if form not in ("JSON", "CSV"):
        raise errors.InvalidParameterValueException(f"Invalid format: {form}")
    wanted = parameters.get("InventoryRetrievalParameters") or {}
    limit = wanted.get("Limit")
    if limit is not None and (not limit.isdigit() or int(limit) < 1):
        raise errors.InvalidParameterValueException(f"Invalid limit: {limit}")
    now = call.now()
    return Job(
        vault=vault.name,
        id=new_id(),
        action="InventoryRetrieval",
        created=now,
        ripe=now + RIPENS_IN["Standard"],
        description=parameters.get("Description"),
        format=form,
        first=wanted.get("StartDate"),
        last=wanted.get("EndDate"),
        limit=limit,
        marker=wanted.get("Marker"),
        topic=parameters.get("SNSTopic"),
    )


def _retrieval_range(archive: Archive, text: str | None) -> tuple[int, int]:
    """(start, size) of a retrieval: aligned to whole megabytes, or to the archive's end."""
    if not text:
        return 0, archive.size
    match = _RANGE.fullmatch(text)
    if match is None:
        raise errors.InvalidParameterValueException(f"Invalid retrieval byte range: {text}")
    first, last = int(match[1]), int(match[2])
    if first % LEAF or last < first or last >= archive.size or ((last + 1) % LEAF and last != archive.size - 1):
        raise errors.InvalidParameterValueException(f"The retrieval byte range {text} is not megabyte aligned")
    return first, last - first + 1


def _output_range(text: str | None, total: int) -> tuple[int, int]:
    if not text:
        return 0, total - 1
    match = _RANGE.fullmatch(text)
    if match is None or int(match[2]) < int(match[1]) or int(match[1]) >= total:
        raise errors.InvalidParameterValueException(f"Invalid range: {text}")
    return int(match[1]), min(int(match[2]), total - 1)


def _pieces(call: Call, job: Job, first: int, last: int) -> list[bytes | FileRange]:
    """The bytes [first, last] of the job's output, as ranges of the archive's blobs."""
    found: list[bytes | FileRange] = []
    position = 0
    start, end = job.start + first, job.start + last + 1
    for blob, size in job.pieces:
        low, high = max(start, position), min(end, position + size)
        if low < high:
            found.append(call.cloud.blobs.ranges(blob, low - position, high - low))
        position += size
    return found


def _find_job(call: Call, tx: Reader, request: Mapping[str, Any]) -> Job:
    vault = find_vault(call, tx, request)
    job = JOBS.get(tx, call.scope, vault.name, request["jobId"])
    if job is None:
        raise errors.ResourceNotFoundException(f"The job ID was not found: {request['jobId']}")
    return job


def describe(call: Call, job: Job) -> dict[str, Any]:
    """A job as DescribeJob, ListJobs and the notification tell it."""
    row: dict[str, Any] = {
        "JobId": job.id,
        "JobDescription": job.description,
        "Action": job.action,
        "ArchiveId": job.archive,
        "VaultARN": arn(call, job.vault),
        "CreationDate": iso8601(job.created),
        "Completed": job.status != "InProgress",
        "StatusCode": job.status,
        "StatusMessage": job.message or job.status,
        "ArchiveSizeInBytes": job.archive_size,
        "InventorySizeInBytes": None if job.inventory is None else len(job.inventory),
        "SNSTopic": job.topic,
        "CompletionDate": None if job.completed is None else iso8601(job.completed),
        "SHA256TreeHash": job.tree_hash,
        "ArchiveSHA256TreeHash": job.archive_tree_hash,
        "Tier": job.tier,
    }
    if job.action == "ArchiveRetrieval":
        row["RetrievalByteRange"] = f"{job.start}-{job.start + job.size - 1}"
    else:
        row["InventoryRetrievalParameters"] = {
            "Format": job.format,
            "StartDate": job.first,
            "EndDate": job.last,
            "Limit": job.limit,
            "Marker": job.marker,
        }
    return row
