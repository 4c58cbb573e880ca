"""Instances of clusters on their way; the cluster's step decides who writes."""

from __future__ import annotations

from haneul.service import Call, Step
from haneul.services.rds.plane import Plane
from haneul.services.rds.state import Instance


def create(call: Call, plane: Plane, row: Instance) -> Step:
    raise NotImplementedError


def rest(call: Call, plane: Plane, row: Instance) -> Step:
    raise NotImplementedError


def reboot(call: Call, plane: Plane, row: Instance) -> Step:
    raise NotImplementedError


def delete(call: Call, plane: Plane, row: Instance) -> Step:
    raise NotImplementedError
