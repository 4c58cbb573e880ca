"""The query and ec2 protocols: a flat form of dotted names in, XML out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haneul.wire import scalars
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response
from haneul.wire.model import Model, OperationModel, Ref
from haneul.wire.quirks import Quirks
from haneul.wire.scalars import Convert, Unreadable
from haneul.wire.xmlwriter import XmlWriters

MAX_PAIRS = 50_000
MAX_PARTS = 64

Tree = dict[str, Any]
"""Parts of dotted names, nested: {"Tags": {"member": {"1": {"Key": "x"}}}}; leaves are text."""


class QueryReaders:
    """Compiles readers of one service's shapes from a tree of dotted names."""

    def __init__(self, model: Model, ec2: bool, exact: frozenset[str] = frozenset()) -> None:
        """exact: enumerations that are read as they are."""
        self._model = model
        self._exact = exact
        self._ec2 = ec2
        self._readers: dict[str, Convert] = {}

    def reader(self, ref: Ref) -> Convert:
        shape = self._model.resolve(ref)
        kind = shape["type"]
        if kind == "structure":
            known = self._readers.get(shape["shape"])
            return known if known is not None else self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        if self._ec2 and "enum" in shape and shape["shape"] not in self._exact:
            return _either_case(shape["enum"])
        convert = scalars.reader(shape)

        def scalar(node: Any) -> Any:
            return convert(node if type(node) is str else node.get(""))

        return scalars.string if convert is scalars.string else scalar

    def _structure(self, shape: Mapping[str, Any]) -> Convert:
        table: dict[str, tuple[str, Convert]] = {}

        def structure(node: Any) -> dict[str, Any]:
            if type(node) is str:
                if node:
                    raise Unreadable("expected a structure", node)
                return {}
            out = {}
            key = ""
            try:
                for key, value in node.items():
                    entry = table.get(key)
                    if entry is not None:
                        out[entry[0]] = entry[1](value)
            except Unreadable as error:
                raise error.within(table[key][0]) from None
            return out

        self._readers[shape["shape"]] = structure
        for name, ref in shape["members"].items():
            member = self._model.resolve(ref)
            table[self._name(name, ref, member)] = (name, self.reader(ref))
        return structure

    def _name(self, member: str, ref: Ref, shape: Mapping[str, Any]) -> str:
        if self._ec2:
            if "queryName" in shape:
                return str(shape["queryName"])
            name: str = shape.get("locationName", member)
            return name[:1].upper() + name[1:]
        return self._model.wire_name(member, ref)

    def _list(self, shape: Mapping[str, Any]) -> Convert:
        member = self._model.resolve(shape["member"])
        item = self.reader(shape["member"])
        name = member.get("locationName", "member")

        def items(node: Any) -> list[Any]:
            if type(node) is str:
                if node:
                    raise Unreadable("expected a list", node)
                return []
            inner = node.get(name)
            if inner is None:
                inner = node.get("member", node)
            return [item(value) for value in numbered(inner)]

        return items

    def _map(self, shape: Mapping[str, Any]) -> Convert:
        key_name = self._model.resolve(shape["key"]).get("locationName", "key")
        value_name = self._model.resolve(shape["value"]).get("locationName", "value")
        value_of = self.reader(shape["value"])

        def entries(node: Any) -> dict[str, Any]:
            if type(node) is str:
                if node:
                    raise Unreadable("expected a map", node)
                return {}
            out = {}
            for entry in numbered(node.get("entry", node)):
                if type(entry) is not dict or key_name not in entry:
                    raise Unreadable("expected a key and a value", "")
                out[scalars.string(entry[key_name])] = value_of(entry.get(value_name, ""))
            return out

        return entries


def _either_case(values: Sequence[str]) -> Convert:
    """EC2 takes the values of its enumerations in any case ("ALLOW", "gateway"), and tells them in its model's; an
    empty one is none."""
    exact = frozenset(values)
    known = {value.lower(): value for value in values}

    def enumerated(node: Any) -> str | None:
        text = scalars.string(node)
        return text if text in exact else known.get(text.lower(), text) or None

    return enumerated


