"""GetWebIdentityToken: a signed statement of who calls, for services outside that trust the account as an issuer."""

from __future__ import annotations

from typing import Any

import orjson

from haneul.auth import issuers, jwt, tables
from haneul.auth.organizations import find as find_organization
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.sts.errors import errors
from haneul.services.sts.sessions import Answer, Request, directory
from haneul.wire.message import Request as Message
from haneul.wire.message import Response

_CLAIM = "https://sts.amazonaws.com/"
_JSON = [("Content-Type", "application/json")]
_PREFIX = "aws:PrincipalTag/"


@operation()
def get_web_identity_token(call: Call, request: Request) -> Answer:
    algorithm = request["SigningAlgorithm"]
    seconds = int(request.get("DurationSeconds", 300))
    opened = directory(call)
    with call.read() as tx:
        settings = tables.ACCOUNTS.get(tx, tables.scope(call.account), call.account)
        issuer = issuers.find(tx, settings.issuer) if settings is not None and settings.issuer else None
        organization = find_organization(tx, call.account)
    if issuer is None:
        raise errors.OutboundWebIdentityFederationDisabledException(
            "The outbound web identity federation feature is not enabled for this account."
        )
    if algorithm not in issuer.keys:
        raise errors.ValidationError(
            f"1 validation error detected: Value '{algorithm}' at 'signingAlgorithm' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(sorted(issuer.keys))}]"
        )
    now = int(opened.wall.now())
    _check_lifetime(call, now + seconds)
    audience = request["Audience"]
    claims: dict[str, Any] = {
        "iss": issuer.url,
        "aud": audience[0] if len(audience) == 1 else audience,
        "sub": call.principal.role_arn or call.principal.arn,
        "iat": now,
        "exp": now + seconds,
        "jti": tokens.uuid(),
        _CLAIM: _about(call, request, None if organization is None else organization.id),
    }
    key = issuers.private_key(opened.sealed, issuer, algorithm)
    token = jwt.sign(algorithm, issuers.key_id(issuer, algorithm), key, claims)
    if len(token) > 16_384:
        raise errors.JWTPayloadSizeExceededException("The token's payload is too large.")
    return {"WebIdentityToken": token, "Expiration": float(now + seconds)}


def page(call: Call, request: Message, target: object) -> Response | None:
    """What an issuer shows to everybody: its discovery document and its keys."""
    if request.method != "GET" or request.path not in (issuers.DISCOVERY, issuers.KEYS):
        return None
    name = request.headers.get("host", "").partition(".")[0]
    with call.read() as tx:
        issuer = tables.ISSUERS.get(tx, tables.HOUSE, name)
    if issuer is None:
        return None
    if request.path == issuers.KEYS:
        shown: dict[str, Any] = {"keys": issuers.public_keys(directory(call).sealed, issuer)}
    else:
        shown = {
            "issuer": issuer.url,
            "jwks_uri": issuer.url + issuers.KEYS,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted(issuer.keys),
        }
    return Response(200, list(_JSON), orjson.dumps(shown))


def _check_lifetime(call: Call, ends: int) -> None:
    """A token must not outlive the session that asks for it."""
    token = "" if call.http is None else call.http.headers.get("x-amz-security-token", "")
    session = directory(call).session_of(token) if token else None
    if session is not None and ends > session.expires:
        raise errors.SessionDurationEscalationException(
            "The requested token duration would extend the session beyond its original expiration time."
        )


def _about(call: Call, request: Request, organization: str | None) -> dict[str, Any]:
    """AWS's own claims: account, region, organization, and tags of principal and request."""
    held = call.principal.session
    tags = {name.removeprefix(_PREFIX): value for name, value in held.items() if name.startswith(_PREFIX)}
    asked = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    about: dict[str, Any] = {"aws_account": call.account, "source_region": call.region}
    about |= {"org_id": organization} if organization is not None else {}
    about |= {"principal_tags": tags} if tags else {}
    about |= {"request_tags": asked} if asked else {}
    return about
