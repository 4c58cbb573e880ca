"""AWS's own service models, read once from botocore's data files and kept as plain mappings.

botocore itself is not imported: its loaders and sessions cost more memory and start-up time than the whole gateway.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import orjson
from isal import igzip

Ref = Mapping[str, Any]
"""A reference to a shape with what the referrer adds (locationName, location ...), or the shape merged into it."""

_ACRONYMS = (
    # Words whose capitals don't follow AWS's own rule; the SDKs spell them as one word.
    ("WhatsApp", "Whatsapp"),
    ("PartiQL", "Partiql"),
    ("OAuth2", "Oauth2"),
    ("CachediSCSI", "CachedIscsi"),
    ("StorediSCSI", "StoredIscsi"),
    ("OTel", "Otel"),
    ("HITs", "Hits"),
)
_PLURAL_ACRONYM = re.compile(r"[A-Z]{2,}s$")
_WORD_START = re.compile(r"(.)([A-Z][a-z]+)")
_WORD_END = re.compile(r"([a-z0-9])([A-Z])")


@cache
def snake(operation: str) -> str:
    """The SDK's name of an operation: ListObjectsV2 -> list_objects_v2."""
    name = operation
    for word, plain in _ACRONYMS:
        name = name.replace(word, plain)
    plural = _PLURAL_ACRONYM.search(name)
    if plural is not None:
        name = f"{name[: plural.start()]}_{plural.group().lower()}"
    return _WORD_END.sub(r"\1_\2", _WORD_START.sub(r"\1_\2", name)).lower()


class OperationModel:
    """One row of the table of operations."""

    def __init__(self, model: Model, name: str, raw: Mapping[str, Any]) -> None:
        http = raw.get("http", {})
        self.name = name
        self.method: str = http.get("method", "POST")
        self.uri: str = http.get("requestUri", "/")
        self.status: int = http.get("responseCode", 200)
        self.input: Ref | None = raw.get("input")
        self.output: Ref | None = raw.get("output")
        self.errors: tuple[str, ...] = tuple(error["shape"] for error in raw.get("errors", ()))
        self.checksum: Mapping[str, Any] = raw.get("httpChecksum", {})
        self.checksum_required: bool = bool(
            raw.get("httpChecksumRequired") or self.checksum.get("requestChecksumRequired")
        )
        self.compressed: bool = "gzip" in raw.get("requestcompression", {}).get("encodings", ())
        self.auth_type: str | None = raw.get("authtype")
        self.auth: tuple[str, ...] = tuple(raw.get("auth", ()))
        self.deprecated: bool = bool(raw.get("deprecated"))
        self.host_prefix: str | None = raw.get("endpoint", {}).get("hostPrefix")
        self._model = model

    @cached_property
    def event_in(self) -> str | None:
        """The input member that is an event stream."""
        return self._member_with(self.input, "eventstream")

    @cached_property
    def event_out(self) -> str | None:
        return self._member_with(self.output, "eventstream")

    @cached_property
    def stream_in(self) -> str | None:
        """The input member that is a streaming blob."""
        return self._stream(self.input)

    @cached_property
    def stream_out(self) -> str | None:
        return self._stream(self.output)

    def _stream(self, ref: Ref | None) -> str | None:
        if ref is None:
            return None
        shape = self._model.resolve(ref)
        payload: str | None = shape.get("payload")
        if payload is None:
            return None
        member = self._model.resolve(shape["members"][payload])
        return payload if member["type"] == "blob" and member.get("streaming") else None

    def _member_with(self, ref: Ref | None, trait: str) -> str | None:
        if ref is None:
            return None
        for name, member in self._model.resolve(ref).get("members", {}).items():
            if self._model.resolve(member).get(trait):
                return str(name)
        return None


