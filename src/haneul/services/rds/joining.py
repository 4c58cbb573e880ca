"""Instances joining and leaving Aurora clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.rds.families import Engine
from haneul.services.rds.state import Instance
from haneul.state.store import Reader


def join(call: Call, request: Mapping[str, Any], kind: Engine) -> Instance:
    raise NotImplementedError


def check_leaving(call: Call, tx: Reader, row: Instance) -> None:
    raise NotImplementedError
