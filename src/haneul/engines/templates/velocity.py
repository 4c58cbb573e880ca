"""Velocity templates (VTL 1.7, as API Gateway and AppSync use it), compiled into closures.

    template = compile_template("#set($n = $input.path('$.name'))Hello $n.toUpperCase()")
    text = template.render({"input": ...})

A template sees the values that it is given, their listed methods, and nothing else: no attribute of a Python object
can be named. Loops, output and steps are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from haneul.engines.templates.expressions import Expressions, Scope, TemplateError, Undefined, is_true, shown

__all__ = ["Stopped", "Template", "TemplateError", "compile_template"]

MAX_OUTPUT = 10 << 20
MAX_LOOP = 1000
MAX_STEPS = 200_000
Node = Callable[["Run"], None]
_DIRECTIVE = re.compile(r"#(?:\{(set|if|elseif|else|end|foreach|break|stop|return)\}|"
                        r"(set|if|elseif|else|end|foreach|break|stop|return)(?![A-Za-z0-9_]))")  # fmt: skip
_EATEN = re.compile(r"[ \t]*(\r\n|\n|\r)?")
_NEXT = re.compile(r"[\\$#]")


class Break(Exception):
    """#break."""


class Stopped(Exception):
    """#stop or #return: the rest of the template isn't rendered; `value` is what #return gave."""

    def __init__(self, value: Any = None, returned: bool = False) -> None:
        super().__init__()
        self.value = value
        self.returned = returned


class Run:
    """One rendering."""

    __slots__ = ("names", "out", "size", "steps")

    def __init__(self, names: MutableMapping[str, Any]) -> None:
        self.names: Scope = names
        self.out: list[str] = []
        self.size = 0
        self.steps = 0

    def write(self, text: str) -> None:
        self.size += len(text)
        if self.size > MAX_OUTPUT:
            raise TemplateError("the template's output is too long")
        self.out.append(text)

    def step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TemplateError("the template takes too many steps")


class Template:
    """A compiled template."""

    __slots__ = ("_nodes",)

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes

    def render(self, names: Mapping[str, Any]) -> str:
        """The text. Raises TemplateError."""
        return self.run(names)[0]

    def run(self, names: Mapping[str, Any]) -> tuple[str, Any, bool]:
        """(text, what #return gave, whether there was a #return). Raises TemplateError."""
        run = Run(dict(names))
        try:
            for node in self._nodes:
                node(run)
        except Stopped as stopped:
            if stopped.returned:
                return "".join(run.out), stopped.value, True
        except Break:
            pass
        except (ArithmeticError, TypeError, ValueError, IndexError, KeyError, RecursionError, re.error) as error:
            raise TemplateError(str(error)) from error
        return "".join(run.out), None, False


@lru_cache(2048)
def compile_template(text: str) -> Template:
    """The compiled template. Raises TemplateError for what isn't VTL."""
    return Template(_Parser(text).template())


