"""Signing certificates: X.509 certificates of users, two at most."""

from __future__ import annotations

from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import certificates, entities
from haneul.services.iam.entities import Answer, Request, change, own_name
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import USER, USER_KEYS
from haneul.state.store import Reader

QUOTA = 2


@operation(resource=USER, conditions=USER_KEYS)
def upload_signing_certificate(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    body = request["CertificateBody"]
    certificates.parse(body)
    with change(call) as tx:
        user = entities.user(tx, call, own_name(call, request))
        held = list(tables.CERTIFICATES.scan(tx, scope, user.key))
        if any(one.body == body for one in held):
            raise errors.DuplicateCertificate("Certificate already exists in another account or user.")
        if len(held) >= QUOTA:
            raise errors.LimitExceeded(f"Cannot exceed quota for CertificatesPerUser: {QUOTA}")
        row = tables.Certificate(user.key, tokens.unique_id("", 32), body, entities.now(call))
        tables.CERTIFICATES.put(tx, scope, row)
    return {"Certificate": _describe(user, row)}


@operation(resource=USER, conditions=USER_KEYS)
def list_signing_certificates(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        user = entities.user(tx, call, own_name(call, request))
        rows = tables.CERTIFICATES.scan(tx, tables.scope(call.account), user.key)
        return page(request, "Certificates", rows, lambda row: row.id, lambda row: _describe(user, row))


@operation(resource=USER, conditions=USER_KEYS)
def update_signing_certificate(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = _find(tx, call, request)
        row.status = request["Status"]
        tables.CERTIFICATES.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def delete_signing_certificate(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = _find(tx, call, request)
        tables.CERTIFICATES.delete(tx, tables.scope(call.account), row.user, row.id)
    return {}


def _find(tx: Reader, call: Call, request: Request) -> tables.Certificate:
    user = entities.user(tx, call, own_name(call, request))
    one = request["CertificateId"]
    row = tables.CERTIFICATES.get(tx, tables.scope(call.account), user.key, one)
    if row is None:
        raise errors.NoSuchEntity(f"The Certificate with id {one} cannot be found.")
    return row


def _describe(user: tables.User, row: tables.Certificate) -> Answer:
    return {
        "UserName": user.name,
        "CertificateId": row.id,
        "CertificateBody": row.body,
        "Status": row.status,
        "UploadDate": row.created,
    }
