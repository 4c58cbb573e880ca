"""Names of parameters: what they may be, their ARNs, and the selectors behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ssm.errors import errors, invalid
from haneul.services.ssm.state import PARAMETERS, Parameter
from haneul.state.store import Reader

MAX_DEPTH = 15
_NAME = re.compile(r"[a-zA-Z0-9_.\-/]+")
_PREFIX_RULE = 'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).'
_PATH = re.compile(r"/|(/[a-zA-Z0-9_.\-]+)+/?")
_PATH_RULE = (
    "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "
    '"/". '
    'It can\'t be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following '
    "symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, "
    'must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.'
)
_RULE = (
    'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of '
    "sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 "
    "symbols .-_"
)


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:ssm:{scope.region}:{scope.account}:parameter/{name.lstrip('/')}"


def by_name(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.scope, split(request["Name"])[0])


def by_names(call: Call, request: Mapping[str, Any]) -> list[str]:
    return [arn_of(call.scope, split(name)[0]) for name in request["Names"]]


def by_path(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.scope, request["Path"].rstrip("/"))


def by_resource(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.scope, request["ResourceId"])


def check(name: str) -> None:
    """Raise what AWS raises for a name that a new parameter can't have."""
    first = name.lstrip("/").split("/", 1)[0].lower()
    if "/" not in name and first.startswith(("aws", "ssm")):
        raise invalid(_PREFIX_RULE)
    if first.startswith("aws"):
        raise errors.AccessDeniedException(f"No access to reserved parameter name: {name}.")
    if first.startswith("ssm"):
        raise invalid(_RULE)
    if not _NAME.fullmatch(name):
        if len(name) > 2048:
            raise invalid("Parameter name is too long.")
        raise invalid(_RULE)
    if "/" in name and not name.startswith("/"):
        raise invalid("Parameter name must be a fully qualified name.")
    if "//" in name or (name.endswith("/")):
        raise invalid(_RULE)
    if len(name) > 1011:
        raise invalid(
            "The parameter name exceeds the maximum length of 1011 characters, counted with the parts of its ARN."
        )
    if name.count("/") > MAX_DEPTH:
        raise errors.HierarchyLevelLimitExceededException(
            f"The hierarchy depth is too big: a parameter name path can have a maximum of {MAX_DEPTH} levels."
        )


def check_path(path: str) -> None:
    """Raise what AWS raises for a path below which there can be no parameters."""
    if not _PATH.fullmatch(path):
        raise invalid(_PATH_RULE)


def find(tx: Reader, scope: Scope, name: str) -> Parameter | None:
    """The parameter of this name; "x" and "/x" are one, which answers by the name that it was made with."""
    found = PARAMETERS.get(tx, scope, name)
    local = name.removeprefix("/")
    if found is not None or "/" in local:
        return found
    return PARAMETERS.get(tx, scope, local if name.startswith("/") else f"/{name}")


def split(name: str) -> tuple[str, str | None]:
    """(plain name, selector): "x:3" -> ("x", "3"); an ARN gives the name it holds."""
    if name.startswith("arn:"):
        parts = name.split(":", 5)
        local = parts[5].removeprefix("parameter/") if len(parts) == 6 else name
        plain, _, selector = local.partition(":")
        return ("/" + plain if "/" in plain else plain), selector or None
    plain, _, selector = name.partition(":")
    return plain, selector or None
