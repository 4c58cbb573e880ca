"""Rows of Lambda: functions, versions, aliases, layers, policies, mappings and events on their way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from haneul.service import Scope
from haneul.state.store import Reader
from haneul.state.table import Table

HOUSE = Scope("", "")


class Function(msgspec.Struct, kw_only=True):
    """A function: what all its versions share."""

    name: str
    counter: int = 0
    tags: dict[str, str] = {}
    reserved: int | None = None
    recursion: str = "Terminate"
    signing: str = ""
    management: dict[str, Any] = {}


class Version(msgspec.Struct, kw_only=True):
    """A version by its number; 0 is $LATEST. `config` holds AWS's members that were set; `code` is a blob."""

    name: str
    number: int
    config: dict[str, Any]
    code: str
    size: int
    sha: str
    layers: list[str] = []
    modified: float = 0.0
    revision: str = ""
    edition: str = ""
    """Which update of code or settings it has: another is another, even with the same content."""


class Alias(msgspec.Struct, kw_only=True):
    name: str
    alias: str
    version: str
    weights: dict[str, float] = {}
    description: str = ""
    revision: str = ""


class Policy(msgspec.Struct, kw_only=True):
    """Statements about a function (or a layer's version, under its ARN); qualifier "" is the function itself."""

    name: str
    qualifier: str
    statements: list[dict[str, Any]] = []
    revision: str = ""


class Layer(msgspec.Struct, kw_only=True):
    name: str
    version: int
    code: str
    size: int
    sha: str
    created: float
    members: dict[str, Any] = {}


class LayerName(msgspec.Struct, kw_only=True):
    """How many versions a layer has had: numbers are never used twice."""

    name: str
    counter: int = 0


class Setting(msgspec.Struct, kw_only=True):
    """A document about a qualifier of a function: kind "event" (asynchronous invocation), "provisioned" or "url"."""

    kind: str
    name: str
    qualifier: str
    held: dict[str, Any]


class Place(msgspec.Struct, kw_only=True):
    """Whose function URL has this id."""

    id: str
    account: str
    region: str
    name: str
    qualifier: str


class Mapping(msgspec.Struct, kw_only=True):
    """An event source mapping; `desired` is Enabled, Disabled or Deleted."""

    id: str
    config: dict[str, Any]
    desired: str
    state: str
    modified: float
    tags: dict[str, str] = {}


class Checkpoint(msgspec.Struct, kw_only=True):
    """How far a mapping has read a shard."""

    mapping: str
    shard: str
    sequence: str


class Event(msgspec.Struct, kw_only=True):
    """An asynchronous invocation until its end; its payload lies beside."""

    id: str
    name: str
    qualifier: str
    created: float
    tries: int = 0
    due: float = 0.0


FUNCTIONS = Table("lambda.function", Function, key=("name",))
VERSIONS = Table("lambda.version", Version, key=("name", "number"))
ALIASES = Table("lambda.alias", Alias, key=("name", "alias"))
POLICIES = Table("lambda.policy", Policy, key=("name", "qualifier"))
LAYERS = Table("lambda.layer", Layer, key=("name", "version"))
LAYER_NAMES = Table("lambda.layername", LayerName, key=("name",))
SETTINGS = Table("lambda.setting", Setting, key=("kind", "name", "qualifier"))
PLACES = Table("lambda.place", Place, key=("id",))
MAPPINGS = Table("lambda.mapping", Mapping, key=("id",))
CHECKPOINTS = Table("lambda.checkpoint", Checkpoint, key=("mapping", "shard"))
EVENTS = Table("lambda.event", Event, key=("id",))


def payload_key(identity: str) -> bytes:
    return b"lambda.payload/" + identity.encode()


def blobs_in_use(tx: Reader) -> Iterator[str]:
    for _, version in VERSIONS.everywhere(tx):
        yield version.code
    for _, layer in LAYERS.everywhere(tx):
        yield layer.code
