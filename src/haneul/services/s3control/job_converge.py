"""A batch job on its way: New, Preparing, (Suspended,) Ready, Active page by page, Completing, Complete; or it fails.

What came of a page is written before the job moves on, so a page is done again only when the cloud was killed in it.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-job-status.html
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import msgspec

from haneul.service import Call, Step
from haneul.services.s3control import generated_manifests, job_reports, manifests, roles, tasks
from haneul.services.s3control.jobs import SERVICE
from haneul.services.s3control.manifests import ManifestError
from haneul.services.s3control.state import (
    ENDED,
    JOBS,
    RESULT_PAGES,
    TASK_PAGES,
    TASKS,
    Job,
    ResultPage,
    Task,
    TaskPage,
    arn,
    forget,
)
from haneul.wire.errors import AwsError

DAY = 86_400.0
KEPT = 90 * DAY
PATIENCE = 30 * DAY
"""How long a suspended job waits to be confirmed."""
ENOUGH, TOO_MANY = 1000, 0.5
"""A job fails when, of at least so many tasks, more than this share failed."""
MAX_TASKS = 10_000_000
_TURN = 0.5
_SESSION = "s3-batch-operations"


def step_job(call: Call, job: Job) -> Step:
    """The next stretch of a job's way."""
    return _STEPS[job.status](call, job)


def _begin(call: Call, job: Job) -> Step:
    return Step(msgspec.structs.replace(job, status="Preparing"), 0.0)


def _prepare(call: Call, job: Job) -> Step:
    """Read the manifest, or make one, into pages of tasks."""
    try:
        role = _role(call, job)
        if job.manifest is not None:
            found, told = manifests.tasks(role, job.manifest), None
        else:
            assert job.generator is not None
            found, told = generated_manifests.generate(call, role, job)
        total = _keep(call, job, found)
    except ManifestError as error:
        return _failing(job, error.code, error.reason)
    except AwsError as error:
        return _failing(job, error.code, error.message)
    ready = msgspec.structs.replace(job, total=total, generated=told, status="Ready")
    if not total:
        return _failing(job, "EmptyManifest", "The manifest lists no objects.")
    if job.confirm and not job.confirmed:
        return Step(msgspec.structs.replace(ready, status="Suspended", suspended=call.now()), PATIENCE)
    return Step(ready, 0.0)


def _keep(call: Call, job: Job, found: Iterator[Task]) -> int:
    """Write the tasks; what an interrupted preparation left is overwritten."""
    with call.write() as tx:
        TASK_PAGES.delete_all(tx, call.scope, job.id)
    total = 0
    for number in itertools.count():
        page = list(itertools.islice(found, TASKS))
        if not page:
            return total
        total += len(page)
        if total > MAX_TASKS:
            raise ManifestError("ManifestTooLarge", f"The manifest lists more than {MAX_TASKS} objects.")
        with call.write() as tx:
            TASK_PAGES.put(tx, call.scope, TaskPage(job.id, number, page))
    raise AssertionError


def _wait(call: Call, job: Job) -> Step:
    """Suspended: nobody confirmed it in time, or it is not time yet."""
    left = (job.suspended or 0.0) + PATIENCE - call.now()
    if left > 0:
        return Step(job, left)
    return _failing(job, "JobSuspendedTooLong", "The job was not confirmed within 30 days.")


def _start(call: Call, job: Job) -> Step:
    """Ready or Paused: active, unless a job of higher priority is."""
    if _is_outranked(call, job):
        return Step(msgspec.structs.replace(job, status="Paused"), _TURN)
    return Step(msgspec.structs.replace(job, status="Active"), 0.0)


def _is_outranked(call: Call, job: Job) -> bool:
    with call.read() as tx:
        return any(other.status == "Active" and other.priority > job.priority for other in JOBS.scan(tx, call.scope))


def _work(call: Call, job: Job) -> Step:
    """Active: one page of tasks."""
    if _is_outranked(call, job):
        return Step(msgspec.structs.replace(job, status="Paused"), _TURN)
    began = call.now()
    with call.read() as tx:
        page = TASK_PAGES.get(tx, call.scope, job.id, job.page)
        done = RESULT_PAGES.get(tx, call.scope, job.id, job.page)
    if page is None:
        return Step(msgspec.structs.replace(job, status="Completing"), 0.0)
    if done is None:
        try:
            role = _role(call, job)
        except AwsError as error:
            return _failing(job, error.code, error.message)
        done = ResultPage(job.id, job.page, [tasks.run(role, job, task) for task in page.tasks])
        with call.write() as tx:
            RESULT_PAGES.put(tx, call.scope, done)
    moved = _counted(job, done, call.now() - began)
    ran = moved.failed + moved.succeeded
    if ran >= ENOUGH and moved.failed / ran > TOO_MANY:
        return _failing(moved, "FailureRateExceeded", "More than half of the job's tasks failed.")
    return Step(moved, 0.0)


def _counted(job: Job, done: ResultPage, seconds: float = 0.0) -> Job:
    """The job, past a page that is done."""
    failed = sum(1 for result in done.results if result.code)
    return msgspec.structs.replace(
        job,
        page=job.page + 1,
        failed=job.failed + failed,
        succeeded=job.succeeded + len(done.results) - failed,
        seconds=job.seconds + seconds,
    )


def _finish(call: Call, job: Job) -> Step:
    """Completing, Failing, Cancelling: the report, and the end."""
    end = {"Completing": "Complete", "Failing": "Failed", "Cancelling": "Cancelled"}[job.status]
    with call.read() as tx:
        done = RESULT_PAGES.get(tx, call.scope, job.id, job.page)
    if done is not None:  # it was under way when the job was cancelled
        job = _counted(job, done)
    failures = job.failures
    try:
        if job.succeeded + job.failed:
            job_reports.write(call, _role(call, job), job)
    except AwsError as error:
        failures = [*failures, ("ReportWriteFailed", f"{error.code}: {error.message}")]
        end = "Failed" if end == "Complete" else end
    return Step(msgspec.structs.replace(job, status=end, ended=call.now(), failures=failures), KEPT)


def _leave(call: Call, job: Job) -> Step:
    """Ended: kept for 90 days."""
    left = (job.ended or 0.0) + KEPT - call.now()
    if left > 0:
        return Step(job, left)
    with call.write() as tx:
        forget(tx, call.scope, job)
    return Step(None)


def _failing(job: Job, code: str, reason: str) -> Step:
    return Step(msgspec.structs.replace(job, status="Failing", failures=[*job.failures, (code, reason)]), 0.0)


def _role(call: Call, job: Job) -> Call:
    return roles.assume(call, job.role, SERVICE, _SESSION, arn(call.scope, job))


_STEPS: Mapping[str, Callable[[Call, Job], Step]] = {
    "New": _begin,
    "Preparing": _prepare,
    "Suspended": _wait,
    "Ready": _start,
    "Paused": _start,
    "Active": _work,
    "Completing": _finish,
    "Failing": _finish,
    "Cancelling": _finish,
    **dict.fromkeys(ENDED, _leave),
}
