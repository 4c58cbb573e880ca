"""Which service, operation and region a request means: by target, protocol, signature scope, Action, host or path.

Strict, and from AWS's models alone: what no model names is nobody's, and never falls through to a neighbour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from haneul.auth.sigv4 import credential_scope
from haneul.gateway import catalog
from haneul.gateway.hosts import Host, Hosts
from haneul.wire import model as models
from haneul.wire.message import Request
from haneul.wire.routes import router

_FORM = "application/x-www-form-urlencoded"
_RPC = "smithy-rpc-v2-cbor"
_QUERY = frozenset({"query", "ec2"})
_REST = frozenset({"rest-json", "rest-xml"})
_CERTIFICATE = "/SimpleNotificationService-"
"""Where SNS keeps the certificate of its signatures; no bucket can have such a name."""
_API = "execute-api"
_WEBSITE = "s3-website"
_OWN_PATHS = (f"/_aws/{_API}/", "/restapis/")
"""Where an API answers without a name of its own: /_aws/execute-api/{id}/{stage}/..., and LocalStack's habit,
/restapis/{id}/{stage}/_user_request_/..."""
_NO_LABELS: dict[str, str] = {}
MAX_TOLD = 4096


class Target(NamedTuple):
    """Where a request goes. `operation` is "" when the service is known but nothing in its model fits;
    `service` is "" when not even that. `host` says what the Host header meant. `raw` are the rooms that claim the
    host's label (or the path that stands for it), to be asked in order until one answers."""

    service: str
    operation: str
    protocol: str
    labels: Mapping[str, str]
    region: str
    host: Host
    raw: tuple[str, ...] = ()


class Routes:
    """Routes over AWS's catalogue; `ours` are the models that have a room, asked first where names collide."""

    def __init__(
        self, hosts: Hosts, ours: frozenset[str], raw_hosts: Mapping[str, tuple[str, ...]], region: str
    ) -> None:
        self.hosts = hosts
        self._ours = ours
        self._raw_hosts = raw_hosts
        self._region = region
        self.named: Callable[[str], tuple[str, ...]] = lambda name: ()
        """Which rooms claim a host name that nobody else has (custom domains); set by the composition root."""
        self._told: dict[tuple[str, str], tuple[Host, tuple[str, str, str] | None, str]] = {}
        """(Host header, credential) -> what they say: nearly every request of a client says the same."""
        self._aims: dict[str, tuple[str, str]] = {}
        """X-Amz-Target -> (model, operation), for those that there are."""
        self._by_signing: dict[str, list[catalog.Entry]] = {}
        self._by_target: dict[str, catalog.Entry] = {}
        self._by_endpoint: dict[str, list[catalog.Entry]] = {}
        for entry in sorted(catalog.entries(), key=lambda e: e.model not in ours):
            self._by_signing.setdefault(entry.signing, []).append(entry)
            self._by_endpoint.setdefault(entry.endpoint, []).append(entry)
            if entry.target:
                self._by_target.setdefault(entry.target, entry)

    def resolve(self, request: Request) -> Target:
        """The target of `request`, whose path is rewritten to path style when its host names a bucket."""
        headers = request.headers
        host, scope, region = self._tell(request)
        raw = self._raw_of(host, request.path)
        if raw:
            labels = {"Bucket": host.bucket} if host.service == _WEBSITE else _NO_LABELS
            return Target(raw[0], "", models.load(raw[0]).protocol, labels, region, host, raw)
        if not host.known or (host.labels and host.service not in self._by_endpoint and host.service != "s3"):
            raw = self.named(headers.get("host", "").rpartition(":")[0] or headers.get("host", ""))
            if raw:
                known = host._replace(known=True)
                return Target(raw[0], "", models.load(raw[0]).protocol, _NO_LABELS, region, known, raw)
        aimed = headers.get("x-amz-target")
        if aimed is not None:
            return self._by_header(request, aimed)
        if scope is not None and scope[2] != "s3":
            return self._by_scope(request, scope[2], region, host)
        if host.service and host.service != "s3" and host.service in self._by_endpoint:
            return self._among(request, self._by_endpoint[host.service], region, host)
        if scope is None and request.path.startswith(_CERTIFICATE) and "sns" in self._ours:
            return Target("sns", "", "query", _NO_LABELS, region, host)
        if scope is None and (is_form(request) or _is_link(request)):
            action = _action(request)
            if action is not None:
                return self._by_action(action, region, host)
        return self._s3(request, region, host)

    def bucket_of(self, request: Request) -> str:
        """The bucket that the request's host names, "" for none."""
        return _bucket(self.hosts.read(request.headers.get("host", "")))

    def _tell(self, request: Request) -> tuple[Host, tuple[str, str, str] | None, str]:
        """The host, the credential's scope and the region of a request."""
        headers = request.headers
        name = headers.get("host", "")
        authorization = headers.get("authorization")
        if authorization is None:
            scope = credential_scope(request)
            host = self.hosts.read(name)
            return host, scope, (scope[1] if scope is not None else host.region) or self._region
        key = (name, authorization[: authorization.find(",")])
        told = self._told.get(key)
        if told is None:
            scope = credential_scope(request)
            host = self.hosts.read(name)
            told = host, scope, (scope[1] if scope is not None else host.region) or self._region
            if len(self._told) >= MAX_TOLD:
                self._told.clear()
            self._told[key] = told
        return told

    def _raw_of(self, host: Host, path: str) -> tuple[str, ...]:
        if host.service == _WEBSITE:  # its label has the region in it
            return self._raw_hosts.get(_WEBSITE, ())
        for label in host.labels:
            found = self._raw_hosts.get(label)
            if found is not None:
                return found
        if path.startswith(_OWN_PATHS) and (path[1] == "_" or "/_user_request_" in path):
            return self._raw_hosts.get(_API, ())
        return ()

    def _by_header(self, request: Request, aimed: str) -> Target:
        host, _, region = self._tell(request)
        known = self._aims.get(aimed)
        if known is None:
            prefix, _, operation = aimed.rpartition(".")
            entry = self._by_target.get(prefix)
            if entry is None:
                return Target("", operation, "json", _NO_LABELS, region, host)
            model = models.load(entry.model)
            known = entry.model, operation if operation in model.operations else ""
            if known[1]:
                self._aims[aimed] = known
        return Target(known[0], known[1], "json", _NO_LABELS, region, host)

    def _by_scope(self, request: Request, signing: str, region: str, host: Host) -> Target:
        candidates = self._by_signing.get(signing) or self._by_endpoint.get(signing)
        if candidates is None:
            return Target("", "", "", _NO_LABELS, region, host)
        return self._among(request, candidates, region, host)

    def _among(self, request: Request, candidates: list[catalog.Entry], region: str, host: Host) -> Target:
        if request.path.startswith("/service/") and "smithy-protocol" in request.headers:
            return _rpc(request, candidates, region, host)
        action = _action(request) if is_form(request) or request.query else None
        if action is not None:
            found = _of_version(candidates, action)
            if found is not None:
                operation = action["Action"] if action["Action"] in models.load(found).operations else ""
                return Target(found, operation, _query_protocol(found), _NO_LABELS, region, host)
        for entry in candidates:
            if entry.protocol in _REST:
                matched = router(models.load(entry.model)).match(
                    request.method, request.path, request.query, request.headers
                )
                if matched is not None:
                    return Target(entry.model, matched[0], entry.protocol, matched[1], region, host)
        first = candidates[0]
        return Target(first.model, "", first.protocol, _NO_LABELS, region, host)

    def _by_action(self, action: Mapping[str, str], region: str, host: Host) -> Target:
        """An unsigned form (AssumeRoleWithWebIdentity): the API version and the operation's name must both fit."""
        for entry in catalog.entries():
            if entry.version == action.get("Version") and entry.protocol not in _REST:
                model = models.load(entry.model)
                if action["Action"] in model.operations:
                    return Target(entry.model, action["Action"], _query_protocol(entry.model), _NO_LABELS, region, host)
        return Target("", "", "query", _NO_LABELS, region, host)

    def _s3(self, request: Request, region: str, host: Host) -> Target:
        path = request.path
        if path.startswith("/v20180820/") and ("x-amz-account-id" in request.headers or host.service == "s3-control"):
            return self._among(request, [e for e in self._by_signing["s3"] if e.model == "s3control"], region, host)
        bucket = _bucket(host)
        if bucket:
            path = f"/{bucket}{path}"
        matched = router(models.load("s3")).match(request.method, path, request.query, request.headers)
        if bucket and matched is None:
            return Target("s3", "", "rest-xml", {"Bucket": bucket}, region, host)
        if matched is None:
            return Target("s3", "", "rest-xml", _NO_LABELS, region, host)
        return Target("s3", matched[0], "rest-xml", matched[1], region, host)


