"""The rest-xml protocol (S3, Route 53, CloudFront): XML bodies beside members in path, query string and headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haneul.wire import checksums, rest, scalars, streams, xml
from haneul.wire.constraints import MALFORMED_XML
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response
from haneul.wire.model import Model, OperationModel, Ref
from haneul.wire.quirks import Quirks
from haneul.wire.scalars import Convert, Unreadable
from haneul.wire.xmlwriter import XmlWriters

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


class XmlReaders:
    """Compiles readers of one service's shapes from XML elements."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._known: dict[str, Convert] = {}

    def reader(self, ref: Ref) -> Convert:
        shape = self._model.resolve(ref)
        kind = shape["type"]
        if kind == "structure":
            return self._known.get(shape["shape"]) or self._structure(shape["shape"], shape, None)
        if kind == "list":
            item = self.reader(shape["member"])
            name = self._model.resolve(shape["member"]).get("locationName", "member")
            return lambda node: [item(child) for child in node.children if child.name in {name, "member"}]
        if kind == "map":
            pair = self._pair(shape)
            return lambda node: dict(pair(child) for child in node.children)
        read = scalars.reader(shape)
        if read is scalars.string:
            return _text
        return lambda node: read(node.text.strip())

    def members(self, ref: Ref, only: frozenset[str]) -> Convert:
        return self._structure(None, self._model.shapes[ref["shape"]], only)

    def _pair(self, shape: Mapping[str, Any]) -> Callable[[xml.Node], tuple[str, Any]]:
        key_name = self._model.resolve(shape["key"]).get("locationName", "key")
        value_name = self._model.resolve(shape["value"]).get("locationName", "value")
        read = self.reader(shape["value"])

        def pair(node: xml.Node) -> tuple[str, Any]:
            key = next((child.text for child in node.children if child.name == key_name), None)
            value = next((child for child in node.children if child.name == value_name), None)
            if key is None or value is None:
                raise Unreadable("expected a key and a value")
            return key, read(value)

        return pair

    def _structure(self, key: str | None, shape: Mapping[str, Any], only: frozenset[str] | None) -> Convert:
        table: dict[str, tuple[str, Convert, str]] = {}
        attributes: dict[str, str] = {}

        def structure(node: xml.Node) -> dict[str, Any]:
            out: dict[str, Any] = {}
            name = ""
            try:
                for child in node.children:
                    entry = table.get(child.name)
                    if entry is None:
                        continue
                    name, read, flat = entry
                    if not flat:
                        out[name] = read(child)
                    elif flat == "list":
                        out.setdefault(name, []).append(read(child))
                    else:
                        item_key, item = read(child)
                        out.setdefault(name, {})[item_key] = item
            except Unreadable as error:
                raise error.within(name) from None
            if attributes and node.attributes:
                for attribute, name in attributes.items():
                    if attribute in node.attributes:
                        out[name] = node.attributes[attribute]
            return out

        if key is not None:
            self._known[key] = structure
        for name, ref in shape["members"].items():
            if only is None or name in only:
                self._member(name, ref, table, attributes)
        return structure

    def _member(
        self, name: str, ref: Ref, table: dict[str, tuple[str, Convert, str]], attributes: dict[str, str]
    ) -> None:
        member = self._model.resolve(ref)
        wire = self._model.wire_name(name, ref)
        if member.get("xmlAttribute"):
            attributes[wire.rpartition(":")[2]] = name
        elif member["type"] == "list" and member.get("flattened"):
            # Requests name the items of a flattened list after the list, responses after the items: both are read.
            item = (name, self.reader(member["member"]), "list")
            table[ref.get("locationName", name)] = item
            table.setdefault(wire, item)
        elif member["type"] == "map" and member.get("flattened"):
            table[wire] = (name, self._pair(member), "map")
        else:
            table[wire] = (name, self.reader(ref), "")


def _text(node: xml.Node) -> str:
    return node.text


def parser(
    model: Model, readers: XmlReaders, operation: OperationModel, quirks: Quirks
) -> Callable[[Request, Mapping[str, str]], dict[str, Any]]:
    bind = rest.binder(model, operation, quirks)
    body = _body_reader(model, readers, operation, quirks)
    checked = checksums.verifier(operation, model.name)

    def parse(request: Request, labels: Mapping[str, str]) -> dict[str, Any]:
        out = bind(request, labels)
        if checked is not None and request.stream is None:
            checked(request.headers, request.body)
        if body is not None:
            body(request, out)
        return out

    return parse


