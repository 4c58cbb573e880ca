"""Who calls: principals, the credentials that prove them, and the directory that finds them.

The IAM and STS rooms are doors to the tables behind this module; the gate and the signature check
are its readers, on every request, so what they need is held compiled in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from haneul.auth.sealed import Sealed


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a call.

    kind: root | user | role (an assumed-role session) | federated | service | anonymous.
    arn: as GetCallerIdentity tells it; "" when anonymous; "glacier.amazonaws.com" for a service.
    user_id: aws:userid (AIDA..., AROA...:session, the account for root).
    role_arn: for sessions, the IAM role's own ARN.
    session: condition keys that hold for the whole session (aws:MultiFactorAuthPresent, aws:PrincipalTag/x, sts:...).
    access_key: the key id that signed, "" when none did.
    """

    account: str
    arn: str
    kind: str
    user_id: str = ""
    user_name: str = ""
    role_arn: str = ""
    session: Mapping[str, Any] = {}
    session_policies: tuple[str, ...] = ()
    """JSON documents of inline and managed session policies (intersected with the role's own)."""
    access_key: str = ""


ANONYMOUS = Principal(account="", arn="", kind="anonymous")


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What proves a principal: an access key id with its secret; temporary ones carry a token and an end.

    secret None means that any secret is accepted (mode dev, a key that the directory doesn't know).
    expires is wall-clock time, as the client's own clock tells it, not the cloud's clock, which may be sped up.
    """

    access_key: str
    secret: str | None
    principal: Principal
    token: str = ""
    expires: float | None = None
    active: bool = True


class Directory(Protocol):
    """Finds credentials and the policies that bind a principal. Safe on the event loop: memory first, then the store.

    `version` rises with every change of IAM: what was decided at an older version must be decided again.
    """

    version: int
    sealed: Sealed

    def credential(self, access_key: str, token: str = "") -> Credential | None:
        """The credential with this key id, or None when nobody has it (in mode dev: every key is somebody's).

        Temporary credentials live in their session token: pass the request's (X-Amz-Security-Token)."""
        ...

    def policies(self, principal: Principal) -> Policies:
        """The policies that bind `principal` now. Revoked ones are gone by the next call."""
        ...

    def note_use(self, principal: Principal, service: str, region: str) -> None:
        """`principal` called `service` (its IAM prefix) just now: for last-used dates. Cheap."""
        ...


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    """Policy documents (JSON texts) that bind a principal, each kind by itself, as the evaluation order needs them.

    identity: attached and inline policies of the user (with its groups) or role: (name, document).
    boundary: the permissions boundary, or None.
    organization: service-control policies from the root of the organization down: one tuple per level.
    """

    identity: tuple[tuple[str, str], ...] = ()
    boundary: str | None = None
    organization: tuple[tuple[str, ...], ...] = ()
