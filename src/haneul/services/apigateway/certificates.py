"""Client certificates: what the gateway shows to HTTP endpoints, so that they know it."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS, ROOT, Item, find, items, new_id, put
from haneul.state.store import Writer

YEAR = 365 * 86400


def _make(now: float) -> str:
    """A self-signed certificate as PEM. Its key is thrown away: it is shown, and identifies, but signs nothing here."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "ApiGateway"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Seattle"),
        ]
    )
    start = datetime.datetime.fromtimestamp(now, datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(seconds=YEAR))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@operation(resource=names.resource)
async def generate_client_certificate(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    pem = await asyncio.to_thread(_make, call.now())
    held: dict[str, Any] = {
        "clientCertificateId": new_id(),
        "description": request.get("description"),
        "pemEncodedCertificate": pem,
        "createdDate": int(call.now()),
        "expirationDate": int(call.now()) + YEAR,
        "tags": dict(request.get("tags") or {}),
    }

    def keep(tx: Writer) -> None:
        put(tx, call.scope, "certificate", ROOT, held["clientCertificateId"], held, call.now())

    await call.transact(keep)
    return _describe(held)


def _describe(held: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in held.items() if value not in (None, {})}


@operation(resource=names.resource)
def get_client_certificate(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return _describe(find(tx, call.scope, "certificate", ROOT, request["clientCertificateId"]).held)


@operation(resource=names.resource)
def get_client_certificates(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows: list[Item] = sorted(items(tx, call.scope, "certificate"), key=lambda row: row.created)
    return page([_describe(row.held) for row in rows], request)


@operation(resource=names.resource)
def update_client_certificate(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = find(tx, call.scope, "certificate", ROOT, request["clientCertificateId"])
        held = dict(row.held)
        patching.apply(held, patching.checked(call, request), (Rule("/description"),))
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return _describe(row.held)


@operation(resource=names.resource)
def delete_client_certificate(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = find(tx, call.scope, "certificate", ROOT, request["clientCertificateId"])
        ITEMS.delete(tx, call.scope, "certificate", ROOT, row.id)
    return {}
