"""What PartiQL's statements are made of: conditions, operands, paths and values, with the parameters put in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from haneul.services.dynamodb.errors import Layered, invalid
from haneul.services.dynamodb.plane import numbers
from haneul.services.dynamodb.plane.statementlexer import Token, error, leftover, place, tokens
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
from haneul.services.dynamodb.plane.values import Value, check_value
from haneul.wire.errors import AwsError

_STOPS = frozenset({"WHERE", "SET", "REMOVE", "RETURNING", "ORDER", "FROM", "AND", "OR", "BETWEEN", "IN", "IS", "NOT"})
_DEPTH = 60
_IS = {"NULL": "NULL", "STRING": "S", "NUMBER": "N", "BINARY": "B", "BOOLEAN": "BOOL", "BOOL": "BOOL"}
_IS |= {"LIST": "L", "MAP": "M"}
_TESTS = frozenset({"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"})
_FUNCTIONS = _TESTS | {"size", "if_not_exists", "list_append"}


def _check_numbers(value: Value, path: str) -> None:
    """Numbers written in a statement: what is wrong with one is told with where in its attribute it stands."""
    for kind, content in value.items():
        if kind == "M":
            for name, member in content.items():
                _check_numbers(member, f"{path}.{name}")
        elif kind == "L":
            for number, member in enumerate(content):
                _check_numbers(member, f"{path}[{number}]")
        elif kind == "N":
            try:
                numbers.canonical(content)
            except AwsError as wrong:
                raise invalid(f"{wrong.message} under {path}") from None


class Terms:
    """A statement's tokens, and how far they are read."""

    def __init__(self, text: str, parameters: list[Value]) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.parameters = parameters
        self.used = 0
        self.depth = 0

    # Tokens

    @property
    def token(self) -> Token:
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
            raise leftover()
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
            operator, right = token.text.replace("!=", "<>"), self.operand()
            if isinstance(left, Call) and left.name in _TESTS and isinstance(right, Literal) and "BOOL" in right.value:
                return left if (operator == "=") is right.value["BOOL"] else Not(left)
            return Compare(operator, left, right)
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
            if name not in _FUNCTIONS:
                raise invalid(f"Unrecognized function: {name} at {place(self.text, token)}")
            self.at += 2
            args = self.arguments()
            self.depth -= 1
            return Call(name, tuple(args))
        if token.kind in ("name", "quoted") and token.upper not in ("TRUE", "FALSE", "NULL", "MISSING"):
            return self.path()
        return Literal(self.value())

    def arguments(self) -> list[Operand]:
        """What stands between an opened parenthesis and the closing one."""
        args: list[Operand] = []
        while not self.accept(")"):
            args.append(self.operand())
            if not self.accept(","):
                self.expect(")")
                break
        return args

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

    def value(self, kind: str = "") -> Value:
        """A literal or a parameter, as an attribute value; kind "M": the members are values of their own."""
        value = self._value()
        for each in value["M"].values() if kind == "M" and "M" in value else (value,):
            _check_numbers(each, "root")
        try:
            check_value(value)
        except Layered as wrong:
            raise invalid(wrong.older) from None
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

    def _collection(self, token: Token) -> Value:
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
            if not found:
                raise invalid("Empty bags are not supported")
            kinds = {next(iter(member)) for member in found}
            if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
                raise error("A set holds strings, numbers or binaries of one type")
            kind = kinds.pop()
            return {kind + "S": [member[kind] for member in found]}
        if token.kind == "name" and self.token.text == "(":
            raise invalid(f"Unsupported data type: {token.text} under key root at {place(self.text, token)}")
        raise error(f"Expected a value, found {token.text or 'the end of the statement'}")

    def _members(self, closing: str) -> list[Value]:
        found: list[Value] = []
        while not self.accept(closing):
            found.append(self._value())
            if not self.accept(","):
                self.expect(closing)
                break
        return found
