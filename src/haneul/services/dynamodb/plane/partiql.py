"""PartiQL: statements as trees, with their parameters put in; the subset that DynamoDB speaks.

SELECT a, b.c[0] FROM "t"."index" WHERE p = 'x' AND c > 3 ORDER BY c DESC
INSERT INTO t VALUE {'p': 'x', 'n': 1}
UPDATE t SET a = a + 1 REMOVE b WHERE p = 'x' RETURNING ALL NEW *
FROM t WHERE p = 'x' SET a = 1
DELETE FROM t WHERE p = 'x' RETURNING ALL OLD *
EXISTS(SELECT * FROM t WHERE p = 'x' AND a = 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from haneul.services.dynamodb.errors import Layered, invalid
from haneul.services.dynamodb.plane.partiqlterms import Terms
from haneul.services.dynamodb.plane.statementlexer import Token, error, leftover, place
from haneul.services.dynamodb.plane.syntax import Condition, Literal, Path
from haneul.services.dynamodb.plane.updates import Clause, Sum
from haneul.services.dynamodb.plane.values import Value, check_value

_CLAUSES = frozenset({"WHERE", "SET", "REMOVE", "RETURNING", "ORDER"})


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


def parse(text: str, parameters: Sequence[Value] | None) -> Statement:
    """The statement with its parameters. Raises ValidationException."""
    try:
        for parameter in parameters or ():
            check_value(parameter)
    except Layered as wrong:
        raise invalid(wrong.older) from None
    parser = _Parser(text, list(parameters or ()))
    statement = parser.statement()
    parser.end()
    return statement


class _Parser(Terms):
    def statement(self) -> Statement:
        if self.accept("SELECT"):
            return self._select()
        if self.accept("INSERT", "INTO"):
            table, _ = self._source()
            if not (self.accept("VALUE") or self.accept("VALUES")):
                raise leftover()
            item = self.value("M")
            if "M" not in item:
                raise error("The value of an INSERT must be a map")
            return Statement("INSERT", table, item=item)
        if self.accept("UPDATE"):
            return self._update()
        if self.accept("DELETE", "FROM"):
            return self._delete()
        if self.accept("FROM"):
            table, index = self._source(aliased=True)
            where = self._where()
            return self._updated(table, index, self._clauses(), where)
        if self.accept("EXISTS", "("):
            self.expect("SELECT")
            inner = self._select()
            self.expect(")")
            return inner._replace(kind="EXISTS")
        raise error("Expected data manipulation")

    def _source(self, aliased: bool = False) -> tuple[str, str | None]:
        """A table and, behind a dot, an index; `aliased` where an alias could follow, which AWS doesn't take."""
        names = [self.identifier()]
        while self.accept("."):
            names.append(self.identifier())
        if len(names) > 2:
            raise invalid("A path may contain at most 2 components in the FROM clause")
        if not all(names):
            raise invalid("Path component cannot be an empty string")
        token = self.token
        if aliased and (token.kind == "quoted" or (token.kind == "name" and token.upper not in _CLAUSES)):
            raise invalid("Aliasing is not supported")
        return names[0], names[1] if len(names) == 2 else None

    def _delete(self) -> Statement:
        table, index = self._source(aliased=True)
        where = self._where()
        returning = self._returning()
        if returning not in (None, "ALL_OLD"):
            told = str(returning).replace("UPDATED", "MODIFIED").replace("_", " ")
            raise invalid(
                f"Invalid returning clause: RETURNING {told} *. "
                "Only RETURNING ALL OLD * is allowed in DELETE statements."
            )
        return Statement("DELETE", table, index, where=where, returning=returning)

    def _select(self) -> Statement:
        paths = None
        if not self.accept("*"):
            paths = [self._column()]
            while self.accept(","):
                paths.append(self._column())
        self.expect("FROM")
        table, index = self._source(aliased=True)
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

    def _column(self) -> tuple[str | int, ...]:
        first = self.token
        parts = self.path().parts
        if self.token.text == "(":
            raise invalid(f"Unexpected path component at {place(self.text, first)}")
        return parts

    def _where(self) -> Condition | None:
        return self.condition() if self.accept("WHERE") else None

    def _update(self) -> Statement:
        table, index = self._source(aliased=True)
        clauses = self._clauses()
        return self._updated(table, index, clauses, self._where())

    def _updated(self, table: str, index: str | None, clauses: list[Clause], where: Condition | None) -> Statement:
        if where is None:
            raise error("An UPDATE needs a WHERE clause")
        return Statement("UPDATE", table, index, where=where, clauses=tuple(clauses), returning=self._returning())

    def _clauses(self) -> list[Clause]:
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
        return clauses

    def _set(self) -> Clause:
        path = self.path()
        self.expect("=")
        for function, action in (("SET_ADD", "ADD"), ("SET_DELETE", "DELETE")):
            called = self.token
            if self.accept(function, "("):
                return Clause(action, path, self._members_of(path, function, called))
        left = self.operand()
        if self.token.text in ("+", "-"):
            operator = self.token.text
            self.at += 1
            return Clause("SET", path, Sum(operator, left, self.operand()))
        return Clause("SET", path, left)

    def _members_of(self, path: Path, function: str, called: Token) -> Literal:
        """The arguments of SET_ADD or SET_DELETE: the attribute itself and a set."""
        first = self.token
        args = self.arguments()
        where = place(self.text, called)
        if len(args) != 2:
            raise invalid(f"{function} must have exactly two arguments at {where}")
        if args[0] != path:
            raise invalid(f"The first argument to {function} must equal the assignment value at {where}")
        members = args[1]
        if not isinstance(members, Literal) or next(iter(members.value)) not in ("SS", "NS", "BS"):
            raise invalid(
                f"The second argument to {function} must be a value with type SET at {place(self.text, first)}"
            )
        return members

    def _returning(self) -> str | None:
        if not self.accept("RETURNING"):
            return None
        which = "ALL" if self.accept("ALL") else "MODIFIED" if self.accept("MODIFIED") else None
        when = "OLD" if self.accept("OLD") else "NEW" if self.accept("NEW") else None
        if which is None or when is None:
            raise error("Expected (ALL | MODIFIED) (OLD | NEW) * after RETURNING")
        self.expect("*")
        return f"{which}_{when}".replace("MODIFIED", "UPDATED")
