"""Server certificates: TLS certificates with their keys, for balancers and distributions."""

from __future__ import annotations

from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import certificates, entities, pages, tagging
from haneul.services.iam.entities import Answer, Request, change, directory
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import NEW_KEYS, SERVER_CERTIFICATE, SERVER_CERTIFICATE_KEYS, new
from haneul.state.store import Reader

QUOTA = 20


@operation(resource=new("server-certificate", "ServerCertificateName"), conditions=NEW_KEYS)
def upload_server_certificate(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    name = request["ServerCertificateName"]
    certificate = certificates.parse(request["CertificateBody"])
    certificates.check_key(request["PrivateKey"], certificate)
    chain = request.get("CertificateChain")
    if chain is not None:
        certificates.check_chain(chain, certificate)
        if len(chain) > 60_000:
            raise errors.LimitExceeded("Cannot exceed quota for CertificateChainLength: 60000")
    tags = tagging.parse(request.get("Tags"))
    with change(call) as tx:
        if tables.SERVER_CERTIFICATES.get(tx, scope, name.lower()) is not None:
            raise errors.EntityAlreadyExists(f"The Server Certificate with name {name} already exists.")
        if sum(1 for _ in tables.SERVER_CERTIFICATES.scan(tx, scope)) >= QUOTA:
            raise errors.LimitExceeded(f"Cannot exceed quota for ServerCertificatesPerAccount: {QUOTA}")
        row = tables.ServerCertificate(
            key=name.lower(),
            name=name,
            path=request.get("Path", "/"),
            id=tokens.unique_id("ASCA"),
            uploaded=entities.now(call),
            expires=certificate.not_valid_after_utc.timestamp(),
            body=request["CertificateBody"].strip(),
            chain=None if chain is None else chain.strip(),
            private_key=directory(call).sealed.seal(request["PrivateKey"].encode(), b"server-certificate"),
            tags=tags,
        )
        tables.SERVER_CERTIFICATES.put(tx, scope, row)
    return {"ServerCertificateMetadata": _metadata(call, row), "Tags": tagging.shown(row.tags)}


@operation(resource=SERVER_CERTIFICATE, conditions=SERVER_CERTIFICATE_KEYS)
def get_server_certificate(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        row = find(tx, call, request["ServerCertificateName"])
    return {
        "ServerCertificate": {
            "ServerCertificateMetadata": _metadata(call, row),
            "CertificateBody": row.body,
            "CertificateChain": row.chain,
            "Tags": tagging.shown(row.tags),
        }
    }


@operation(resource="arn:aws:iam::{account}:server-certificate/")
def list_server_certificates(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        rows = pages.rows(tx, call, request, tables.SERVER_CERTIFICATES)
        return page(
            request, "ServerCertificateMetadataList", rows, lambda row: row.key, lambda row: _metadata(call, row)
        )


@operation(resource=SERVER_CERTIFICATE, conditions=SERVER_CERTIFICATE_KEYS)
def update_server_certificate(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    with change(call) as tx:
        row = find(tx, call, request["ServerCertificateName"])
        name = request.get("NewServerCertificateName", row.name)
        if name.lower() != row.key:
            if tables.SERVER_CERTIFICATES.get(tx, scope, name.lower()) is not None:
                raise errors.EntityAlreadyExists(f"The Server Certificate with name {name} already exists.")
            tables.SERVER_CERTIFICATES.delete(tx, scope, row.key)
        row.key, row.name = name.lower(), name
        row.path = request.get("NewPath", row.path)
        tables.SERVER_CERTIFICATES.put(tx, scope, row)
    return {}


@operation(resource=SERVER_CERTIFICATE, conditions=SERVER_CERTIFICATE_KEYS)
def delete_server_certificate(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = find(tx, call, request["ServerCertificateName"])
        tables.SERVER_CERTIFICATES.delete(tx, tables.scope(call.account), row.key)
    return {}


def find(tx: Reader, call: Call, name: str) -> tables.ServerCertificate:
    row = tables.SERVER_CERTIFICATES.get(tx, tables.scope(call.account), name.lower())
    if row is None or row.name != name:
        raise errors.NoSuchEntity(f"The Server Certificate with name {name} cannot be found.")
    return row


def _metadata(call: Call, row: tables.ServerCertificate) -> Answer:
    return {
        "Path": row.path,
        "ServerCertificateName": row.name,
        "ServerCertificateId": row.id,
        "Arn": f"arn:aws:iam::{call.account}:server-certificate{row.path}{row.name}",
        "UploadDate": row.uploaded,
        "Expiration": row.expires,
    }