def numbered(node: Any) -> list[Any]:
    """What "Name.1", "Name.2" ... hold, in the order of their numbers."""
    if type(node) is str:
        if node:
            raise Unreadable("expected a list", node)
        return []
    pairs = [(int(key), value) for key, value in node.items() if key.isascii() and key.isdigit() and len(key) < 10]
    pairs.sort(key=lambda pair: pair[0])
    return [value for _, value in pairs]


def tree(text: str) -> Tree:
    """A form as nested parts of its names. Raises Unreadable, UnicodeDecodeError."""
    pairs = scalars.form(text)
    if len(pairs) > MAX_PAIRS:
        raise Unreadable("too many parameters")
    root: Tree = {}
    for name, value in pairs:
        if "." not in name:
            held = root.get(name)
            if type(held) is dict:
                held[""] = value
            else:
                root[name] = value
            continue
        parts = name.split(".")
        if len(parts) > MAX_PARTS:
            raise Unreadable("name too deep", name[:100])
        node = root
        for part in parts[:-1]:
            child = node.get(part)
            if child is None:
                child = node[part] = {}
            elif type(child) is str:
                child = node[part] = {"": child}
            node = child
        held = node.get(parts[-1])
        if type(held) is dict:
            held[""] = value
        else:
            node[parts[-1]] = value
    return root


def parser(
    readers: QueryReaders, operation: OperationModel, quirks: Quirks
) -> Callable[[Request, Mapping[str, str]], dict[str, Any]]:
    read = None if operation.input is None else readers.reader(operation.input)

    def parse(request: Request, _labels: Mapping[str, str]) -> dict[str, Any]:
        if read is None:
            return {}
        try:
            text = request.body.decode()
            if request.query:
                text = f"{request.query}&{text}" if text else request.query
            members: dict[str, Any] = read(tree(text))
        except Unreadable as error:
            raise unreadable(error, quirks) from None
        except UnicodeDecodeError:
            raise AwsError(quirks.malformed, "The request is not valid UTF-8") from None
        return members

    return parse


def unreadable(error: Unreadable, quirks: Quirks) -> AwsError:
    if quirks.style == "parameter":
        name = error.path.rpartition(".")[2]
        shown = error.value if isinstance(error.value, str) else ""
        return AwsError(
            quirks.invalid, f"Value ({shown[:256]}) for parameter {name} is invalid. {error.reason.capitalize()}."
        )
    return AwsError("MalformedInput", f"Invalid value at '{error.path}': {error.reason}")


def serializer(
    model: Model, writers: XmlWriters, operation: OperationModel, ec2: bool
) -> Callable[[Mapping[str, Any], str], Response]:
    write = None if operation.output is None else writers.members(operation.output)
    namespace = model.xml_namespace
    name = operation.name
    if ec2:
        head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}Response xmlns="{namespace}"><requestId>'
        middle, tail = "</requestId>", f"</{name}Response>"

        def serialize(output: Mapping[str, Any], request_id: str) -> Response:
            parts = [head, request_id, middle]
            if write is not None:
                write(output, parts.append)
            parts.append(tail)
            return Response(200, _xml_headers(request_id), "".join(parts).encode("utf-8", "replace"))

        return serialize

    wrapper = (operation.output or {}).get("resultWrapper")
    opening = f'<{name}Response xmlns="{namespace}">' if namespace else f"<{name}Response>"
    if wrapper:
        opening += f"<{wrapper}>"
    closing = (f"</{wrapper}>" if wrapper else "") + "<ResponseMetadata><RequestId>"
    ending = f"</RequestId></ResponseMetadata></{name}Response>"

    def wrapped(output: Mapping[str, Any], request_id: str) -> Response:
        parts = [opening]
        if write is not None:
            write(output, parts.append)
        parts += (closing, request_id, ending)
        return Response(200, _xml_headers(request_id), "".join(parts).encode("utf-8", "replace"))

    return wrapped


def _xml_headers(request_id: str) -> list[tuple[str, str]]:
    return [("x-amzn-RequestId", request_id), ("Content-Type", "text/xml;charset=UTF-8")]
