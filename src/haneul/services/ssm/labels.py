"""Labels of parameter versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.ssm import names
from haneul.services.ssm.errors import errors
from haneul.services.ssm.state import PARAMETERS, VERSIONS, Parameter
from haneul.state.store import Reader

MAX_LABELS = 10
_LABEL = re.compile(r"[a-zA-Z_.-][a-zA-Z0-9_.-]{0,99}")


def _find(tx: Reader, call: Call, name: str, number: int | None) -> tuple[Parameter, int]:
    parameter = names.find(tx, call.scope, names.split(name)[0])
    if parameter is None:
        raise errors.ParameterNotFound("")
    number = number or parameter.version
    if VERSIONS.get(tx, call.scope, parameter.name, number) is None:
        raise errors.ParameterVersionNotFound(
            f"Systems Manager could not find version {number} of {parameter.name}. Verify the version and try again."
        )
    return parameter, number


@operation(resource=names.by_name)
def label_parameter_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """LabelParameterVersion: a label moves to the version; those that can't be are told."""
    wrong = [
        label for label in request["Labels"] if not _LABEL.fullmatch(label) or label.lower().startswith(("aws", "ssm"))
    ]
    good = [label for label in request["Labels"] if label not in wrong]
    with call.write() as tx:
        parameter, number = _find(tx, call, request["Name"], request.get("ParameterVersion"))
        labels = {**parameter.labels, **dict.fromkeys(good, number)}
        if sum(held == number for held in labels.values()) > MAX_LABELS:
            raise errors.ParameterVersionLabelLimitExceeded(
                "A parameter version can have a maximum of ten labels."
                "Move one or more labels to another version and try again."
            )
        parameter.labels = labels
        PARAMETERS.put(tx, call.scope, parameter)
    return {"InvalidLabels": wrong, "ParameterVersion": number}


@operation(resource=names.by_name)
def unlabel_parameter_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UnlabelParameterVersion."""
    with call.write() as tx:
        parameter, number = _find(tx, call, request["Name"], request["ParameterVersion"])
        removed = [label for label in request["Labels"] if parameter.labels.get(label) == number]
        parameter.labels = {label: held for label, held in parameter.labels.items() if label not in removed}
        PARAMETERS.put(tx, call.scope, parameter)
    return {"RemovedLabels": removed, "InvalidLabels": [label for label in request["Labels"] if label not in removed]}