class Model:
    """A service as AWS describes it: metadata, operations, shapes."""

    def __init__(self, name: str, raw: Mapping[str, Any]) -> None:
        metadata = raw["metadata"]
        self.name = name
        self.protocol: str = metadata["protocol"]
        self.protocols: tuple[str, ...] = tuple(metadata.get("protocols") or (self.protocol,))
        self.query_compatible = "awsQueryCompatible" in metadata
        if self.query_compatible and "query" not in self.protocols:
            self.protocols += ("query",)  # SQS: its older clients still speak it, and AWS answers them
        self.endpoint_prefix: str = metadata["endpointPrefix"]
        self.signing_name: str = metadata.get("signingName", self.endpoint_prefix)
        self.target_prefix: str = metadata.get("targetPrefix", "")
        self.json_version: str = str(metadata.get("jsonVersion", "1.0"))
        self.api_version: str = metadata["apiVersion"]
        self.service_id: str = metadata.get("serviceId", name)
        self.xml_namespace: str = _namespace(metadata)
        self.shapes: dict[str, dict[str, Any]] = raw["shapes"]
        self.operations: Mapping[str, OperationModel] = {
            operation: OperationModel(self, operation, value) for operation, value in raw["operations"].items()
        }

    def resolve(self, ref: Ref) -> dict[str, Any]:
        """The shape behind a reference, with the reference's own traits over it and its name as "shape"."""
        return {**self.shapes[ref["shape"]], **ref}

    def wire_name(self, member: str, ref: Ref) -> str:
        """A member's name in XML and forms. A structure's own locationName is only for when it is the root; a
        flattened list without a name takes that of its items."""
        shape = self.shapes[ref["shape"]]
        name: str | None = ref.get("locationName")
        if name is None and shape["type"] != "structure":
            name = shape.get("locationName")
        if name is None and shape["type"] == "list" and (shape.get("flattened") or ref.get("flattened")):
            name = self.resolve(shape["member"]).get("locationName")
        return member if name is None else name

    def snake(self, operation: str) -> str:
        return snake(operation)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """snake_case name -> operation."""
        return {snake(operation): operation for operation in self.operations}

    def camel(self, name: str) -> str | None:
        """The operation whose snake_case name this is."""
        return self.names.get(name)

    def error_statuses(self) -> dict[str, int]:
        """Error code -> HTTP status, under the shape's name and under its code on the wire."""
        return {code: status for code, (_, status) in self._errors.items()}

    def error_shape(self, code: str) -> str | None:
        """The shape that models an error, by its own name or by its code on the wire."""
        found = self._errors.get(code)
        return None if found is None else found[0]

    def error_code(self, shape: str) -> str:
        """The code an error shape has on the wire (NoSuchEntityException is NoSuchEntity to IAM's clients)."""
        code: str = self.shapes[shape].get("error", {}).get("code", shape)
        return code

    @cached_property
    def _errors(self) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        for name, shape in self.shapes.items():
            if not shape.get("exception"):
                continue
            error = shape.get("error", {})
            status = int(error.get("httpStatusCode") or (500 if shape.get("fault") else 400))
            found[name] = (name, status)
            if "code" in error:
                found.setdefault(error["code"], (name, status))
        return found


def _namespace(metadata: Mapping[str, Any]) -> str:
    namespace = metadata.get("xmlNamespace")
    if isinstance(namespace, Mapping):
        return str(namespace.get("uri", ""))
    if namespace:
        return str(namespace) + ("/" if metadata["protocol"] == "ec2" and not namespace.endswith("/") else "")
    return {
        "s3": "http://s3.amazonaws.com/doc/2006-03-01/",
        "sqs": "http://queue.amazonaws.com/doc/2012-11-05/",
    }.get(metadata["endpointPrefix"], "")


@cache
def _data() -> Path:
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("botocore is not installed: its models are the table of operations")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


@cache
def load(name: str) -> Model:
    """The newest model of the service whose folder in botocore's data is `name`."""
    folder = _data() / name
    versions = sorted(version for version in folder.iterdir() if version.is_dir()) if folder.is_dir() else []
    for version in reversed(versions):
        for file in (version / "service-2.json.gz", version / "service-2.json"):
            if file.exists():
                raw = file.read_bytes()
                return Model(name, _without_prose(orjson.loads(_unzip(raw) if raw[:2] == b"\x1f\x8b" else raw)))
    raise KeyError(f"no such service in the models: {name}")


def _unzip(raw: bytes) -> bytes:
    data: bytes = igzip.decompress(raw)  # type: ignore[no-untyped-call]
    return data


def _without_prose(raw: dict[str, Any]) -> dict[str, Any]:
    """Half of a model is documentation, which would stay in memory for nothing."""
    for operation in raw["operations"].values():
        operation.pop("documentation", None)
    for shape in raw["shapes"].values():
        shape.pop("documentation", None)
        for member in shape.get("members", {}).values():
            member.pop("documentation", None)
    return raw
