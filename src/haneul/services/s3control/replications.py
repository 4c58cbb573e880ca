"""Batch replication: an object that was there before the rule, or failed, is replicated as a new one would be."""

from __future__ import annotations

import msgspec

from haneul.service import Call
from haneul.services.s3 import guard, index, objects, replicas
from haneul.services.s3.errors import errors, no_such_bucket
from haneul.services.s3.state import find_bucket
from haneul.services.s3control.state import Task


def ask(role: Call, task: Task) -> None:
    """Have the version copied to where the bucket's rules say. Raises AccessDenied, InvalidRequest without a rule."""
    with role.write() as tx:
        bucket = find_bucket(tx, task.bucket)
        if bucket is None:
            raise no_such_bucket(task.bucket)
        guard.require(role, tx, bucket, "s3:InitiateReplication", task.key)
        found = objects.visible(tx, bucket, task.key, task.version or None)
        if not replicas.mark(bucket, task.key, found):
            raise errors.InvalidRequest("The object is under no replication rule of its bucket, or is a replica.")
        index.update(tx, bucket, task.key, msgspec.structs.replace(found, replication=replicas.PENDING))
        replicas.ask(role, tx, bucket, task.key, found)
