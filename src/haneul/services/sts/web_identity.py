"""AssumeRoleWithWebIdentity: a role for whoever shows a token of an OpenID Connect provider that the account trusts.

The provider's keys are fetched from where its discovery document says, over https, or over http from this machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import urllib.error
import urllib.request
from datetime import UTC, datetime
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import orjson

from haneul.auth import issuers, jwt, tables
from haneul.auth.context import Given
from haneul.auth.decision import Voice
from haneul.auth.policy import compiled
from haneul.auth.principals import Principal
from haneul.service import Call, operation
from haneul.services.sts import roles, sessions
from haneul.services.sts.errors import errors
from haneul.services.sts.sessions import Answer, Request

_LIMIT = 1 << 20
_PATIENCE = 5.0
_NO_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
_NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
    "documentation for requirements"
)
_TAGS_CLAIM = "https://aws.amazon.com/tags"


@operation(resource="{RoleArn}", anonymous=True)
async def assume_role_with_web_identity(call: Call, request: Request) -> Answer:
    arn = request["RoleArn"]
    account, _, _ = roles.parse(arn)
    try:
        token = jwt.parse(request["WebIdentityToken"])
    except jwt.NotAToken:
        raise errors.InvalidIdentityToken(_NO_JWT) from None
    claims = token.claims
    issuer = str(claims.get("iss", ""))
    with call.read() as tx:
        role = roles.find(tx, arn)
        provider = tables.OIDC_PROVIDERS.get(tx, tables.scope(account), _bare(issuer))
        own = issuers.find(tx, issuer)
    if provider is None:
        raise errors.InvalidIdentityToken(f"No OpenIDConnect provider found in your account for {issuer}")
    audience = _audience(claims, provider)
    if own is None:
        await _check_signature(token, issuer)
    elif not jwt.verify(token, issuers.public_keys(sessions.directory(call).sealed, own)):
        raise errors.InvalidIdentityToken("Token signature invalid")
    _check_times(call, claims)
    tags = _tags(claims)
    with call.read() as tx:
        limits = sessions.limits(tx, account, {**request, **tags})
    _check_trust(call, request, role, provider, account, claims, audience)
    seconds = sessions.duration(request, 3600, roles.max_duration(role), roles.TOO_LONG)
    source = claims.get("https://aws.amazon.com/source_identity")
    extra = {"aws:FederatedProvider": f"arn:aws:iam::{account}:oidc-provider/{provider.url}"}
    answer = roles.session_of(call, arn, role, request["RoleSessionName"], limits, seconds, source, extra)
    return answer | {
        "SubjectFromWebIdentityToken": str(claims.get("sub", "")),
        "Provider": f"arn:aws:iam::{account}:oidc-provider/{provider.url}",
        "Audience": audience,
    }


def _bare(issuer: str) -> str:
    return issuer.partition("://")[2].rstrip("/")


def _audience(claims: dict[str, Any], provider: tables.OidcProvider) -> str:
    named = claims.get("aud", [])
    audiences = [str(one) for one in (named if isinstance(named, list) else [named])]
    if "azp" in claims:
        audiences.append(str(claims["azp"]))
    for one in audiences:
        if one in provider.clients:
            return one
    raise errors.InvalidIdentityToken("Incorrect token audience")


def _check_times(call: Call, claims: dict[str, Any]) -> None:
    now = sessions.directory(call).wall.now()
    ends = claims.get("exp")
    if not isinstance(ends, int | float):
        raise errors.InvalidIdentityToken("Missing a required claim: exp")
    if ends <= now:
        raise errors.ExpiredTokenException(
            f"Token expired: current date/time {_date(now)} must be before the expiration date/time {_date(ends)}"
        )
    starts = claims.get("nbf", claims.get("iat", 0))
    if isinstance(starts, int | float) and starts > now + 300:
        raise errors.InvalidIdentityToken("Token is not yet valid")


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def _tags(claims: dict[str, Any]) -> dict[str, Any]:
    """Session tags that the token carries, as AssumeRole's request would."""
    carried = claims.get(_TAGS_CLAIM)
    if not isinstance(carried, dict):
        return {}
    principal = carried.get("principal_tags", {})
    tags = [{"Key": key, "Value": str((value or [""])[0])} for key, value in principal.items()]
    return {"Tags": tags, "TransitiveTagKeys": carried.get("transitive_tag_keys") or []}


def _check_trust(
    call: Call,
    request: Request,
    role: tables.Role | None,
    provider: tables.OidcProvider,
    account: str,
    claims: dict[str, Any],
    audience: str,
) -> None:
    """The trust policy must name the provider; its conditions see the token's claims under the provider's name."""
    if role is None and not call.cloud.config.iam_enforced:
        return
    arn = f"arn:aws:iam::{account}:oidc-provider/{provider.url}"
    keys: dict[str, Any] = {f"{provider.url}:{key}": value for key, value in claims.items() if _is_plain(value)}
    keys |= {f"{provider.url}:aud": audience, "sts:RoleSessionName": request["RoleSessionName"]}
    keys["aws:FederatedProvider"] = arn
    principal = Principal(account=account, arn=arn, kind="federated")
    if role is not None:
        voice = Voice(compiled(role.trust), principal, "sts:AssumeRoleWithWebIdentity")
        given = Given({key: _text(value) for key, value in keys.items()})
        if not voice.denied(request["RoleArn"], given) and voice.granted(request["RoleArn"], given):
            return
    raise errors.AccessDenied("Not authorized to perform sts:AssumeRoleWithWebIdentity")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) or (
        isinstance(value, list) and all(isinstance(one, str) for one in value)
    )


def _text(value: Any) -> str | list[str]:
    if isinstance(value, list):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


async def _check_signature(token: jwt.Token, issuer: str) -> None:
    try:
        keys = await asyncio.to_thread(_fetch_keys, issuer)
    except (OSError, ValueError, KeyError):
        raise errors.IDPCommunicationError(_NO_KEY) from None
    if not any(key.get("kid") in (None, token.header.get("kid")) for key in keys):
        raise errors.InvalidIdentityToken(_NO_KEY)
    if not jwt.verify(token, keys):
        raise errors.InvalidIdentityToken("Token signature invalid")


def _fetch_keys(issuer: str) -> list[dict[str, Any]]:
    """The provider's JSON web keys, by its discovery document. Raises OSError, ValueError, KeyError."""
    discovery = orjson.loads(_get(issuer.rstrip("/") + "/.well-known/openid-configuration"))
    keys: list[dict[str, Any]] = orjson.loads(_get(discovery["jwks_uri"]))["keys"]
    return keys


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect could lead anywhere, so it is not followed."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _get(url: str) -> bytes:
    """The bytes behind a URL: https anywhere public, http and untrusted certificates on this machine only."""
    parts = urlsplit(url)
    addresses = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    hosts = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in addresses]
    is_local = all(host.is_loopback for host in hosts)
    if not is_local and (parts.scheme != "https" or not all(host.is_global for host in hosts)):
        raise OSError("a provider must be on the public internet or on this machine")
    context = ssl.create_default_context()
    if is_local:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _Stay()
    )
    if parts.scheme not in ("https", "http"):
        raise OSError("a provider speaks https")
    with opener.open(url, timeout=_PATIENCE) as response:
        assert isinstance(response, HTTPResponse)
        body = response.read(_LIMIT + 1)
    if len(body) > _LIMIT:
        raise OSError("too long")
    return body