def _bucket(host: Host) -> str:
    return host.bucket or (host.labels[0] if len(host.labels) == 1 and host.service not in ("s3", "") else "")


def is_form(request: Request) -> bool:
    return request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM)


def _is_link(request: Request) -> bool:
    """A query-protocol call as a link to click, like those that SNS sends to confirm a subscription."""
    return request.path == "/" and "Action=" in request.query and "Version=" in request.query


def _action(request: Request) -> dict[str, str] | None:
    """Action and Version of a query-protocol request, from its form or its query string; None when there is none."""
    for text in (request.body.decode("latin-1") if is_form(request) else "", request.query):
        if "Action=" in text:
            pairs = {k: v for k, v in parse_qsl(text, max_num_fields=20_000) if k in ("Action", "Version")}
            if "Action" in pairs:
                return pairs
    return None


def _of_version(candidates: list[catalog.Entry], action: Mapping[str, str]) -> str | None:
    """The model among `candidates` that speaks a query protocol, in the version asked for."""
    speaking = [e.model for e in candidates if _QUERY & set(models.load(e.model).protocols)]
    version = action.get("Version")
    for name in speaking:
        model = models.load(name)
        if version in (None, model.api_version) and action["Action"] in model.operations:
            return name
    return speaking[0] if speaking else None


def _query_protocol(name: str) -> str:
    return "ec2" if models.load(name).protocol == "ec2" else "query"


def _rpc(request: Request, candidates: list[catalog.Entry], region: str, host: Host) -> Target:
    """/service/<name>/operation/<name> (smithy's RPC v2)."""
    parts = request.path.split("/")
    operation = parts[4] if len(parts) == 5 and parts[3] == "operation" else ""
    for entry in candidates:
        model = models.load(entry.model)
        if _RPC in model.protocols and operation in model.operations:
            return Target(entry.model, operation, _RPC, _NO_LABELS, region, host)
    return Target(candidates[0].model, "", _RPC, _NO_LABELS, region, host)
