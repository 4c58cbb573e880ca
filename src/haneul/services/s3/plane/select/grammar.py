"""SELECT items FROM S3Object[*].path alias WHERE condition LIMIT n, as a tree.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-select-sql-reference-select.html
"""

from __future__ import annotations

from collections.abc import Callable

from haneul.services.s3.plane.select import times
from haneul.services.s3.plane.select.lexer import Token, number, tokens
from haneul.services.s3.plane.select.problems import SelectError
from haneul.services.s3.plane.select.tree import AGGREGATES, EVERY, TYPES, Item, Name, Node, Query

MAX_DEPTH = 100
_UNSUPPORTED = frozenset({"GROUP", "ORDER", "HAVING", "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "UNION"})
_RESERVED = _UNSUPPORTED | frozenset(
    {"SELECT", "FROM", "WHERE", "LIMIT", "AS", "AND", "OR", "NOT", "IN", "IS", "LIKE", "ESCAPE", "BETWEEN", "CASE"}
    | {"WHEN", "THEN", "ELSE", "END", "NULL", "MISSING", "TRUE", "FALSE", "EXCEPT", "INTERSECT", "DISTINCT", "OFFSET"}
    | {"ON"}
)
_COMPARISONS = frozenset({"=", "<>", "!=", "<", "<=", ">", ">="})


def parse(expression: str) -> Query:
    """The query that an expression says. Raises SelectError."""
    return _Parser(tokens(expression)).query()


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0
        self._aggregates = 0
        self._inside = False

    # The clauses

    def query(self) -> Query:
        if not self._take_word("SELECT"):
            raise SelectError(
                "ParseUnsupportedSyntax" if self._peek.kind == "end" else "UnsupportedSqlOperation",
                "The SQL expression contains unsupported syntax.",
            )
        if self._peek.kind == "end" or self._peek.word == "FROM":
            raise SelectError("ParseEmptySelect")
        if self._peek.word in ("DISTINCT", "ALL", "TOP"):
            raise SelectError("ParseUnsupportedSelect", "The SQL expression contains an unsupported use of SELECT.")
        items = self._items()
        if not self._take_word("FROM"):
            raise SelectError("ParseSelectMissingFrom") if self._peek.kind == "end" else self._unexpected()
        source, alias = self._from()
        aggregates = self._aggregates > 0
        where = None
        if self._take_word("WHERE"):
            where = self._expression()
            if self._aggregates > 0 and not aggregates:
                raise SelectError("UnsupportedSqlStructure")
        limit = self._limit() if self._take_word("LIMIT") else None
        if self._peek.word in _UNSUPPORTED or self._peek.word in ("EXCEPT", "INTERSECT", "OFFSET"):
            raise SelectError("UnsupportedSqlStructure")
        if self._peek.kind != "end":
            raise self._unexpected()
        if aggregates and items is not None and any(_loose(item.node) for item in items):
            raise SelectError("UnsupportedSqlStructure")
        return Query(items, source, alias, where, limit, aggregates)

    def _items(self) -> list[Item] | None:
        if self._take_sign("*"):
            return None
        items: list[Item] = []
        while True:
            node = self._expression()
            if node.kind == "path" and self._peek.value == "." and self._ahead(1).value == "*":
                self._at += 2
                if items or self._peek.value == ",":
                    raise SelectError("UnsupportedSqlStructure")
                return None
            alias = ""
            if self._take_word("AS") or (self._peek.kind in ("word", "name") and self._peek.word not in _RESERVED):
                alias = self._identifier().text
            items.append(Item(node, alias))
            if not self._take_sign(","):
                return items

    def _from(self) -> tuple[list[Name | int], Name]:
        root = self._identifier()
        if root.text.lower() != "s3object":
            raise SelectError("InvalidTableAlias", "The SQL expression contains an invalid table alias.")
        alias = Name(root.text, False)
        steps: list[Name | int] = []
        if self._take_sign("[", "*", "]"):  # the top-level values are many anyhow
            pass
        while True:
            if self._take_sign("[", "*", "]"):
                steps.append(EVERY)
                alias = Name("_1", False)
                continue
            step = self._step()
            if step is None:
                break
            steps.append(step)
            if isinstance(step, Name):
                alias = step
        if self._take_word("AS") or (self._peek.kind in ("word", "name") and self._peek.word not in _RESERVED):
            alias = self._identifier()
        if self._peek.value == "," and self._peek.kind == "sign":
            raise SelectError("UnsupportedSqlStructure")
        return steps, alias

    def _limit(self) -> int:
        token = self._next()
        if token.kind != "number" or not token.value.isdigit():
            raise (
                SelectError("ParseExpectedNumber", "Did not find the expected number in the SQL expression.")
                if token.kind != "number"
                else self._unexpected(token)
            )
        return int(token.value)

    # Expressions, the loosest binding first

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SelectError("UnsupportedSqlStructure")
        node = self._chain(self._conjunction, "OR")
        self._depth -= 1
        return node

    def _conjunction(self) -> Node:
        return self._chain(self._negation, "AND")

    def _chain(self, part: Callable[[], Node], word: str) -> Node:
        parts = [part()]
        while self._take_word(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Node("op", (word, tuple(parts)))

    def _negation(self) -> Node:
        if not self._take_word("NOT"):
            return self._predicate()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SelectError("UnsupportedSqlStructure")
        node = _op("NOT", self._negation())
        self._depth -= 1
        return node

    def _predicate(self) -> Node:
        left = self._sum()
        while True:
            token = self._peek
            if token.kind == "sign" and token.value in _COMPARISONS:
                self._at += 1
                left = _op("<>" if token.value == "!=" else token.value, left, self._sum())
            elif token.word == "IS":
                self._at += 1
                negated = self._take_word("NOT")
                what = self._next().word
                if what not in ("NULL", "MISSING"):
                    raise SelectError("UnsupportedSqlOperation")
                left = _negated(_op(f"IS {what}", left), negated)
            elif token.word in ("LIKE", "IN", "BETWEEN") or (
                token.word == "NOT" and self._ahead(1).word in ("LIKE", "IN", "BETWEEN")
            ):
                negated = self._take_word("NOT")
                left = _negated(self._matched(left), negated)
            else:
                return left

    def _matched(self, left: Node) -> Node:
        word = self._next().word
        if word == "LIKE":
            pattern = self._sum()
            escape = self._sum() if self._take_word("ESCAPE") else Node("literal", (None,))
            return _op("LIKE", left, pattern, escape)
        if word == "BETWEEN":
            low = self._sum()
            if not self._take_word("AND"):
                raise self._unexpected()
            return _op("AND", _op(">=", left, low), _op("<=", left, self._sum()))
        self._expect("(")
        if self._peek.word == "SELECT":
            raise SelectError("UnsupportedSqlStructure")
        members = [self._expression()]
        while self._take_sign(","):
            members.append(self._expression())
        self._expect(")")
        return _op("IN", left, *members)

    def _sum(self) -> Node:
        left = self._product()
        while self._peek.kind == "sign" and self._peek.value in ("+", "-", "||"):
            sign = self._next().value
            left = _op(sign, left, self._product())
        return left

    def _product(self) -> Node:
        left = self._unary()
        while self._peek.kind == "sign" and self._peek.value in ("*", "/", "%"):
            sign = self._next().value
            left = _op(sign, left, self._unary())
        return left

    def _unary(self) -> Node:
        minus = False
        while self._peek.kind == "sign" and self._peek.value in ("-", "+"):
            minus ^= self._next().value == "-"
        node = self._primary()
        return _op("NEG", node) if minus else node

    def _primary(self) -> Node:
        token = self._next()
        word = token.word
        if token.kind == "number":
            return Node("literal", (number(token.value),))
        if token.kind == "text":
            return Node("literal", (token.value,))
        if token.kind == "ion":
            return Node("literal", (times.parse(token.value),))
        if token.kind == "sign" and token.value == "(":
            if self._peek.word == "SELECT":
                raise SelectError("UnsupportedSqlStructure")
            node = self._expression()
            self._expect(")")
            return node
        if word in ("NULL", "TRUE", "FALSE"):
            return Node("literal", ({"NULL": None, "TRUE": True, "FALSE": False}[word],))
        if word == "MISSING":
            return Node("missing", ())
        if word == "CASE":
            return self._case()
        if token.kind == "word" and self._peek.value == "(" and self._peek.kind == "sign":
            self._at += 1
            return self._function(word)
        if token.kind == "name" or (token.kind == "word" and word not in _RESERVED):
            return self._path(Name(token.value, token.kind == "name"))
        raise self._unexpected(token)

    def _path(self, root: Name) -> Node:
        steps: list[Name | int] = [root]
        while not (self._peek.value == "." and self._ahead(1).value == "*"):
            step = self._step()
            if step is None:
                break
            steps.append(step)
        return Node("path", tuple(steps))

    def _step(self) -> Name | int | None:
        if self._take_sign("."):
            return self._identifier(any_word=True)
        if not self._take_sign("["):
            return None
        token = self._next()
        step: Name | int
        if token.kind == "number" and token.value.isdigit():
            step = int(token.value)
        elif token.kind == "text":
            step = Name(token.value, True)
        else:
            raise self._unexpected(token)
        self._expect("]")
        return step

    def _case(self) -> Node:
        """CASE [x] WHEN a THEN b ... [ELSE c] END: pairs of condition and value, and the value of none."""
        subject = None if self._peek.word == "WHEN" else self._expression()
        pairs: list[tuple[Node, Node]] = []
        while self._take_word("WHEN"):
            condition = self._expression()
            if not self._take_word("THEN"):
                raise self._unexpected()
            pairs.append((condition if subject is None else _op("=", subject, condition), self._expression()))
        otherwise = self._expression() if self._take_word("ELSE") else Node("literal", (None,))
        if not pairs or not self._take_word("END"):
            raise self._unexpected()
        return Node("case", (tuple(pairs), otherwise))

    def _function(self, word: str) -> Node:
        if word in AGGREGATES:
            return self._aggregate(word)
        special = {"CAST": self._cast, "SUBSTRING": self._substring, "TRIM": self._trim, "EXTRACT": self._extract}.get(
            word
        )
        if special is not None:
            node = special()
        elif word in ("DATE_ADD", "DATE_DIFF"):
            part = Node("literal", (self._next().word,))
            self._expect(",")
            node = Node("call", (word, (part, *self._arguments())))
        else:
            arguments = () if self._peek.value == ")" else self._arguments()
            node = Node("call", (word, arguments))
        self._expect(")")
        return node

    def _arguments(self) -> tuple[Node, ...]:
        found = [self._expression()]
        while self._take_sign(","):
            found.append(self._expression())
        return tuple(found)

    def _aggregate(self, word: str) -> Node:
        if self._inside:
            raise SelectError("UnsupportedSqlStructure")
        self._inside = True
        argument = None
        if self._peek.word == "DISTINCT":
            raise SelectError("UnsupportedSqlStructure")
        if word == "COUNT" and self._take_sign("*"):
            pass
        else:
            argument = self._expression()
        self._expect(")")
        self._inside = False
        self._aggregates += 1
        return Node("aggregate", (word, argument))

    def _cast(self) -> Node:
        node = self._expression()
        if not self._take_word("AS"):
            raise self._unexpected()
        kind = TYPES.get(self._next().word)
        if kind is None:
            raise SelectError("ParseExpectedTypeName")
        if self._take_word("PRECISION"):
            pass
        if self._take_sign("("):
            while not self._take_sign(")"):
                if self._next().kind == "end":
                    raise self._unexpected()
        return Node("cast", (node, kind))

    def _substring(self) -> Node:
        arguments = [self._expression()]
        for word in ("FROM", "FOR"):
            if self._take_word(word) or self._take_sign(","):
                arguments.append(self._expression())
        return Node("call", ("SUBSTRING", tuple(arguments)))

    def _trim(self) -> Node:
        side = "BOTH"
        if self._peek.word in ("LEADING", "TRAILING", "BOTH"):
            side = self._next().word
        characters = Node("literal", (" ",))
        text = None if self._peek.word == "FROM" else self._expression()
        if self._take_word("FROM"):
            if text is not None:
                characters = text
            text = self._expression()
        if text is None:
            raise self._unexpected()
        return Node("call", ("TRIM", (Node("literal", (side,)), characters, text)))

    def _extract(self) -> Node:
        part = self._next().word
        if not self._take_word("FROM"):
            raise self._unexpected()
        return Node("call", ("EXTRACT", (Node("literal", (part,)), self._expression())))

    # Tokens

    @property
    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _ahead(self, count: int) -> Token:
        return self._tokens[min(self._at + count, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _take_word(self, word: str) -> bool:
        if self._peek.word != word:
            return False
        self._at += 1
        return True

    def _take_sign(self, *signs: str) -> bool:
        for count, sign in enumerate(signs):
            token = self._ahead(count)
            if token.kind != "sign" or token.value != sign:
                return False
        self._at += len(signs)
        return True

    def _expect(self, sign: str) -> None:
        if not self._take_sign(sign):
            raise self._unexpected()

    def _identifier(self, any_word: bool = False) -> Name:
        token = self._next()
        if token.kind == "name":
            return Name(token.value, True)
        if token.kind == "word" and (any_word or token.word not in _RESERVED):
            return Name(token.value, False)
        raise self._unexpected(token)

    def _unexpected(self, token: Token | None = None) -> SelectError:
        token = token or self._peek
        return SelectError(
            "ParseUnexpectedToken",
            f"The SQL expression contains an unexpected token at line 1, column {token.at}: {token.value or 'EOF'!r}",
        )


def _op(name: str, *nodes: Node) -> Node:
    return Node("op", (name, nodes))


def _negated(node: Node, negated: bool) -> Node:
    return _op("NOT", node) if negated else node


def _loose(node: object) -> bool:
    """Whether a row's own members are used outside of an aggregate."""
    if isinstance(node, Node):
        if node.kind in ("aggregate", "literal"):
            return False
        return node.kind == "path" or any(_loose(each) for each in node.args)
    return type(node) is tuple and any(_loose(each) for each in node)
