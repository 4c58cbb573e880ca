"""Rooms made ready: a service is imported, compiled and started when it is first called, never before."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from haneul.cloud import Cloud
from haneul.service import Call, Guard, Operation, Service
from haneul.wire import model as models
from haneul.wire.compile import codec
from haneul.wire.message import Request, Response


class Translator(Protocol):
    """What turns a request into members and members into a response: compiled, or written by hand."""

    def parse(self, request: Request, labels: Mapping[str, str]) -> dict[str, Any]: ...

    def serialize(self, output: Mapping[str, Any], request_id: str) -> Response: ...


class Prepared:
    """One operation, ready to run."""

    __slots__ = ("function", "guard", "name", "prefix", "service", "spec", "streams", "translator")

    def __init__(
        self, name: str, service: Service, spec: Operation, translator: Translator, streams: bool, guard: Any
    ) -> None:
        self.name = name
        self.service = service
        self.spec = spec
        self.function = spec.function
        self.translator = translator
        self.streams = streams
        self.guard: Callable[[Call, Mapping[str, Any]], Guard | None] | None = guard
        self.prefix = service.iam_prefix or service.model


class Room:
    """A loaded service."""

    def __init__(self, cloud: Cloud, service: Service) -> None:
        self.service = service
        self.model = models.load(service.model)
        self.functions = service.functions()
        self.guard = service.resolve(service.guard) if service.guard else None
        self.raw = service.resolve(service.raw) if service.raw else None
        self.origins = service.resolve(service.origins) if service.origins else None
        self._prepared: dict[tuple[str, str], Prepared | None] = {}
        if service.start:
            plane = service.resolve(service.start)(cloud)
            if plane is not None:
                cloud.planes[service.model] = plane

    def prepared(self, operation: str, protocol: str) -> Prepared | None:
        """The operation as `protocol` speaks it; None when the room doesn't have it."""
        key = (operation, protocol)
        if key not in self._prepared:
            self._prepared[key] = self._prepare(operation, protocol)
        return self._prepared[key]

    def implemented(self) -> list[str]:
        """AWS's names of the operations that are really there, sorted."""
        return sorted(name for name in self.model.operations if self.model.snake(name) in self.functions)

    def _prepare(self, operation: str, protocol: str) -> Prepared | None:
        spec = self.functions.get(self.model.snake(operation))
        if spec is None:
            return None
        compiled = codec(self.model, operation, protocol, self.service.opaque)
        translator: Translator = compiled
        if spec.codec is not None and protocol == self.model.protocol:
            translator = importlib.import_module(f"{self.service.package}.{spec.codec}").translator(operation, compiled)
        return Prepared(operation, self.service, spec, translator, compiled.stream_in is not None, self.guard)


class Rooms:
    """All services of this cloud, by model; loaded on demand, once, from any thread."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._loaded: dict[str, Room] = {}
        self._lock = threading.RLock()

    def get(self, model: str) -> Room | None:
        room = self._loaded.get(model)
        if room is not None or model not in self._cloud.services:
            return room
        with self._lock:
            room = self._loaded.get(model)
            if room is None:
                room = self._loaded[model] = Room(self._cloud, self._cloud.services[model])
        return room

    @property
    def loaded(self) -> list[str]:
        return sorted(self._loaded)

    def close(self) -> None:
        """Close the planes of loaded rooms, the last loaded first."""
        for plane in reversed(list(self._cloud.planes.values())):
            close = getattr(plane, "close", None)
            if close is not None:
                close()
