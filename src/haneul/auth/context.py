"""The condition keys of a call, computed when a policy asks for them and not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from haneul.auth.instants import parse_instant
from haneul.auth.patterns import Value
from haneul.auth.principals import Principal

if TYPE_CHECKING:
    from haneul.service import Call, Conditions
    from haneul.wire.message import Request

_TYPES = {
    "root": "Account",
    "user": "User",
    "role": "AssumedRole",
    "federated": "FederatedUser",
    "anonymous": "Anonymous",
}


class Given:
    """Keys given as they are (the policy simulator): names in any case."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def get(self, key: str) -> Value | None:
        return self._values.get(key)


class CallKeys:
    """The keys of one call: the house's (aws:...), the caller's session's, and the service's own."""

    __slots__ = ("_call", "_conditions", "_owner", "_request", "_service_keys", "_session")

    def __init__(
        self, call: Call, request: Mapping[str, Any], conditions: Conditions | None = None, owner: str | None = None
    ) -> None:
        self._call = call
        self._request = request
        self._conditions = conditions
        self._owner = owner
        self._service_keys: dict[str, Value] | None = None
        self._session: dict[str, Value] | None = None

    def get(self, key: str) -> Value | None:
        known = _SOURCES.get(key)
        if known is not None:
            value = known(self)
            if value is not None:
                return value
        elif key.startswith("aws:requesttag/"):
            wanted = key[15:]
            return next((value for name, value in self.request_tags() if name.lower() == wanted), None)
        elif key.startswith("s3:") and self._call.http is not None and self._call.service == "s3":
            value = self._from_service().get(key)
            return value if value is not None else self._s3(key)
        return self._from_session().get(key) or self._from_service().get(key)

    @property
    def call(self) -> Call:
        return self._call

    @property
    def principal(self) -> Principal:
        return self._call.principal

    def owner(self) -> str:
        return self._owner or self._call.resource_account or self._call.scope.account

    def header(self, name: str) -> str | None:
        http = self._call.http
        return None if http is None else http.headers.get(name)

    def request_tags(self) -> list[tuple[str, str]]:
        """The tags that the request carries, wherever its model keeps them."""
        found: list[tuple[str, str]] = []
        for name, value in self._request.items():
            if name.lower() in _TAG_MEMBERS:
                _collect_tags(value, found)
        return found

    def session_value(self, key: str) -> Value | None:
        return self._from_session().get(key)

    def _from_session(self) -> dict[str, Value]:
        if self._session is None:
            self._session = {name.lower(): _value(value) for name, value in self._call.principal.session.items()}
        return self._session

    def _from_service(self) -> dict[str, Value]:
        if self._service_keys is None:
            given = self._conditions(self._call, self._request) if self._conditions is not None else {}
            if self._call.keys is not None:
                given = {**given, **self._call.keys}
            self._service_keys = {name.lower(): _value(value) for name, value in given.items() if value is not None}
        return self._service_keys

    def _s3(self, key: str) -> Value | None:
        """S3's keys that are the request's own headers and parameters."""
        http = self._call.http
        assert http is not None
        name = key[3:]
        if name.startswith("x-amz-"):
            return http.headers.get(name)
        if name in ("authtype", "signatureversion", "signatureage"):
            return _signature_key(name, http, self._call.now())
        if name == "resourceaccount":
            return self.owner()
        if name == "locationconstraint":
            return (self._request.get("CreateBucketConfiguration") or {}).get("LocationConstraint")
        member = _S3_MEMBERS.get(name)
        value = self._request.get(member) if member is not None else None
        return None if value is None else _value(value)


def _signature_key(name: str, http: Request, now: float) -> str | None:
    """How a request to S3 is signed, by which version, and how many milliseconds ago."""
    by_header, query = "authorization" in http.headers, http.query
    if not by_header and "Signature=" not in query:
        return None
    if name == "authtype":
        return "REST-HEADER" if by_header else "REST-QUERY-STRING"
    is_old = not by_header and "AWSAccessKeyId=" in query
    if name == "signatureversion":
        return "AWS" if is_old else "AWS4-HMAC-SHA256"
    date = http.headers.get("x-amz-date", "") if by_header else query.partition("X-Amz-Date=")[2][:16]
    signed = parse_instant(date)
    return None if signed is None else str(max(0, int((now - signed) * 1000)))


