"""OpenID Connect providers: whose tokens AssumeRoleWithWebIdentity believes."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from haneul.auth import tables
from haneul.service import Call, operation
from haneul.services.iam import entities, tagging
from haneul.services.iam.entities import Answer, Request, change
from haneul.services.iam.errors import errors
from haneul.services.iam.resources import NEW_KEYS, OIDC, OIDC_KEYS
from haneul.state.store import Reader

CLIENTS = 100
THUMBPRINTS = 5
_HEX = re.compile(r"[0-9a-fA-F]{40}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _new(call: Call, request: Request) -> str:
    return f"arn:aws:iam::{call.account}:oidc-provider/{request['Url'].partition('://')[2]}"


@operation(resource=_new, conditions=NEW_KEYS)
def create_open_id_connect_provider(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    url = _checked_url(request["Url"])
    entities.refuse_contexts(request)
    clients = list(dict.fromkeys(request.get("ClientIDList") or []))
    if len(clients) > CLIENTS:
        raise errors.LimitExceeded(f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENTS}")
    thumbprints = _checked_thumbprints(request.get("ThumbprintList") or [])
    tags = tagging.parse(request.get("Tags"))
    with change(call) as tx:
        if tables.OIDC_PROVIDERS.get(tx, scope, url) is not None:
            raise errors.EntityAlreadyExists(f"Provider with url https://{url} already exists.")
        row = tables.OidcProvider(url, entities.now(call), clients, thumbprints, tags)
        tables.OIDC_PROVIDERS.put(tx, scope, row)
    return {"OpenIDConnectProviderArn": arn(call.account, row), "Tags": tagging.shown(tags)}


@operation(resource=OIDC, conditions=OIDC_KEYS)
def get_open_id_connect_provider(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        row = find(tx, call, request["OpenIDConnectProviderArn"])
    return {
        "Url": row.url,
        "ClientIDList": row.clients,
        "ThumbprintList": row.thumbprints,
        "CreateDate": row.created,
        "Tags": tagging.shown(row.tags),
    }


@operation(resource="arn:aws:iam::{account}:oidc-provider/")
def list_open_id_connect_providers(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        rows = list(tables.OIDC_PROVIDERS.scan(tx, tables.scope(call.account)))
    return {"OpenIDConnectProviderList": [{"Arn": arn(call.account, row)} for row in rows]}


@operation(resource=OIDC, conditions=OIDC_KEYS)
def add_client_id_to_open_id_connect_provider(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = find(tx, call, request["OpenIDConnectProviderArn"])
        if request["ClientID"] not in row.clients:
            if len(row.clients) >= CLIENTS:
                raise errors.LimitExceeded(f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENTS}")
            row.clients.append(request["ClientID"])
            tables.OIDC_PROVIDERS.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=OIDC, conditions=OIDC_KEYS)
def remove_client_id_from_open_id_connect_provider(call: Call, request: Request) -> Answer:
    """Idempotent: a client id that isn't there is no error."""
    with change(call) as tx:
        row = find(tx, call, request["OpenIDConnectProviderArn"])
        if request["ClientID"] in row.clients:
            row.clients.remove(request["ClientID"])
            tables.OIDC_PROVIDERS.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=OIDC, conditions=OIDC_KEYS)
def update_open_id_connect_provider_thumbprint(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = find(tx, call, request["OpenIDConnectProviderArn"])
        row.thumbprints = _checked_thumbprints(request["ThumbprintList"])
        tables.OIDC_PROVIDERS.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=OIDC, conditions=OIDC_KEYS)
def delete_open_id_connect_provider(call: Call, request: Request) -> Answer:
    """Idempotent, as AWS says: deleting what isn't there succeeds."""
    with change(call) as tx:
        tables.OIDC_PROVIDERS.delete(tx, tables.scope(call.account), _url(request["OpenIDConnectProviderArn"]))
    return {}


def arn(account: str, row: tables.OidcProvider) -> str:
    return f"arn:aws:iam::{account}:oidc-provider/{row.url}"


def find(tx: Reader, call: Call, name: str) -> tables.OidcProvider:
    """The provider with this ARN."""
    row = tables.OIDC_PROVIDERS.get(tx, tables.scope(call.account), _url(name))
    if row is None or arn(call.account, row) != name:
        raise errors.NoSuchEntity(f"OpenIDConnect Provider not found for arn {name}")
    return row


def _url(name: str) -> str:
    return name.partition(":oidc-provider/")[2]


def _checked_url(url: str) -> str:
    """The URL without its scheme, by which providers are known. Plain http is for a provider on this machine."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    is_local = parts.scheme == "http" and (name in _LOOPBACK or name.endswith(".localhost"))
    if not (parts.scheme == "https" or is_local) or not parts.hostname or parts.query or parts.fragment:
        raise errors.ValidationError("Invalid Open ID Connect Provider URL")
    return url.partition("://")[2].rstrip("/")


def _checked_thumbprints(thumbprints: list[str]) -> list[str]:
    if len(thumbprints) > THUMBPRINTS:
        raise errors.InvalidInput("Thumbprint list must contain fewer than 5 entries.")
    for one in thumbprints:
        if not _HEX.fullmatch(one):
            raise errors.InvalidInput("Invalid thumbprint format: it must be 40 hexadecimal digits.")
    return list(thumbprints)
