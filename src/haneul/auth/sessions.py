"""Temporary credentials that carry themselves: the session token is the session, sealed.

Nothing is written when a role is assumed and nothing grows; the secret is derived from the token, so a
token that was altered or made elsewhere has none. Revocation works as in AWS: by what the role's policies
say now (a deny on aws:TokenIssueTime), by deleting the role or user.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from haneul.auth import key_ids
from haneul.auth.principals import Credential, Principal
from haneul.auth.sealed import Sealed, SealError

_CONTEXT = b"sts.session"
_SECRET = b"sts.secret"


class Session(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a token holds. `principal.access_key` is the session's own key id; times are epoch seconds."""

    principal: Principal
    issued: float
    expires: float
    transitive: tuple[str, ...] = ()
    """Keys of session tags that follow into the next role of a chain."""
    source_arn: str = ""
    """Who asked for the session."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Session).decode


def issue(sealed: Sealed, session: Session) -> Credential:
    """Credentials for `session` under a new key id of its account."""
    key = key_ids.new("ASIA", session.principal.account)
    principal = msgspec.structs.replace(session.principal, access_key=key)
    session = msgspec.structs.replace(session, principal=principal)
    token = base64.b64encode(sealed.seal(_encode(session), _CONTEXT)).decode()
    return _credential(sealed, session, token)


def open_token(sealed: Sealed, token: str) -> tuple[Session, Credential] | None:
    """The session inside `token` and its credential; None when it was not made here or was altered."""
    try:
        session = _decode(sealed.open(base64.b64decode(token, validate=True), _CONTEXT))
    except (SealError, binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    return session, _credential(sealed, session, token)


def _credential(sealed: Sealed, session: Session, token: str) -> Credential:
    secret = base64.b64encode(sealed.derive(_SECRET, token.encode())).decode()[:40]
    return Credential(
        access_key=session.principal.access_key,
        secret=secret,
        principal=session.principal,
        token=token,
        expires=session.expires,
    )
