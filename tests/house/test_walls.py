"""The house keeps its shape: sizes, names, docstrings, and what stands where. A failure says which habit broke."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "haneul"
FILES = sorted(SOURCE.rglob("*.py"))
VAGUE = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc", "shared", "tools"}
MAX_LINES = 500
MAX_FUNCTION = 70
KERNEL = {
    "cli",
    "gateway",
    "wire",
    "auth",
    "state",
    "converge",
    "events",
    "metering",
    "engines",
    "kit",
    "services",
    "console",
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_is_one_noun(path: Path) -> None:
    """Files with general names, or too long, never stop growing."""
    assert path.stem not in VAGUE
    lines = path.read_text().count("\n")
    assert lines <= MAX_LINES, f"{lines} lines: a noun too many in one file"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_says_what_it_is(path: Path) -> None:
    """The docstring is where a reader starts."""
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_functions_fit_a_screen(path: Path) -> None:
    """600-line create functions are how this field goes wrong."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name} has {length} lines"


def test_the_page_and_the_tree_agree() -> None:
    """ARCHITECTURE.md names every folder of the kernel, and the kernel has no other."""
    folders = {p.name for p in SOURCE.iterdir() if p.is_dir() and not p.name.startswith("__")}
    assert folders <= KERNEL
    page = (ROOT / "ARCHITECTURE.md").read_text()
    for folder in folders:
        assert f"{folder}/" in page, f"ARCHITECTURE.md doesn't name {folder}/"


def test_every_room_has_the_same_furniture() -> None:
    """A reader who knows one room knows them all."""
    for room in sorted(p for p in (SOURCE / "services").iterdir() if (p / "__init__.py").exists()):
        if not (room / "service.py").exists():
            continue
        assert (room / "README.md").exists(), f"{room.name} has no README.md"
        assert (ROOT / "tests" / "api" / room.name).is_dir() or room.name.replace("_", "") in _tested(), room.name


def _tested() -> set[str]:
    return {p.name.replace("_", "") for p in (ROOT / "tests" / "api").iterdir() if p.is_dir()}


def test_every_room_is_in_the_composition_root() -> None:
    """A room that app.py doesn't name can't be reached."""
    from haneul.app import ROOMS

    rooms = {p.parent.name for p in (SOURCE / "services").glob("*/service.py")}
    assert rooms == set(ROOMS)
    assert list(ROOMS) == sorted(ROOMS)


def test_the_catalogue_is_the_pinned_models() -> None:
    """gateway/services.json is made from botocore's models: made anew it is the same."""
    from haneul.gateway import catalog

    assert tuple(catalog.entries()) == tuple(catalog._generate()), "run python -m haneul.gateway.catalog"


def test_both_readmes_show_the_same_commands() -> None:
    """README.md and README.ko.md are kept in step: same headings in number, same code blocks to the letter."""
    english, korean = ((ROOT / name).read_text() for name in ("README.md", "README.ko.md"))
    blocks = re.compile(r"^```.*?^```", re.M | re.S)
    assert blocks.findall(english) == blocks.findall(korean)
    assert len(re.findall(r"^#+ ", english, re.M)) == len(re.findall(r"^#+ ", korean, re.M))


def test_every_promise_names_what_is_there() -> None:
    """SPECIFICATION.md's tests exist: a promise held by a file that has gone is none."""
    named = set(re.findall(r"`(tests/[\w./]+)`", (ROOT / "SPECIFICATION.md").read_text()))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_nothing_names_this_machine() -> None:
    """No absolute path of a workplace, no registry's host in what lands."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    names = [n for n in listed.decode().split("\0") if n and not n.endswith((".json", ".gz", ".png"))]
    pattern = re.compile(r"/work/main|files\.pythonhosted|pypi\.org/simple|registry\.npmjs|deb\.debian")
    for name in names:
        path = ROOT / name
        if path.is_file() and name != "tests/house/test_walls.py":
            found = pattern.search(path.read_text(errors="replace"))
            assert found is None, f"{name}: {found.group() if found else ''}"
