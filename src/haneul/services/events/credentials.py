"""What a connection authorises with, in the JSON in which EventBridge keeps it in Secrets Manager."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_BASIC = {"username": "Username", "password": "Password"}
_KEY = {"api_key_name": "ApiKeyName", "api_key_value": "ApiKeyValue"}
_CLIENT = {"client_id": "ClientID", "client_secret": "ClientSecret"}
_SERVER = {"authorization_endpoint": "AuthorizationEndpoint", "http_method": "HttpMethod"}
_INNER = re.compile(r"(?<!^)(?=[A-Z])")


def kept(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """AuthParameters as the secret holds them."""
    secret: dict[str, Any] = {}
    if basic := parameters.get("BasicAuthParameters"):
        secret |= _renamed(basic, _BASIC)
    if key := parameters.get("ApiKeyAuthParameters"):
        secret |= _renamed(key, _KEY)
    if oauth := parameters.get("OAuthParameters"):
        secret |= _renamed(oauth["ClientParameters"], _CLIENT) | _renamed(oauth, _SERVER)
        if extra := oauth.get("OAuthHttpParameters"):
            secret["oauth_http_parameters"] = _lowered(extra)
    if extra := parameters.get("InvocationHttpParameters"):
        secret["invocation_http_parameters"] = _lowered(extra)
    return secret


def opened(secret: Mapping[str, Any]) -> dict[str, Any]:
    """AuthParameters from a secret, from one of an earlier version too."""
    if any(name[:1].isupper() for name in secret):
        return dict(secret)
    parameters: dict[str, Any] = {}
    if "username" in secret:
        parameters["BasicAuthParameters"] = _restored(secret, _BASIC)
    if "api_key_name" in secret:
        parameters["ApiKeyAuthParameters"] = _restored(secret, _KEY)
    if "client_id" in secret:
        oauth = parameters["OAuthParameters"] = _restored(secret, _SERVER)
        oauth["ClientParameters"] = _restored(secret, _CLIENT)
        if "oauth_http_parameters" in secret:
            oauth["OAuthHttpParameters"] = _raised(secret["oauth_http_parameters"])
    if "invocation_http_parameters" in secret:
        parameters["InvocationHttpParameters"] = _raised(secret["invocation_http_parameters"])
    return parameters


def _renamed(given: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    return {word: given[member] for word, member in words.items() if member in given}


def _restored(secret: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    return {member: secret[word] for word, member in words.items() if word in secret}


def _lowered(value: Any) -> Any:
    """HeaderParameters becomes header_parameters, at every depth."""
    if isinstance(value, Mapping):
        return {_INNER.sub("_", name).lower(): _lowered(inner) for name, inner in value.items()}
    return [_lowered(inner) for inner in value] if isinstance(value, list) else value


def _raised(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {"".join(part.capitalize() for part in name.split("_")): _raised(inner) for name, inner in value.items()}
    return [_raised(inner) for inner in value] if isinstance(value, list) else value
