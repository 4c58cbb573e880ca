"""Pipes come to the state that is wanted of them, and those that run are kept running."""

from __future__ import annotations

import msgspec

from haneul.service import Call, Step
from haneul.services.pipes.runner import runners
from haneul.services.pipes.state import CHECKPOINTS, Pipe

LOOK = 30.0


def step_pipe(call: Call, pipe: Pipe) -> Step:
    """One step. While a pipe runs, its row is looked at now and then, so that its task is there after a restart."""
    if pipe.desired == "DELETED":
        with call.write() as tx:
            CHECKPOINTS.delete_all(tx, call.scope, pipe.name)
        return Step(None)
    if pipe.state != pipe.desired:
        again = 0.0 if pipe.desired == "RUNNING" else None
        return Step(msgspec.structs.replace(pipe, state=pipe.desired), again)
    if pipe.state == "RUNNING":
        runners(call).ensure(call.scope, pipe.name)
        return Step(pipe, LOOK)
    return Step(pipe)
