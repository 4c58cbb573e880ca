"""Writers of XML, generated as Python source once per shape: straight-line code, four times as quick as walking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from haneul.wire import scalars, timestamps
from haneul.wire.model import Model, Ref
from haneul.wire.quirks import Quirks
from haneul.wire.xml import escape, escape_attribute

Append = Callable[[str], Any]
Write = Callable[[Mapping[str, Any], Append], None]
"""Appends a structure's members as elements."""


class XmlWriters:
    """Generates and keeps the writers of one service's structures."""

    def __init__(self, model: Model, quirks: Quirks) -> None:
        self._model = model
        self._names: dict[tuple[str, tuple[str, ...] | None], str] = {}
        iso: Callable[[float], str] = timestamps.iso
        if quirks.millis:
            iso = timestamps.iso_millis
        elif quirks.seconds:
            iso = _iso_seconds
        self._globals: dict[str, Any] = {
            "escape": escape,
            "attribute": escape_attribute,
            "base64": scalars.base64_text,
            "number": scalars.float_text,
            "true": "true",
            "false": "false",
            "iso8601": iso,
            "rfc822": timestamps.rfc822,
            "unixTimestamp": timestamps.unix_text,
            "unixtimestamp": timestamps.unix_text,
        }

    def members(self, ref: Ref, only: Iterable[str] | None = None) -> Write:
        """A writer of the structure's members (of those in `only`, when given)."""
        write: Write = self._globals[self._structure(ref["shape"], None if only is None else tuple(only))]
        return write

    def element(
        self, ref: Ref, tag: str, namespace: str = "", only: Iterable[str] | None = None
    ) -> Callable[[Any, Append], None]:
        """A writer of one value as the element `tag` (of the members in `only`, when given)."""
        name = f"e{len(self._globals)}"
        shape = self._model.resolve(ref)
        if namespace and "xmlNamespace" not in shape:
            shape["xmlNamespace"] = {"uri": namespace}
        if only is not None:
            shape["only"] = tuple(only)
        self._define(f"def {name}(x0, a):", self._emit(shape, tag, 0, 1))
        write: Callable[[Any, Append], None] = self._globals[name]
        return write

    def _define(self, head: str, lines: list[str]) -> None:
        source = "\n".join([head, *(lines or ["    pass"])])
        exec(compile(source, f"<xml of {self._model.name}>", "exec"), self._globals)  # noqa: S102  the source is made here, of names in botocore's models

    def _structure(self, name: str, only: tuple[str, ...] | None) -> str:
        key = (name, only)
        if key in self._names:
            return self._names[key]
        function = self._names[key] = f"w{len(self._names)}"
        lines = ["    g = v.get"]
        for member, ref in self._model.shapes[name]["members"].items():
            shape = self._model.resolve(ref)
            if (only is not None and member not in only) or shape.get("xmlAttribute"):
                continue
            if only is None and shape.get("location") in {"header", "headers", "statusCode"}:
                continue
            lines += [
                f"    x0 = g({member!r})",
                "    if x0 is not None:",
                *self._emit(shape, self._model.wire_name(member, ref), 0, 2),
            ]
        self._define(f"def {function}(v, a):", lines)
        return function

    def _emit(self, shape: Mapping[str, Any], tag: str, depth: int, indent: int) -> list[str]:
        """Lines that append the variable x<depth> as the element `tag`."""
        pad, var = "    " * indent, f"x{depth}"
        kind = shape["type"]
        opening = tag + _namespace(shape)
        if kind == "structure":
            attributes = self._attributes(shape, var)
            inner = self._structure(shape["shape"], shape.get("only"))
            return [
                f"{pad}a({_literal(f'<{opening}')}{attributes} + '>')"
                if attributes
                else f"{pad}a({_literal(f'<{opening}>')})",
                f"{pad}{inner}({var}, a)",
                f"{pad}a({_literal(f'</{tag}>')})",
            ]
        if kind == "list":
            return self._list(shape, tag, opening, depth, indent)
        if kind == "map":
            return self._map(shape, tag, opening, depth, indent)
        text = {"boolean": f"true if {var} else false", "blob": f"base64({var})"}.get(kind, f"escape({var})")
        if kind == "timestamp":
            text = f"{shape.get('timestampFormat', 'iso8601')}({var})"
        elif kind in scalars.INTEGERS:
            text = f"{var} if {var}.__class__ is int else int({var})"
        elif kind in scalars.FLOATS:
            text = f"number({var})"
        return [f"{pad}a(f{_literal(f'<{opening}>')[:-1]}{{{text}}}{_literal(f'</{tag}>')[1:]})"]

    def _list(self, shape: Mapping[str, Any], tag: str, opening: str, depth: int, indent: int) -> list[str]:
        pad, var, item = "    " * indent, f"x{depth}", f"x{depth + 1}"
        member = self._model.resolve(shape["member"])
        flat = shape.get("flattened")
        name = tag if flat else member.get("locationName", "member")
        loop = [
            f"{pad}for {item} in {var}:",
            f"{pad}    if {item} is not None:",
            *self._emit(member, name, depth + 1, indent + 2),
        ]
        if flat:
            return loop
        return [
            f"{pad}if not {var}:",
            f"{pad}    a({_literal(f'<{opening}/>')})",
            f"{pad}else:",
            f"{pad}    a({_literal(f'<{opening}>')})",
            *("    " + line for line in loop),
            f"{pad}    a({_literal(f'</{tag}>')})",
        ]

    def _map(self, shape: Mapping[str, Any], tag: str, opening: str, depth: int, indent: int) -> list[str]:
        pad, var = "    " * indent, f"x{depth}"
        key, value = self._model.resolve(shape["key"]), self._model.resolve(shape["value"])
        flat = shape.get("flattened")
        entry = tag if flat else "entry"
        loop = [
            f"{pad}for x{depth + 1}, x{depth + 2} in {var}.items():",
            f"{pad}    if x{depth + 2} is not None:",
            f"{pad}        a({_literal(f'<{entry}>')})",
            *self._emit(key, key.get("locationName", "key"), depth + 1, indent + 2),
            *self._emit(value, value.get("locationName", "value"), depth + 2, indent + 2),
            f"{pad}        a({_literal(f'</{entry}>')})",
        ]
        if flat:
            return loop
        return [f"{pad}a({_literal(f'<{opening}>')})", *loop, f"{pad}a({_literal(f'</{tag}>')})"]

    def _attributes(self, shape: Mapping[str, Any], var: str) -> str:
        out = ""
        for name, ref in shape.get("members", {}).items():
            member = self._model.resolve(ref)
            if member.get("xmlAttribute"):
                attribute = _literal(f' {member.get("locationName", name)}="')
                value = f"{var}.get({name!r})"
                out += f" + ('' if {value} is None else {attribute} + attribute({value}) + '\"')"
        return out


def _literal(text: str) -> str:
    """A double-quoted Python literal that may stand in an f-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("{", "{{").replace("}", "}}") + '"'


def _namespace(shape: Mapping[str, Any]) -> str:
    namespace = shape.get("xmlNamespace")
    if not namespace:
        return ""
    if isinstance(namespace, str):
        return f' xmlns="{namespace}"'
    prefix = namespace.get("prefix")
    return f' xmlns{":" + prefix if prefix else ""}="{namespace["uri"]}"'


def _iso_seconds(moment: float) -> str:
    return timestamps.iso(int(moment // 1))
