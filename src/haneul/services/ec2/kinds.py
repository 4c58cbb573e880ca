"""Kinds of resources: one declaration gives a kind its ids, its table, its tags and its refusals in AWS's words.

    VPC = Kind("vpc", "vpc", VPCS, "InvalidVpcID.NotFound", "vpc ID")
    vpc = VPC.get(tx, call.scope, request["VpcId"])

Kinds are declared beside their rows, in a family's `state.py`, and listed in `catalog.py`, where tags find them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from haneul.kit import tokens
from haneul.service import Scope
from haneul.services.ec2.errors import coded
from haneul.state.store import Reader
from haneul.state.table import Table
from haneul.wire.errors import AwsError


class Resource(Protocol):
    """What every row of EC2's has."""

    id: str
    tags: dict[str, str]


Row = TypeVar("Row", bound=Any)


@dataclass(frozen=True, eq=False)
class Kind(Generic[Row]):
    """type: the resource type of tags and ARNs ("network-interface"). prefix: of ids ("eni"). absent: the error code
    when an id isn't there. noun: as in "The `noun` 'eni-1' does not exist". malformed: the error code for what is no id
    of this kind, when it isn't `absent` with .Malformed for .NotFound; `absent` where AWS makes no difference."""

    type: str
    prefix: str
    table: Table[Row]
    absent: str
    noun: str
    malformed: str = ""

    def new_id(self) -> str:
        return tokens.resource_id(self.prefix)

    def arn(self, scope: Scope, identifier: str) -> str:
        return f"arn:aws:ec2:{scope.region}:{scope.account}:{self.type}/{identifier}"

    def find(self, tx: Reader, scope: Scope, identifier: str) -> Row | None:
        return self.table.get(tx, scope, identifier)

    def get(self, tx: Reader, scope: Scope, identifier: str) -> Row:
        """The row. Raises the kind's Malformed or NotFound error."""
        self.check([identifier])
        row = self.table.get(tx, scope, identifier)
        if row is None:
            raise self.missing([identifier])
        return row

    def get_all(self, tx: Reader, scope: Scope, identifiers: Iterable[str]) -> list[Row]:
        """The rows in the order asked for, each once. Raises one error that names all that aren't there."""
        wanted = list(dict.fromkeys(identifiers))
        self.check(wanted)
        found = [self.table.get(tx, scope, one) for one in wanted]
        gone = [one for one, row in zip(wanted, found, strict=True) if row is None]
        if gone:
            raise self.missing(gone)
        return [row for row in found if row is not None]

    def check(self, identifiers: Sequence[str]) -> None:
        """Raises the kind's Malformed error for what can't be an id of it."""
        for one in identifiers:
            if not re.fullmatch(rf"{self.prefix}-[0-9a-zA-Z-]{{1,64}}", one):
                code = self.malformed or self.absent.replace(".NotFound", ".Malformed")
                if code == self.absent:
                    raise self.missing([one])
                if code == "InvalidParameterValue":
                    name = f"{self.type}Id"
                    raise coded(code, f"Value ({one}) for parameter {name} is invalid. Expected: '{self.prefix}-...'.")
                raise coded(code, f'Invalid id: "{one}" (expecting "{self.prefix}-...")')

    def missing(self, identifiers: Sequence[str]) -> AwsError:
        if len(identifiers) == 1:
            return coded(self.absent, f"The {self.noun} '{identifiers[0]}' does not exist")
        return coded(self.absent, f"The {self.noun}s '{', '.join(identifiers)}' do not exist")
