"""SSH public keys of users, for CodeCommit; told back as OpenSSH or PEM."""

from __future__ import annotations

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import entities
from haneul.services.iam.entities import Answer, Request, change, own_name
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import USER, USER_KEYS
from haneul.state.store import Reader

QUOTA = 5


@operation(resource=USER, conditions=USER_KEYS)
def upload_ssh_public_key(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    body = request["SSHPublicKeyBody"].strip()
    openssh = _openssh(_parse(body))
    with change(call) as tx:
        user = entities.user(tx, call, request["UserName"])
        held = list(tables.SSH_KEYS.scan(tx, scope, user.key))
        if any(_openssh(_parse(one.body)) == openssh for one in held):
            raise errors.DuplicateSSHPublicKey("The SSH public key is already associated with the specified user.")
        if len(held) >= QUOTA:
            raise errors.LimitExceeded(f"Cannot exceed quota for SSHPublicKeysPerUser: {QUOTA}")
        row = tables.SshKey(user.key, tokens.unique_id("APKA"), body, _fingerprint(openssh), entities.now(call))
        tables.SSH_KEYS.put(tx, scope, row)
    return {"SSHPublicKey": _describe(user, row, row.body)}


@operation(resource=USER, conditions=USER_KEYS)
def get_ssh_public_key(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        user, row = _find(tx, call, request["UserName"], request["SSHPublicKeyId"])
    if request["Encoding"] not in ("SSH", "PEM"):
        raise errors.UnrecognizedPublicKeyEncoding("The public key encoding format is unsupported or unrecognized.")
    key = _parse(row.body)
    if request["Encoding"] == "SSH":
        body = row.body if row.body.startswith("ssh-") else _openssh(key)
    else:
        body = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    return {"SSHPublicKey": _describe(user, row, body)}


@operation(resource=USER, conditions=USER_KEYS)
def list_ssh_public_keys(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        user = entities.user(tx, call, own_name(call, request))
        rows = tables.SSH_KEYS.scan(tx, tables.scope(call.account), user.key)
        return page(
            request,
            "SSHPublicKeys",
            rows,
            lambda row: row.id,
            lambda row: {
                "UserName": user.name,
                "SSHPublicKeyId": row.id,
                "Status": row.status,
                "UploadDate": row.created,
            },
        )


@operation(resource=USER, conditions=USER_KEYS)
def update_ssh_public_key(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        _, row = _find(tx, call, request["UserName"], request["SSHPublicKeyId"])
        row.status = request["Status"]
        tables.SSH_KEYS.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def delete_ssh_public_key(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        _, row = _find(tx, call, request["UserName"], request["SSHPublicKeyId"])
        tables.SSH_KEYS.delete(tx, tables.scope(call.account), row.user, row.id)
    return {}


def _find(tx: Reader, call: Call, name: str, key: str) -> tuple[tables.User, tables.SshKey]:
    user = entities.user(tx, call, name)
    row = tables.SSH_KEYS.get(tx, tables.scope(call.account), user.key, key)
    if row is None:
        raise errors.NoSuchEntity(f"The Public Key with id {key} cannot be found.")
    return user, row


def _parse(body: str) -> rsa.RSAPublicKey:
    """The RSA key in `body`, OpenSSH or PEM. Raises InvalidPublicKey."""
    try:
        if body.startswith("ssh-"):
            key = serialization.load_ssh_public_key(body.encode())
        else:
            key = serialization.load_pem_public_key(body.encode())  # type: ignore[assignment]
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise errors.InvalidPublicKey("The public key is malformed or otherwise invalid.")
    return key


def _openssh(key: rsa.RSAPublicKey) -> str:
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _fingerprint(openssh: str) -> str:
    digest = hashlib.md5(base64.b64decode(openssh.split()[1])).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, 32, 2))


def _describe(user: tables.User, row: tables.SshKey, body: str) -> Answer:
    return {
        "UserName": user.name,
        "SSHPublicKeyId": row.id,
        "Fingerprint": row.fingerprint,
        "SSHPublicKeyBody": body,
        "Status": row.status,
        "UploadDate": row.created,
    }
