"""Parameters that expire go when their moment comes."""

from __future__ import annotations

from haneul.service import Call, Step
from haneul.services.ssm.state import VERSIONS, Parameter


def step_parameter(call: Call, parameter: Parameter) -> Step:
    if parameter.expires is None:
        return Step(parameter)
    left = parameter.expires - call.now()
    if left > 0:
        return Step(parameter, left)
    with call.write() as tx:
        VERSIONS.delete_all(tx, call.scope, parameter.name)
    return Step(None)
