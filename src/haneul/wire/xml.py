"""XML in and out, safely: no DTD, no entities, bounded depth and size; names without their namespaces."""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

MAX_DEPTH = 64
MAX_ELEMENTS = 150_000  # CompleteMultipartUpload of 10,000 parts with every checksum has 90,000
MAX_BYTES = 8 << 20

_SPECIAL = re.compile('[&<>"\r\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]')
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


class XmlError(ValueError):
    """The document is not well-formed, or refused (a DTD, too deep, too large)."""


class Node:
    """An element: its local name, attributes by local name, children in order, text."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str] | None) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Node] = []
        self.text = ""


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self.stack: list[Node] = []
        self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.stack) >= MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise XmlError("too deep or too large")
        if ":" in name:
            name = name.rpartition(":")[2]
        node = Node(name, {key.rpartition(":")[2]: value for key, value in attributes.items()} if attributes else None)
        if self.stack:
            self.stack[-1].children.append(node)
        else:
            self.root = node
        self.stack.append(node)

    def end(self, _name: str) -> None:
        self.stack.pop()

    def data(self, text: str) -> None:
        node = self.stack[-1]
        node.text = node.text + text if node.text else text


def _refuse(*_: Any) -> None:
    raise XmlError("a document type or an entity is not allowed")


def parse(document: bytes) -> Node:
    """The root element. Raises XmlError."""
    if len(document) > MAX_BYTES:
        raise XmlError("too large")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, UnicodeError, ValueError, LookupError) as error:
        raise XmlError(str(error)) from None
    if builder.root is None:
        raise XmlError("no element found")
    return builder.root


def _entity(match: re.Match[str]) -> str:
    character = match.group()
    known = _ENTITIES.get(character)
    if known is not None:
        return known
    if character in "\ufffe\uffff" or "\ud800" <= character <= "\udfff":
        return "\ufffd"
    return f"&#x{ord(character):x};"


def escape(value: object) -> str:
    """Text as element content. What XML 1.0 cannot hold is written as a character reference, as AWS writes it."""
    if (
        value.__class__ is str
        and "&" not in value  # cheaper than one regular expression; lists are made of this
        and "<" not in value
        and ">" not in value
        and value.isprintable()
    ):
        return value
    return _SPECIAL.sub(_entity, str(value))


def escape_attribute(value: object) -> str:
    """Text as the value of a double-quoted attribute."""
    return (
        _SPECIAL.sub(_entity, value if type(value) is str else str(value)).replace("\n", "&#10;").replace("\t", "&#9;")
    )
