"""The Principal element: whom a resource policy's statement is about, and by which of a caller's names."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from haneul.auth.canonical_users import account_of
from haneul.auth.principals import Principal


class By(IntEnum):
    """How a statement names a caller: the closer, the less the caller's own policies matter."""

    NOTHING = 0
    ACCOUNT = 1
    """By its account: its own policies decide further."""
    ROLE = 2
    """By the role behind a session, or the user behind a federated one."""
    ANYONE = 3
    """By "*"."""
    ITSELF = 4
    """By its very ARN (user, role session), or as a service."""


class Grantees:
    """A compiled Principal or NotPrincipal element."""

    __slots__ = ("anyone", "aws", "excluding", "federated", "services")

    def __init__(self, element: Any, excluding: bool) -> None:
        self.excluding = excluding
        self.anyone = element == "*"
        self.aws: set[str] = set()
        self.services: set[str] = set()
        self.federated: set[str] = set()
        if not isinstance(element, dict):
            return
        for kind, value in element.items():
            names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
            for name in names:
                self._add(kind, str(name))

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Grantees | None:
        if "NotPrincipal" in raw:
            return cls(raw["NotPrincipal"], True)
        if "Principal" in raw:
            return cls(raw["Principal"], False)
        return None

    def _add(self, kind: str, name: str) -> None:
        if kind == "AWS":
            if name == "*":
                self.anyone = True
            elif name.isdigit():
                self.aws.add(f"arn:aws:iam::{name}:root")
            else:
                self.aws.add(name)
        elif kind == "Service":
            self.services.add(name.lower())
        elif kind == "Federated":
            self.federated.add(name)
        elif kind == "CanonicalUser":
            account = account_of(name)
            if account is not None:
                self.aws.add(f"arn:aws:iam::{account}:root")

    def match(self, principal: Principal, bounded: bool = False) -> By:
        """By which name the element means `principal`. A NotPrincipal element means everybody whom it doesn't name,
        and, as documented, everybody who has a permissions boundary (`bounded`)."""
        if self.excluding and bounded:
            return By.ANYONE
        named = self._named(principal)
        if not self.excluding:
            return named
        return By.NOTHING if named > By.ACCOUNT or (named and principal.kind == "root") else By.ANYONE

    def _named(self, principal: Principal) -> By:
        kind = principal.kind
        if kind == "service":
            if principal.arn in self.services or "*" in self.services:
                return By.ITSELF
            return By.ANYONE if self.anyone else By.NOTHING
        if kind == "anonymous":
            return By.ANYONE if self.anyone else By.NOTHING
        if principal.arn in self.aws and kind != "root":
            return By.ITSELF
        if kind == "federated" and principal.arn in self.federated:
            return By.ITSELF
        if self.anyone:
            return By.ANYONE
        if self.aws:
            if principal.role_arn and principal.role_arn in self.aws:
                return By.ROLE
            if principal.user_id and principal.user_id.partition(":")[0] in self.aws:
                return By.ROLE if principal.role_arn else By.ITSELF
            if f"arn:aws:iam::{principal.account}:root" in self.aws:
                return By.ACCOUNT
        return By.NOTHING
