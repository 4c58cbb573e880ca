"""PartiQL: statements as trees, with their parameters put in; the subset that DynamoDB speaks.

SELECT a, b.c[0] FROM "t"."index" WHERE p = 'x' AND c > 3 ORDER BY c DESC
INSERT INTO t VALUE {'p': 'x', 'n': 1}
UPDATE t SET a = a + 1 REMOVE b WHERE p = 'x' RETURNING ALL NEW *
DELETE FROM t WHERE p = 'x' RETURNING ALL OLD *
EXISTS(SELECT * FROM t WHERE p = 'x' AND a = 1)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from haneul.services.dynamodb.errors import invalid
from haneul.services.dynamodb.plane.syntax import (
    Between,
    Both,
    Call,
    Compare,
    Condition,
    In,
    Literal,
    Not,
    Operand,
    Path,
)
from haneul.services.dynamodb.plane.updates import Clause, Sum
from haneul.services.dynamodb.plane.values import Value, check_value
from haneul.wire.errors import AwsError

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<quoted>\"(?:[^\"]|\"\")*\")"
    r"|(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_$][A-Za-z0-9_$]*)|(?P<op><<|>>|<=|>=|<>|!=|[=<>(){}\[\],.:?*+-])|(?P<bad>\S))"
)
_STOPS = frozenset({"WHERE", "SET", "REMOVE", "RETURNING", "ORDER", "FROM", "AND", "OR", "BETWEEN", "IN", "IS", "NOT"})
_DEPTH = 60
_IS = {"NULL": "NULL", "STRING": "S", "NUMBER": "N", "BINARY": "B", "BOOLEAN": "BOOL", "LIST": "L", "MAP": "M"}


class Statement(NamedTuple):
    """kind: SELECT, INSERT, UPDATE, DELETE or EXISTS. Members that a kind doesn't have are None or empty."""

    kind: str
    table: str
    index_name: str | None = None
    paths: list[tuple[str | int, ...]] | None = None
    where: Condition | None = None
    item: Value | None = None
    clauses: tuple[Clause, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    returning: str | None = None


class _Token(NamedTuple):
    kind: str
    text: str
    upper: str


def error(message: str) -> AwsError:
    return invalid(f"Statement wasn't well formed, can't be processed: {message}")


def parse(text: str, parameters: Sequence[Value] | None) -> Statement:
    """The statement with its parameters. Raises ValidationException."""
    for parameter in parameters or ():
        check_value(parameter)
    parser = _Parser(text, list(parameters or ()))
    statement = parser.statement()
    parser.end()
    return statement


class _Parser:
    def __init__(self, text: str, parameters: list[Value]) -> None:
        if not text.strip():
            raise error("Statement is empty")
        self.tokens: list[_Token] = []
        position = 0
        while match := _TOKEN.match(text, position):
            position = match.end()
            kind = match.lastgroup or "bad"
            found = match.group(kind)
            if kind == "bad":
                raise error(f"Unexpected character: {found}")
            self.tokens.append(_Token(kind, found, found.upper() if kind in ("name", "op") else found))
        self.tokens.append(_Token("end", "", "<EOF>"))
        self.at = 0
        self.parameters = parameters
        self.used = 0
        self.depth = 0

    # Tokens

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def accept(self, *words: str) -> bool:
        """Step over these keywords or operators if they are next, all of them."""
        for offset, word in enumerate(words):
            token = self.tokens[min(self.at + offset, len(self.tokens) - 1)]
            if token.kind not in ("name", "op") or token.upper != word:
                return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.accept(word):
                raise error(f"Expected {word}, found {self.token.text or 'the end of the statement'}")

    def end(self) -> None:
        self.accept(";")
        if self.token.kind != "end":
            raise error(f"Unexpected token after the statement: {self.token.text}")
        if self.used != len(self.parameters):
            raise invalid("Number of parameters in request and statement don't match.")

    def identifier(self) -> str:
        token = self.token
        if token.kind == "quoted":
            self.at += 1
            return token.text[1:-1].replace('""', '"')
        if token.kind == "name":
            self.at += 1
            return token.text
        raise error(f"Expected identifier, found {token.text or 'the end of the statement'}")

    def nested(self) -> None:
        self.depth += 1
        if self.depth > _DEPTH:
            raise error("The statement is nested too deeply")

    # Statements

    def statement(self) -> Statement:
        if self.accept("SELECT"):
            return self._select()
        if self.accept("INSERT", "INTO"):
            table = self.identifier()
            if not (self.accept("VALUE") or self.accept("VALUES")):
                raise error("Expected VALUE")
            item = self.value()
            if "M" not in item:
                raise error("The value of an INSERT must be a map")
            return Statement("INSERT", table, item=item)
        if self.accept("UPDATE"):
            return self._update()
        if self.accept("DELETE", "FROM"):
            table = self.identifier()
            where = self._where()
            return Statement("DELETE", table, where=where, returning=self._returning())
        if self.accept("EXISTS", "("):
            self.expect("SELECT")
            inner = self._select()
            self.expect(")")
            return inner._replace(kind="EXISTS")
        raise error(f"Unexpected statement: {self.token.text}")

    def _select(self) -> Statement:
        paths = None
        if not self.accept("*"):
            paths = [self.path().parts]
            while self.accept(","):
                paths.append(self.path().parts)
        self.expect("FROM")
        table = self.identifier()
        index = self.identifier() if self.accept(".") else None
        where = self._where()
        order: list[tuple[str, bool]] = []
        if self.accept("ORDER", "BY"):
            while True:
                name = self.identifier()
                descending = self.accept("DESC")
                if not descending:
                    self.accept("ASC")
                order.append((name, descending))
                if not self.accept(","):
                    break
        return Statement("SELECT", table, index, paths, where, order=tuple(order))

    def _where(self) -> Condition | None:
        return self.condition() if self.accept("WHERE") else None

    def _update(self) -> Statement:
        table = self.identifier()
        clauses: list[Clause] = []
        while True:
            if self.accept("SET"):
                clauses.append(self._set())
                while self.accept(","):
                    clauses.append(self._set())
            elif self.accept("REMOVE"):
                clauses.append(Clause("REMOVE", self.path(), None))
                while self.accept(","):
                    clauses.append(Clause("REMOVE", self.path(), None))
            else:
                break
        if not clauses:
            raise error("Expected SET or REMOVE")
        where = self._where()
        if where is None:
            raise error("An UPDATE needs a WHERE clause")
        return Statement("UPDATE", table, where=where, clauses=tuple(clauses), returning=self._returning())

    def _set(self) -> Clause:
        path = self.path()
        self.expect("=")
        for function, action in (("SET_ADD", "ADD"), ("SET_DELETE", "DELETE")):
            if self.accept(function, "("):
                self.path()
                self.expect(",")
                value = Literal(self.value())
                self.expect(")")
                return Clause(action, path, value)
        left = self.operand()
        if self.token.text in ("+", "-"):
            operator = self.token.text
            self.at += 1
            return Clause("SET", path, Sum(operator, left, self.operand()))
        return Clause("SET", path, left)

    def _returning(self) -> str | None:
        if not self.accept("RETURNING"):
            return None
        which = "ALL" if self.accept("ALL") else "MODIFIED" if self.accept("MODIFIED") else None
        when = "OLD" if self.accept("OLD") else "NEW" if self.accept("NEW") else None
        if which is None or when is None:
            raise error("Expected (ALL | MODIFIED) (OLD | NEW) * after RETURNING")
        self.expect("*")
        return f"{which}_{when}".replace("MODIFIED", "UPDATED")

    # Conditions

    def condition(self) -> Condition:
        return self._chain("OR", lambda: self._chain("AND", self._negation))

    def _chain(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self.accept(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Both(word, tuple(parts))

    def _negation(self) -> Condition:
        if self.accept("NOT"):
            self.nested()
            inner = self._negation()
            self.depth -= 1
            return Not(inner)
        return self._comparison()

    def _comparison(self) -> Condition:
        if self.token.text == "(":
            start = self.at
            self.nested()
            self.at += 1
            try:
                inner = self.condition()
                self.expect(")")
                return inner
            except AwsError:
                self.at = start  # it was an operand in parentheses
            finally:
                self.depth -= 1
        left = self.operand()
        token = self.token
        if token.text in ("=", "<>", "!=", "<", "<=", ">", ">="):
            self.at += 1
            return Compare(token.text.replace("!=", "<>"), left, self.operand())
        if self.accept("BETWEEN"):
            low = self.operand()
            self.expect("AND")
            return Between(left, low, self.operand())
        if self.accept("IN"):
            return In(left, self._choices())
        if self.accept("IS"):
            return self._is(left)
        if isinstance(left, Call):
            return left
        raise error(f"Expected an operator, found {token.text or 'the end of the statement'}")

    def _choices(self) -> tuple[Operand, ...]:
        closing = {"(": ")", "[": "]"}.get(self.token.text)
        if closing is None:
            listed = self.value()
            return tuple(Literal(member) for member in listed.get("L", ()))
        self.at += 1
        choices = [self.operand()]
        while self.accept(","):
            choices.append(self.operand())
        self.expect(closing)
        return tuple(choices)

    def _is(self, left: Operand) -> Condition:
        negated = self.accept("NOT")
        word = self.token.upper
        self.at += 1
        if word == "MISSING":
            return Call("attribute_exists" if negated else "attribute_not_exists", (left,))
        if word not in _IS:
            raise error(f"Expected MISSING, NULL or a type after IS, found {word}")
        test = Call("attribute_type", (left, Literal({"S": _IS[word]})))
        return Not(test) if negated else test

    # Operands

    def operand(self) -> Operand:
        token = self.token
        if token.text == "(":
            self.nested()
            self.at += 1
            inner = self.operand()
            self.expect(")")
            self.depth -= 1
            return inner
        following = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if token.kind == "name" and following.text == "(":
            self.nested()
            name = token.text.lower()
            self.at += 2
            args = [self.operand()]
            while self.accept(","):
                args.append(self.operand())
            self.expect(")")
            self.depth -= 1
            return Call(name, tuple(args))
        if token.kind in ("name", "quoted") and token.upper not in ("TRUE", "FALSE", "NULL", "MISSING"):
            return self.path()
        return Literal(self.value())

    def path(self) -> Path:
        if self.token.kind == "name" and self.token.upper in _STOPS:
            raise error(f"Expected identifier for simple path, found {self.token.text}")
        parts: list[str | int] = [self.identifier()]
        while True:
            if self.accept("."):
                parts.append(self.identifier())
            elif self.accept("["):
                token = self.token
                self.at += 1
                if token.kind == "number" and token.text.isdigit():
                    parts.append(int(token.text))
                elif token.kind == "string":
                    parts.append(token.text[1:-1].replace("''", "'"))
                else:
                    raise error(f"Expected an index, found {token.text}")
                self.expect("]")
            else:
                return Path(tuple(parts))

    def value(self) -> Value:
        """A literal or a parameter, as an attribute value."""
        value = self._value()
        check_value(value)
        return value

    def _value(self) -> Value:
        token = self.token
        self.at += 1
        if token.kind == "string":
            return {"S": token.text[1:-1].replace("''", "'")}
        if token.kind == "number":
            return {"N": token.text}
        if token.text == "-" and self.token.kind == "number":
            self.at += 1
            return {"N": "-" + self.tokens[self.at - 1].text}
        if token.text == "?":
            self.used += 1
            if self.used > len(self.parameters):
                raise invalid("Number of parameters in request and statement don't match.")
            return self.parameters[self.used - 1]
        if token.upper in ("TRUE", "FALSE"):
            return {"BOOL": token.upper == "TRUE"}
        if token.upper == "NULL":
            return {"NULL": True}
        self.nested()
        try:
            return self._collection(token)
        finally:
            self.depth -= 1

    def _collection(self, token: _Token) -> Value:
        if token.text == "{":
            members: dict[str, Any] = {}
            while not self.accept("}"):
                key = self.token
                self.at += 1
                if key.kind not in ("string", "quoted"):
                    raise error(f"Expected a key, found {key.text}")
                self.expect(":")
                members[key.text[1:-1].replace("''", "'")] = self._value()
                if not self.accept(","):
                    self.expect("}")
                    break
            return {"M": members}
        if token.text == "[":
            return {"L": self._members("]")}
        if token.text == "<<":
            found = self._members(">>")
            kinds = {next(iter(member)) for member in found}
            if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
                raise error("A set holds strings, numbers or binaries of one type")
            kind = kinds.pop()
            return {kind + "S": [member[kind] for member in found]}
        raise error(f"Expected a value, found {token.text or 'the end of the statement'}")

    def _members(self, closing: str) -> list[Value]:
        found: list[Value] = []
        while not self.accept(closing):
            found.append(self._value())
            if not self.accept(","):
                self.expect(closing)
                break
        return found
