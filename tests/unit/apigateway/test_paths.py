"""JSONPath as mappings use it, and the tree of resources."""

from __future__ import annotations

from typing import Any

import pytest

from haneul.engines.templates import jsonpath
from haneul.services.apigateway.plane.deployed import Deployed

PETS = {"pets": [{"name": "rex", "age": 3}, {"name": "tom", "age": 9}], "a-b": {"c d": None, "e": False}, "n": 0}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", PETS),
        ("$.n", 0),
        ("$.pets[0].name", "rex"),
        ("$['pets'][-1]['name']", "tom"),
        ("$.pets[*].name", ["rex", "tom"]),
        ("$..age", [3, 9]),
        ("$.pets[?(@.age > 5)].name", ["tom"]),
        ("$.pets[?(@.name == 'rex')].age", [3]),
        ("$.pets[0:1]", [{"name": "rex", "age": 3}]),
        ("$.a-b['c d']", None),
        ("$.a-b.e", False),
        ("$.nope.x", None),
        ("pets[1].age", 9),
    ],
)
def test_paths(path: str, expected: Any) -> None:
    """One value for a path that can lead to one, a list for others, nothing for none."""
    assert jsonpath.find(PETS, path) == expected


def test_no_path() -> None:
    """What isn't a path is an error."""
    for path in ("$.", "$[", "$.a[b", "$ a"):
        with pytest.raises(jsonpath.BadPath):
            jsonpath.find(PETS, path)


def test_the_tree_steps_back() -> None:
    """A literal that leads nowhere yields to a variable, a variable to a greedy one; methods count too."""
    held = {"httpMethod": "GET", "methodIntegration": {}}
    paths = {
        "/": ["GET"],
        "/a/{x}": ["GET"],
        "/a/b": ["POST"],
        "/a/b/c": ["GET"],
        "/a/{x}/d": ["GET"],
        "/a/{rest+}": ["ANY"],
        "/{any+}": ["DELETE"],
    }
    deployed = Deployed(
        "d",
        {"resources": {path: {"path": path, "methods": dict.fromkeys(verbs, held)} for path, verbs in paths.items()}},
    )

    def found(verb: str, path: str) -> tuple[str, dict[str, str]] | None:
        hit = deployed.find(verb, [part for part in path.split("/") if part])
        return None if hit is None else (hit[0].path, hit[1])

    assert found("GET", "/") == ("/", {})
    assert found("POST", "/a/b") == ("/a/b", {})
    assert found("GET", "/a/b") == ("/a/{x}", {"x": "b"})
    assert found("GET", "/a/b/d") == ("/a/{x}/d", {"x": "b"})
    assert found("PUT", "/a/b/d/e") == ("/a/{rest+}", {"rest": "b/d/e"})
    assert found("DELETE", "/z") == ("/{any+}", {"any": "z"})
    assert found("GET", "/z") is None
    assert found("POST", "/") is None
