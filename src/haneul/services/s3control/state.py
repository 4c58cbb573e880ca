"""S3 Control's own rows: batch jobs, their tasks and what came of them. (Access points are S3's: `s3/points.py`.)

job           what was asked for, how far it is
task page     TASKS of a job's tasks, read from its manifest while the job is prepared
result page   what came of the same tasks; once it is there, they aren't run again
"""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.service import Scope
from haneul.state.store import Writer
from haneul.state.table import Table

TASKS = 100
"""Tasks on a page: as many may be run twice when the cloud is killed."""
ENDED = ("Complete", "Failed", "Cancelled")


class Job(msgspec.Struct, kw_only=True):
    """A batch job. `operation`, `report`, `manifest` and `generator` are AWS's own structures, as they were given.

    `page` is the next page of tasks; `failures` are (code, reason); `seconds` were spent in Active.
    """

    id: str
    token: str
    role: str
    priority: int
    created: float
    operation: dict[str, Any]
    report: dict[str, Any]
    manifest: dict[str, Any] | None = None
    generator: dict[str, Any] | None = None
    generated: dict[str, Any] | None = None
    description: str | None = None
    confirm: bool = False
    confirmed: bool = False
    status: str = "New"
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    page: int = 0
    seconds: float = 0.0
    ended: float | None = None
    suspended: float | None = None
    reason: str | None = None
    failures: list[tuple[str, str]] = []
    tags: dict[str, str] = {}


class Task(msgspec.Struct, array_like=True):
    """An object to work on; `version` "" is the current one."""

    bucket: str
    key: str
    version: str = ""


class Result(msgspec.Struct, array_like=True):
    """What came of a task; `code` "" is success."""

    code: str
    status: int
    message: str


class TaskPage(msgspec.Struct):
    job: str
    number: int
    tasks: list[Task]


class ResultPage(msgspec.Struct):
    job: str
    number: int
    results: list[Result]


class Token(msgspec.Struct):
    """A client's token for a job, with a digest of what it was used for."""

    token: str
    job: str
    digest: str


JOBS = Table("s3control.job", Job, key=("id",))
TASK_PAGES = Table("s3control.task_page", TaskPage, key=("job", "number"))
RESULT_PAGES = Table("s3control.result_page", ResultPage, key=("job", "number"))
TOKENS = Table("s3control.job_token", Token, key=("token",))


def arn(scope: Scope, job: Job) -> str:
    return f"arn:aws:s3:{scope.region}:{scope.account}:job/{job.id}"


def forget(tx: Writer, scope: Scope, job: Job) -> None:
    """Remove what belongs to a job whose row is about to go."""
    TASK_PAGES.delete_all(tx, scope, job.id)
    RESULT_PAGES.delete_all(tx, scope, job.id)
    TOKENS.delete(tx, scope, job.token)
