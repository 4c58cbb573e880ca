"""Random members of real shapes, within what each protocol can carry."""

from __future__ import annotations

import datetime
import math
import string
from random import Random
from typing import Any

from haneul.wire.model import Model
from haneul.wire.quirks import quirks

ABSENT: Any = object()
_PLAIN = string.ascii_letters + string.digits + "-_"
_TEXTS = ("plain text", "&<>\"'", "  spaced  ", "ünïcödé 😹", "a\nb\tc", "100%+1=/?#[]@:", "", "null", "true", "]]>")


class Maker:
    """Makes values of one service's shapes for one protocol; `request` tells the direction."""

    def __init__(self, model: Model, protocol: str, random: Random, request: bool) -> None:
        self.model = model
        self.protocol = protocol
        self.random = random
        self.request = request
        self.xml = protocol in {"query", "ec2", "rest-xml"}
        self.form = protocol in {"query", "ec2"} and request

    def members(self, ref: Any) -> dict[str, Any]:
        """Members of an operation's input or output."""
        shape = self.model.resolve(ref)
        out = {}
        for name, member_ref in shape["members"].items():
            member = self.model.resolve(member_ref)
            location = member.get("location") if self.protocol.startswith("rest") else None
            wanted = name in shape.get("required", ()) or location == "uri" or name == shape.get("payload")
            if member.get("eventstream") or not (wanted or self.random.random() < 0.5):
                continue
            if location in {"uri", "querystring", "header", "headers", "statusCode"} and (
                self.request or location not in {"uri", "querystring"}
            ):
                value = self._located(member, location)
            elif name == shape.get("payload") and member["type"] in {"string", "blob"}:
                value = self.random.choice(_TEXTS[:4])  # botocore decodes what isn't a stream
                value = value.encode() if member["type"] == "blob" else value
            else:
                value = self.value(member, 0)
            if value is not ABSENT and not _is_checksum(member):
                out[name] = value
        return out

    def value(self, shape: Any, depth: int) -> Any:
        kind = shape["type"]
        if shape.get("document"):
            return {"a": [1, "x", None, {"b": True}]} if kind == "structure" else ABSENT
        if kind == "structure":
            return self._structure(shape, depth)
        if kind == "list":
            return self._list(shape, depth)
        if kind == "map":
            return self._map(shape, depth)
        return self._scalar(shape)

    def _structure(self, shape: Any, depth: int) -> Any:
        members = list(shape["members"])
        if depth > 5 and self.random.random() < 0.7:
            return ABSENT
        if shape.get("union"):
            members = [self.random.choice(members)] if members else []
        elif len(members) > 6:
            members = self.random.sample(members, 6)
        out = {}
        for name in members:
            if shape.get("union") or self.random.random() < 0.7:
                value = self.value(self.model.resolve(shape["members"][name]), depth + 1)
                if value is not ABSENT:
                    out[name] = value
        if not out and (self.form or shape.get("union")):
            return ABSENT  # it would leave no trace
        return out

    def _list(self, shape: Any, depth: int) -> Any:
        leaves_trace = not (shape.get("flattened") or self.protocol == "ec2") or not (self.xml or self.form)
        count = self.random.randint(0 if leaves_trace else 1, 3)
        member = self.model.resolve(shape["member"])
        items = [value for value in (self.value(member, depth + 1) for _ in range(count)) if value is not ABSENT]
        if self.form and items and items[0] == [] and self.protocol == "ec2":
            return ABSENT
        return items if items or (leaves_trace and count == 0) else ABSENT

    def _map(self, shape: Any, depth: int) -> Any:
        out = {}
        member = self.model.resolve(shape["value"])
        keys = self.model.resolve(shape["key"]).get("enum")
        for at in range(self.random.randint(1, 3)):
            value = self.value(member, depth + 1)
            if value is not ABSENT:
                out[self.random.choice(keys) if keys else f"{self._word()}{at}"] = value
        return out or ABSENT

    def _scalar(self, shape: Any) -> Any:
        kind = shape["type"]
        if kind == "string":
            if shape.get("hostLabel"):
                return self._word().replace("_", "0")
            if shape.get("xmlAttribute"):
                return self.random.choice(_TEXTS[:4])
            found = self.random.choice((*_TEXTS, self._word()))
            # EC2 takes an empty value of an enumeration for none.
            return found or self._word() if self.protocol == "ec2" and "enum" in shape else found
        if kind == "blob":
            return self.random.choice((b"", b"\x00\xff binary \r\n", b"plain"))
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "timestamp":
            return self._moment(shape.get("timestampFormat") not in {"rfc822"})
        if kind in {"float", "double", "bigdecimal"}:
            return self.random.choice((0.0, 1.5, -2.25, 1e10, 3.0, 1e-7, math.pi))
        return self.random.choice((0, 1, -1, 2147483647, self.random.randint(-(10**9), 10**9)))

    def _located(self, shape: Any, location: str) -> Any:
        kind = shape["type"]
        if location == "statusCode":
            return self.random.choice((200, 202, 206))
        if location == "headers" or (kind == "map" and location == "querystring"):
            return self._located_map(shape, location)
        if kind == "list":
            member = self.model.resolve(shape["member"])
            return [self._located_scalar(member, location, True) for _ in range(self.random.randint(1, 3))]
        return self._located_scalar(shape, location, False)

    def _located_map(self, shape: Any, location: str) -> Any:
        many = self.model.resolve(shape["value"])["type"] == "list"
        keys = [f"{self._word().lower()}{at}" for at in range(self.random.randint(1, 3))]
        return {key: [self._word(), self._word()] if many else self._word() for key in keys}

    def _located_scalar(self, shape: Any, location: str, listed: bool) -> Any:
        kind = shape["type"]
        if shape.get("hostLabel"):
            return self._word().replace("_", "0")
        if kind == "string":
            if shape.get("jsonvalue"):
                return {"a": [1, "ü"]}
            if location == "querystring":
                return self.random.choice(_TEXTS)
            if location == "uri":
                return self.random.choice(("a b", "ü+%/&=?", self._word(), "a/b", "x.y", "arn:aws:x:::y/z"))
            if listed:
                return self._word() if not self.request else self.random.choice((self._word(), "a,b", 'say "x"'))
            return self.random.choice((self._word(), "with, comma", 'quo"te', "a;b=c"))
        if kind == "timestamp":
            default = "rfc822" if location == "header" else "iso8601"
            return self._moment(shape.get("timestampFormat", default) != "rfc822" and location != "header")
        if kind == "blob":
            return b"bytes"
        return self._scalar(shape)

    def _moment(self, millis: bool) -> Any:
        millis = millis and not quirks(self.model.name, self.protocol).seconds
        second = self.random.randint(0, 4102444800)
        moment = datetime.datetime.fromtimestamp(second, datetime.UTC)
        if millis and self.random.random() < 0.5:
            moment = moment.replace(microsecond=self.random.randint(0, 999) * 1000)
        return moment

    def _word(self) -> str:
        return "".join(self.random.choice(_PLAIN) for _ in range(self.random.randint(1, 8)))


def _is_checksum(member: Any) -> bool:
    """Headers that must fit the body; and Expires, which only the SDK takes for a timestamp."""
    name = member.get("locationName", "").lower()
    return member.get("location") == "header" and (
        name in {"content-md5", "expires", "x-amz-fwd-header-expires"} or name.startswith("x-amz-checksum-")
    )


def epochs(value: Any) -> Any:
    """The same value with the moments that rooms use."""
    if isinstance(value, dict):
        return {key: epochs(item) for key, item in value.items()}
    if isinstance(value, list):
        return [epochs(item) for item in value]
    return value.timestamp() if isinstance(value, datetime.datetime) else value