class _Parser(Expressions):
    """Text, references and directives; expressions are its base's."""

    def template(self) -> list[Node]:
        nodes, end = self.block(())
        assert end == ""
        return nodes

    def block(self, ends: tuple[str, ...]) -> tuple[list[Node], str]:
        """Nodes up to one of the directives `ends`, whose name is told ("" at the text's end)."""
        nodes: list[Node] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                nodes.append(_text("".join(plain)))
                plain.clear()

        while self.at < len(self.text):
            found = _NEXT.search(self.text, self.at)
            if found is None:
                plain.append(self.text[self.at :])
                self.at = len(self.text)
                break
            plain.append(self.text[self.at : found.start()])
            self.at = found.start()
            mark = found.group()
            if mark == "\\":
                self._escaped(plain)
            elif mark == "$":
                node = self._reference_text(plain)
                if node is not None:
                    flush()
                    nodes.append(node)
            else:
                name = self._hash(plain)
                if name in ends:
                    flush()
                    return nodes, name
                if name:
                    flush()
                    nodes.append(self._directive(name))
        if ends:
            raise TemplateError("a block has no #end")
        flush()
        return nodes, ""

    def _escaped(self, plain: list[str]) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if following in ("$", "#"):
            plain.append(following)
            self.at += 2
        else:
            plain.append("\\")
            self.at += 1

    def _reference_text(self, plain: list[str]) -> Node | None:
        start = self.at
        reference = self.reference()
        if reference is None:
            plain.append("$")
            self.at = start + 1
            return None
        value, quiet = reference
        raw = self.text[start : self.at]

        def write(run: Run) -> None:
            run.step()
            found = value(run.names)
            if found is None or found is Undefined:
                run.write("" if quiet else raw)
            else:
                run.write(shown(found))

        return write

    def _hash(self, plain: list[str]) -> str:
        """The directive that begins here, read; "" for a comment or plain text."""
        text = self.text
        if text.startswith("##", self.at):
            end = text.find("\n", self.at)
            self.at = len(text) if end < 0 else end + 1
            return ""
        if text.startswith("#*", self.at):
            end = text.find("*#", self.at + 2)
            self.at = len(text) if end < 0 else end + 2
            return ""
        if text.startswith("#[[", self.at):
            end = text.find("]]#", self.at)
            if end < 0:
                raise TemplateError("unparsed text has no end")
            plain.append(text[self.at + 3 : end])
            self.at = end + 3
            return ""
        found = _DIRECTIVE.match(text, self.at)
        if found is None:
            plain.append("#")
            self.at += 1
            return ""
        name = found.group(1) or found.group(2)
        if name == "set" and plain:
            before = plain[-1].rstrip(" \t")
            if before.endswith("\n") or (not before and self.at == len(plain[-1])):  # its own line leaves nothing
                plain[-1] = before
        self.at = found.end()
        if name in ("else", "end", "break", "stop"):
            self.eat()
        return name

    def eat(self) -> None:
        """Skip spaces and the newline behind a directive; spaces alone stay."""
        found = _EATEN.match(self.text, self.at)
        if found is not None and found.group(1):
            self.at = found.end()

    def _directive(self, name: str) -> Node:
        if name == "set":
            return self._set()
        if name == "if":
            return self._if()
        if name == "foreach":
            return self._foreach()
        if name == "break":
            return _break
        if name == "stop":
            return _stop
        if name == "return":
            return self._return()
        raise TemplateError(f"#{name} has no beginning")

    def _opened(self) -> None:
        self.skip()
        self.expect("(")

    def _closed(self) -> None:
        self.skip()
        self.expect(")")
        self.eat()

    def _set(self) -> Node:
        self._opened()
        self.skip()
        assign = self.target()
        self.skip()
        self.expect("=")
        value = self.expression()
        self._closed()

        def run_set(run: Run) -> None:
            run.step()
            found = value(run.names)
            assign(run.names, None if found is Undefined else found)

        return run_set

    def _if(self) -> Node:
        branches: list[tuple[Callable[[Scope], Any] | None, list[Node]]] = []
        self._opened()
        test: Callable[[Scope], Any] | None = self.expression()
        self._closed()
        while True:
            nodes, end = self.block(("elseif", "else", "end") if test is not None else ("end",))
            branches.append((test, nodes))
            if end == "end":
                break
            test = None
            if end == "elseif":
                self._opened()
                test = self.expression()
                self._closed()

        def run_if(run: Run) -> None:
            run.step()
            for wanted, body in branches:
                if wanted is None or is_true(wanted(run.names)):
                    for node in body:
                        node(run)
                    return

        return run_if

    def _foreach(self) -> Node:
        self._opened()
        self.skip()
        name = self.simple_name()
        self.skip()
        if not self.text.startswith("in", self.at):
            raise TemplateError("#foreach needs 'in'")
        self.at += 2
        items = self.expression()
        self._closed()
        body, _ = self.block(("end",))

        def run_foreach(run: Run) -> None:
            found = items(run.names)
            if found is None or found is Undefined:
                return
            values = list(found.values()) if isinstance(found, Mapping) else list(found)
            outer = {key: run.names.get(key, Undefined) for key in (name, "foreach", "velocityCount")}
            for index, one in enumerate(values[:MAX_LOOP]):
                run.step()
                last = index == len(values) - 1
                run.names[name] = one
                run.names["velocityCount"] = index + 1
                run.names["foreach"] = {
                    "count": index + 1, "index": index, "hasNext": not last, "first": index == 0, "last": last,
                }  # fmt: skip
                try:
                    for node in body:
                        node(run)
                except Break:
                    break
            for key, value in outer.items():
                if value is Undefined:
                    run.names.pop(key, None)
                else:
                    run.names[key] = value

        return run_foreach

    def _return(self) -> Node:
        self.skip_blanks()
        value: Callable[[Scope], Any] | None = None
        if self.text.startswith("(", self.at):
            self._opened()
            value = self.expression()
            self._closed()
        else:
            self.eat()

        def run_return(run: Run) -> None:
            raise Stopped(None if value is None else value(run.names), True)

        return run_return


def _text(text: str) -> Node:
    def write(run: Run) -> None:
        run.write(text)

    return write


def _break(run: Run) -> None:
    raise Break


def _stop(run: Run) -> None:
    raise Stopped