_S3_MEMBERS = {"prefix": "Prefix", "delimiter": "Delimiter", "max-keys": "MaxKeys", "versionid": "VersionId"}
_TAG_MEMBERS = frozenset({"tags", "tagset", "taglist", "tagging", "tagspecifications", "tagspecification", "tag"})


def _collect_tags(value: Any, found: list[tuple[str, str]]) -> None:
    """Tags in any of AWS's shapes: maps, lists of Key and Value, nested specifications."""
    if isinstance(value, list):
        for one in value:
            _collect_tags(one, found)
    elif isinstance(value, Mapping):
        lower = {str(name).lower(): one for name, one in value.items()}
        key = lower.get("key", lower.get("tagkey"))
        if isinstance(key, str) and not isinstance(lower.get("value"), Mapping):
            tag = lower.get("value", lower.get("tagvalue", ""))
            found.append((key, str(tag if tag is not None else "")))
            return
        nested = lower.get("tags", lower.get("tagset"))
        if isinstance(nested, list | Mapping):
            _collect_tags(nested, found)
            return
        found.extend((str(name), str(one)) for name, one in value.items() if isinstance(one, str))


def _value(value: Any) -> Value:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return [_text(one) for one in value]
    return _text(value)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _organization(of: str, account: Callable[[CallKeys], str]) -> Callable[[CallKeys], Value | None]:
    def find(keys: CallKeys) -> Value | None:
        from haneul.auth import org_keys  # late: needed only where a policy speaks of organizations

        name = account(keys)
        if not name:
            return None
        with keys.call.read() as tx:
            return org_keys.OF_ACCOUNT[of](tx, name)

    return find


def _callers_account(keys: CallKeys) -> str:
    return "" if keys.principal.kind == "service" else keys.principal.account


def _user_id(keys: CallKeys) -> Value | None:
    principal = keys.principal
    return "anonymous" if principal.kind == "anonymous" else principal.user_id or None


def _principal_arn(keys: CallKeys) -> Value | None:
    principal = keys.principal
    if principal.kind in ("service", "anonymous"):
        return None
    return principal.role_arn or principal.arn


def _tag_keys(keys: CallKeys) -> Value | None:
    names = [name for name, _ in keys.request_tags()]
    if not names:
        members = (keys._request.get(name) for name in ("TagKeys", "tagKeys"))
        names = [str(one) for value in members if isinstance(value, list) for one in value]
    return names or None


def _mfa_age(keys: CallKeys) -> Value | None:
    issued = keys.session_value("aws:multifactorauthissued")
    if isinstance(issued, str):
        return str(int(keys.call.now() - float(issued)))
    return keys.session_value("aws:multifactorauthage")


def _is_service(keys: CallKeys) -> str:
    return "true" if keys.principal.kind == "service" else "false"


def _service_name(keys: CallKeys) -> Value | None:
    return keys.principal.arn if keys.principal.kind == "service" else None


def _region(keys: CallKeys) -> Value | None:
    region = keys.call.region
    return "us-east-1" if region == "aws-global" else region


_SOURCES: dict[str, Callable[[CallKeys], Value | None]] = {
    "aws:currenttime": lambda keys: _iso(keys.call.now()),
    "aws:epochtime": lambda keys: str(int(keys.call.now())),
    "aws:multifactorauthage": _mfa_age,
    "aws:principalaccount": lambda keys: _callers_account(keys) or None,
    "aws:principalarn": _principal_arn,
    "aws:principalisawsservice": _is_service,
    "aws:principalservicename": _service_name,
    "aws:principalorgid": _organization("id", _callers_account),
    "aws:principalorgmasteraccount": _organization("masteraccount", _callers_account),
    "aws:principalorgpaths": _organization("paths", _callers_account),
    "aws:principaltype": lambda keys: _TYPES.get(keys.principal.kind),
    "aws:referer": lambda keys: keys.header("referer"),
    "aws:requestedregion": _region,
    "aws:resourceaccount": CallKeys.owner,
    "aws:resourceorgid": _organization("id", CallKeys.owner),
    "aws:resourceorgpaths": _organization("paths", CallKeys.owner),
    "aws:securetransport": lambda keys: None if keys.call.http is None else _text(keys.call.http.secure),
    "aws:sourceip": lambda keys: None if keys.call.http is None else keys.call.http.client or None,
    "aws:tagkeys": _tag_keys,
    "aws:useragent": lambda keys: keys.header("user-agent"),
    "aws:userid": _user_id,
    "aws:username": lambda keys: keys.principal.user_name if keys.principal.kind == "user" else None,
    "aws:viaawsservice": _is_service,
}
