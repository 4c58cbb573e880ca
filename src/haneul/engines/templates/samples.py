"""Mapping templates made from models: what GetModelTemplate answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def template_of(schema: Mapping[str, Any]) -> str:
    """A mapping template that copies what the schema has."""
    return "#set($inputRoot = $input.path('$'))\n" + _sample(schema, "$inputRoot", 0)


def _sample(schema: Mapping[str, Any], path: str, depth: int) -> str:
    indent = "  " * (depth + 1)
    kind = schema.get("type")
    if kind == "array":
        inner = _sample(schema.get("items") or {}, "$elem", depth + 1)
        return f"[\n#foreach($elem in {path})\n{indent}{inner}#if($foreach.hasNext),#end\n#end\n]"
    if kind == "object" or schema.get("properties"):
        lines = [
            f'{indent}"{name}" : {_sample(one, f"{path}.{name}", depth + 1)}'
            for name, one in (schema.get("properties") or {}).items()
        ]
        return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"
    return f'"{path}"' if kind == "string" else path
