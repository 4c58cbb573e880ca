"""How a group launches instances: the kinds to choose from, and what they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One kind of instance that a group may launch. data: the template version's."""

    type: str
    weight: int = 1
    template: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """How instances of a group are launched now."""

    choices: Sequence[Choice]
    weighted: bool = False
    distribution: Mapping[str, Any] = field(default_factory=dict)
    configuration: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the launch configuration."""
