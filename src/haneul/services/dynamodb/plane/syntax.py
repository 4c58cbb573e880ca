"""What expressions are made of (paths, placeholders, calls) and the parser of conditions.

A parsed expression depends on its text alone; placeholders are bound later.
"""

from __future__ import annotations

from typing import NamedTuple

from haneul.services.dynamodb.plane.lexer import Tokens

COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
KEYWORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
INDEX_LIMIT = 2**31 - 1


class Path(NamedTuple):
    """A document path: names (placeholders begin with #) and list indexes."""

    parts: tuple[str | int, ...]


class Ref(NamedTuple):
    """A value placeholder, e.g. :v."""

    name: str


class Literal(NamedTuple):
    """A value written in the statement itself (PartiQL)."""

    value: dict[str, object]


class Call(NamedTuple):
    """A function with its arguments."""

    name: str
    args: tuple[Operand, ...]


Operand = Path | Ref | Literal | Call


class Compare(NamedTuple):
    operator: str
    left: Operand
    right: Operand


class Between(NamedTuple):
    value: Operand
    low: Operand
    high: Operand


class In(NamedTuple):
    value: Operand
    choices: tuple[Operand, ...]


class Not(NamedTuple):
    condition: Condition


class Both(NamedTuple):
    """All (AND) or any (OR) of several conditions."""

    operator: str
    conditions: tuple[Condition, ...]


Condition = Compare | Between | In | Not | Both | Call
Node = Condition | Operand


class _Parens(NamedTuple):
    inside: Node


def path_text(parts: tuple[str | int, ...]) -> str:
    """A path as AWS prints it: [a, [0], b]."""
    return "[" + ", ".join(f"[{part}]" if isinstance(part, int) else part for part in parts) + "]"


def parse_condition(text: str, expression: str) -> Condition:
    """A condition, filter or key condition as a tree. Raises ValidationException."""
    tokens = Tokens(text, expression)
    node = _condition(tokens)
    if tokens.token.kind != "end":
        raise tokens.syntax_error()
    return _as_condition(tokens, node)


def _as_condition(tokens: Tokens, node: Node | _Parens) -> Condition:
    """The node, if it is something that is true or false."""
    if isinstance(node, _Parens):
        node = node.inside
    if isinstance(node, Path | Ref | Literal):
        raise tokens.syntax_error()
    return node


def _as_operand(tokens: Tokens, node: Node | _Parens) -> Operand:
    if isinstance(node, _Parens):
        node = node.inside
    if isinstance(node, Path | Ref | Literal | Call):
        return node
    raise tokens.syntax_error()


def _condition(tokens: Tokens) -> Node | _Parens:
    """OR over AND over NOT over comparisons, in one function so that nesting costs little stack."""
    alternatives: list[Condition] = []
    factors: list[Condition] = []
    while True:
        negations = 0
        while tokens.accept("NOT"):
            tokens.count_operator()
            negations += 1
        node = _comparison(tokens)
        for _ in range(negations % 2):
            node = Not(_as_condition(tokens, node))
        if negations and not negations % 2:
            node = _as_condition(tokens, node)
        if tokens.accept("AND"):
            tokens.count_operator()
            factors.append(_as_condition(tokens, node))
            continue
        if factors:
            node = Both("AND", (*factors, _as_condition(tokens, node)))
            factors = []
        if tokens.accept("OR"):
            tokens.count_operator()
            alternatives.append(_as_condition(tokens, node))
            continue
        if alternatives:
            return Both("OR", (*alternatives, _as_condition(tokens, node)))
        return node


def _comparison(tokens: Tokens) -> Node | _Parens:
    if tokens.token.upper == "(":
        tokens.deeper()
        tokens.advance()
        inside = _condition(tokens)
        tokens.expect(")")
        tokens.depth -= 1
        if isinstance(inside, _Parens):
            raise tokens.error("The expression has redundant parentheses;")
        left: Node | _Parens = _Parens(inside)
    else:
        left = parse_operand(tokens)
    token = tokens.token
    if token.text in COMPARATORS:
        value = _as_operand(tokens, left)
        tokens.advance()
        tokens.count_operator()
        return Compare(token.text, value, _operand(tokens))
    if token.upper == "BETWEEN" and token.kind == "name":
        value = _as_operand(tokens, left)
        tokens.advance()
        tokens.count_operator()
        low = _operand(tokens)
        tokens.expect("AND")
        return Between(value, low, _operand(tokens))
    if token.upper == "IN" and token.kind == "name":
        value = _as_operand(tokens, left)
        tokens.advance()
        tokens.count_operator()
        return In(value, _choices(tokens))
    return left


def _choices(tokens: Tokens) -> tuple[Operand, ...]:
    tokens.expect("(")
    choices = [_operand(tokens)]
    while tokens.accept(","):
        choices.append(_operand(tokens))
    tokens.expect(")")
    if len(choices) > 100:
        raise tokens.error(f"The IN operator is provided with too many operands; number of operands: {len(choices)}")
    return tuple(choices)


def _operand(tokens: Tokens) -> Operand:
    """An operand, perhaps in parentheses."""
    if tokens.token.upper != "(":
        return parse_operand(tokens)
    tokens.advance()
    if tokens.token.upper == "(":
        raise tokens.error("The expression has redundant parentheses;")
    operand = parse_operand(tokens)
    tokens.expect(")")
    return operand


def parse_operand(tokens: Tokens, keywords: frozenset[str] = KEYWORDS) -> Operand:
    """A value placeholder, a function call or a path; `keywords` are no names here."""
    token = tokens.token
    if token.kind == "ref":
        tokens.advance()
        return Ref(token.text)
    if token.kind == "name" and tokens.following.text == "(" and token.upper not in keywords:
        return _call(tokens, keywords)
    return parse_path(tokens, keywords)


def _call(tokens: Tokens, keywords: frozenset[str]) -> Call:
    tokens.deeper()
    name = tokens.advance().text
    tokens.advance()
    args = [parse_operand(tokens, keywords)]
    while tokens.accept(","):
        args.append(parse_operand(tokens, keywords))
    tokens.expect(")")
    tokens.depth -= 1
    return Call(name, tuple(args))


def parse_path(tokens: Tokens, keywords: frozenset[str] = KEYWORDS) -> Path:
    token = tokens.token
    if token.kind not in ("name", "hash") or (token.kind == "name" and token.upper in keywords):
        raise tokens.syntax_error()
    parts: list[str | int] = [tokens.advance().text]
    while True:
        if tokens.accept("."):
            token = tokens.token
            if token.kind not in ("name", "hash"):
                raise tokens.syntax_error()
            parts.append(tokens.advance().text)
        elif tokens.accept("["):
            if tokens.token.kind != "int":
                raise tokens.syntax_error()
            index = tokens.advance().text
            tokens.expect("]")
            if len(index) > 10 or int(index) > INDEX_LIMIT:
                raise tokens.error(f"List index is not within the allowable range; index: [{index}]")
            parts.append(int(index))
        else:
            break
    if len(parts) > 32:
        raise tokens.error("The document path has too many nesting elements; nesting levels: " + str(len(parts)))
    return Path(tuple(parts))
