"""Tags of batch jobs, by the job's id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, operation
from haneul.services.s3 import tagging
from haneul.services.s3control.errors import errors
from haneul.services.s3control.jobs import RESOURCE, existing, job_of
from haneul.services.s3control.state import JOBS


@operation(resource=RESOURCE, conditions=existing)
def put_job_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutJobTagging, in place of all that were there. Raises NoSuchJob, TooManyTagsException."""
    given = request["Tags"]
    if len(given) > tagging.BUCKET_LIMIT:
        raise errors.TooManyTagsException(f"The number of tags exceeds the limit of {tagging.BUCKET_LIMIT} tags.")
    tags = tagging.from_set({"TagSet": given})
    with call.write() as tx:
        JOBS.put(tx, call.scope, msgspec.structs.replace(job_of(call, tx, request), tags=tags))
    return {}


@operation(resource=RESOURCE, conditions=existing)
def get_job_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetJobTagging. Raises NoSuchJob."""
    with call.read() as tx:
        return {"Tags": tagging.to_set(job_of(call, tx, request).tags)}


@operation(resource=RESOURCE, conditions=existing)
def delete_job_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteJobTagging: all of them. Raises NoSuchJob."""
    with call.write() as tx:
        JOBS.put(tx, call.scope, msgspec.structs.replace(job_of(call, tx, request), tags={}))
    return {}
