"""SAML providers: an identity provider's metadata document, kept and told back."""

from __future__ import annotations

import zlib

from haneul.auth import saml, tables
from haneul.auth.xmldsig import Unsound
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import entities, tagging
from haneul.services.iam.entities import Answer, Request, change, directory
from haneul.services.iam.errors import errors
from haneul.services.iam.resources import NEW_KEYS, SAML, SAML_KEYS, new
from haneul.state.store import Reader

_CENTURY = 100 * 365.25 * 86_400
_STORED = 90_000
_PRIVATE_KEYS = 2


@operation(resource=new("saml-provider", "Name"), conditions=NEW_KEYS)
def create_saml_provider(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    name, document = request["Name"], request["SAMLMetadataDocument"]
    entities.refuse_contexts(request)
    valid_until = _check(document, call.now())
    tags = tagging.parse(request.get("Tags"))
    with change(call) as tx:
        if tables.SAML_PROVIDERS.get(tx, scope, name.lower()) is not None:
            raise errors.EntityAlreadyExists(f"Provider with name {name} already exists.")
        row = tables.SamlProvider(
            key=name.lower(),
            name=name,
            metadata=_packed(document),
            created=entities.now(call),
            valid_until=valid_until,
            id=tokens.unique_id("SAMLSP", 16),
            encryption=request.get("AssertionEncryptionMode"),
            tags=tags,
        )
        _add_key(call, row, request)
        tables.SAML_PROVIDERS.put(tx, scope, row)
    return {"SAMLProviderArn": _arn(call, row), "Tags": tagging.shown(tags)}


@operation(resource=SAML, conditions=SAML_KEYS)
def get_saml_provider(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        row = find(tx, call, request["SAMLProviderArn"])
    return {
        "SAMLProviderUUID": row.id,
        "SAMLMetadataDocument": saml.document(row),
        "CreateDate": row.created,
        "ValidUntil": row.valid_until,
        "Tags": tagging.shown(row.tags),
        "AssertionEncryptionMode": row.encryption,
        "PrivateKeyList": [{"KeyId": key, "Timestamp": at} for key, at, _ in row.private_keys] or None,
    }


@operation(resource="arn:aws:iam::{account}:saml-provider/")
def list_saml_providers(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        rows = list(tables.SAML_PROVIDERS.scan(tx, tables.scope(call.account)))
    return {
        "SAMLProviderList": [
            {"Arn": _arn(call, row), "ValidUntil": row.valid_until, "CreateDate": row.created} for row in rows
        ]
    }


@operation(resource=SAML, conditions=SAML_KEYS)
def update_saml_provider(call: Call, request: Request) -> Answer:
    document = request.get("SAMLMetadataDocument")
    entities.refuse_contexts(request)
    with change(call) as tx:
        row = find(tx, call, request["SAMLProviderArn"])
        if document is not None:
            row.valid_until = _check(document, call.now())
            row.metadata = _packed(document)
        row.encryption = request.get("AssertionEncryptionMode", row.encryption)
        if "RemovePrivateKey" in request:
            row.private_keys = [key for key in row.private_keys if key[0] != request["RemovePrivateKey"]]
        _add_key(call, row, request)
        tables.SAML_PROVIDERS.put(tx, tables.scope(call.account), row)
    return {"SAMLProviderArn": _arn(call, row)}


@operation(resource=SAML, conditions=SAML_KEYS)
def delete_saml_provider(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = find(tx, call, request["SAMLProviderArn"])
        tables.SAML_PROVIDERS.delete(tx, tables.scope(call.account), row.key)
    return {}


def find(tx: Reader, call: Call, name: str) -> tables.SamlProvider:
    """The provider with this ARN."""
    row = tables.SAML_PROVIDERS.get(tx, tables.scope(call.account), name.rpartition("/")[2].lower())
    if row is None or _arn(call, row) != name:
        raise errors.NoSuchEntity(f"Manifest not found for arn {name}")
    return row


def _arn(call: Call, row: tables.SamlProvider) -> str:
    return f"arn:aws:iam::{call.account}:saml-provider/{row.name}"


def _packed(document: str) -> bytes:
    packed = zlib.compress(document.encode(), 9)
    if len(packed) > _STORED:
        raise errors.LimitExceeded("The metadata document is too large.")
    return packed


def _check(document: str, now: float) -> float:
    """Raise unless `document` describes an identity provider with a signing key; how long it holds."""
    try:
        found = saml.provider(document)
    except Unsound:
        raise errors.InvalidInput("Could not parse metadata") from None
    if not found.certificates:
        raise errors.InvalidInput("Metadata document contains no signing certificate")
    return float(int(now + _CENTURY)) if found.valid_until is None else float(int(found.valid_until))


def _add_key(call: Call, row: tables.SamlProvider, request: Request) -> None:
    """Keep a private key for encrypted assertions, sealed."""
    pem = request.get("AddPrivateKey")
    if pem is None:
        return
    if len(row.private_keys) >= _PRIVATE_KEYS:
        raise errors.LimitExceeded("Cannot exceed quota for PrivateKeysPerSAMLProvider: 2")
    sealed = directory(call).sealed.seal(pem.encode(), b"saml-key")
    row.private_keys.append((tokens.unique_id("SAMLPK", 16), entities.now(call), sealed))