def _body_reader(
    model: Model, readers: XmlReaders, operation: OperationModel, quirks: Quirks
) -> Callable[[Request, dict[str, Any]], None] | None:
    payload = rest.payload(model, operation.input)
    if payload is None:
        members = rest.body_members(model, operation.input)
        if operation.input is None or not members:
            return None
        return _document(readers.members(operation.input, members), None, "", quirks)
    name = payload.name
    if payload.kind == "events":
        return streams.reader_of(model, payload.shape, name, _event_reader(readers))
    if payload.kind != "value":
        return rest.raw_reader(payload, quirks)
    roots = {payload.shape.get("locationName", name), payload.shape["shape"], name}
    return _document(readers.reader(payload.shape), name, roots if quirks.style == "s3" else "", quirks)


def _document(
    read: Convert, name: str | None, roots: set[str] | str, quirks: Quirks
) -> Callable[[Request, dict[str, Any]], None]:
    def document(request: Request, out: dict[str, Any]) -> None:
        if not request.body or request.body.isspace():
            return
        try:
            root = xml.parse(request.body)
            if roots and root.name not in roots:
                raise Unreadable("unexpected root element")
            value = read(root)
        except (xml.XmlError, Unreadable):
            raise AwsError(quirks.malformed, MALFORMED_XML) from None
        if name is None:
            out.update(value)
        else:
            out[name] = value

    return document


def serializer(
    model: Model, writers: XmlWriters, operation: OperationModel, quirks: Quirks
) -> Callable[[Mapping[str, Any], str], Response]:
    outputs = rest.Outputs(model, operation.output)
    body = _body_writer(model, writers, operation, quirks)
    return rest.serializer(operation, outputs, body, rest.request_id_headers(quirks.style == "s3"))


def _body_writer(
    model: Model, writers: XmlWriters, operation: OperationModel, quirks: Quirks
) -> rest.BodyWriter | None:
    payload = rest.payload(model, operation.output)
    if operation.output is None:
        return None
    if payload is None:
        members = rest.output_members(model, operation.output)
        if not members:
            return None
        named = model.resolve(operation.output).get("locationName", operation.output["shape"])
        root = dict(quirks.roots).get(operation.name) or str(named)
        if quirks.style == "s3" and operation.name == "GetBucketLocation":
            return None, _bare(model, "LocationConstraint")
        return None, _element(writers.element(operation.output, root, model.xml_namespace, sorted(members)))
    if payload.kind == "events":
        return payload.name, streams.writer_of(model, payload.shape, _event_document(writers), "text/xml")
    if payload.kind == "value":
        root = payload.shape.get(
            "locationName", payload.name if payload.shape["type"] == "list" else payload.shape["shape"]
        )
        return payload.name, _element(writers.element(payload.shape, root, model.xml_namespace))
    kind = (
        "text/plain"
        if payload.kind == "string"
        else "binary/octet-stream"
        if quirks.style == "s3"
        else "application/octet-stream"
    )
    if operation.name == "GetBucketPolicy":
        kind = "application/json"

    return payload.name, rest.raw_writer(kind)


def _element(write: Callable[[Any, Any], None]) -> Callable[[Any, rest.Headers], bytes]:
    def element(value: Any, headers: rest.Headers) -> bytes:
        headers.append(("Content-Type", "application/xml"))
        parts = [_DECLARATION]
        write(value, parts.append)
        return "".join(parts).encode("utf-8", "replace")

    return element


def _bare(model: Model, member: str) -> Callable[[Any, rest.Headers], bytes]:
    """S3's GetBucketLocation: the root element holds the text itself."""

    def bare(value: Any, headers: rest.Headers) -> bytes:
        headers.append(("Content-Type", "application/xml"))
        text = value.get(member) or ""
        opening = f'{_DECLARATION}<{member} xmlns="{model.xml_namespace}"'
        return (f"{opening}>{xml.escape(text)}</{member}>" if text else f"{opening}/>").encode()

    return bare


def _event_document(writers: XmlWriters) -> streams.DocumentWriter:
    def document(ref: Ref, only: frozenset[str] | None) -> Callable[[Any], bytes]:
        tag = ref["shape"]
        write = writers.members(ref, None if only is None else sorted(only))

        def encode(value: Any) -> bytes:
            parts = [f'<{tag} xmlns="">']
            write(value, parts.append)
            parts.append(f"</{tag}>")
            return "".join(parts).encode("utf-8", "replace")

        return encode

    return document


def _event_reader(readers: XmlReaders) -> streams.DocumentReader:
    def document(ref: Ref, only: frozenset[str] | None) -> Callable[[bytes], Any]:
        read = readers.reader(ref) if only is None else readers.members(ref, only)
        return lambda raw: read(xml.parse(raw)) if raw else {}

    return document
