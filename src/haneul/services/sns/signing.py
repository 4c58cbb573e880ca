"""Signatures of messages, as AWS documents them, and the page where their certificate is."""

from __future__ import annotations

import base64
import datetime
import hashlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from haneul.auth.sealed import Sealed
from haneul.service import Call, Scope
from haneul.services.sns.state import SIGNING, Signing
from haneul.wire.message import Request, Response

if TYPE_CHECKING:
    from haneul.cloud import Cloud
    from haneul.gateway.route import Target

_HOUSE = Scope("", "")
_CONTEXT = b"sns/signing"
_KEPT = 1024
_FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


class Signer:
    """Signs with one key of the installation, made when it is first needed."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._key: Any = None
        self.certificate = ""
        self.path = ""
        self._signed: dict[tuple[str, str], str] = {}
        """Signatures just made: a message has the same one for each subscriber."""

    def sign(self, fields: Mapping[str, Any], version: str) -> str:
        """The signature of a message's fields: SHA-1 in version 1, SHA-256 in version 2."""
        key = self._load()
        text = "".join(f"{name}\n{fields[name]}\n" for name in _FIELDS[fields["Type"]] if fields.get(name) is not None)
        known = self._signed.get((version, text))
        if known is None:
            chosen = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - version 1 is SHA-1 by AWS's word
            known = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), chosen)).decode()
            if len(self._signed) >= _KEPT:
                self._signed.clear()
            self._signed[version, text] = known
        return known

    def _load(self) -> Any:
        if self._key is not None:
            return self._key
        with self._lock:
            if self._key is None:
                self._prepare()
        return self._key

    def load(self) -> Signer:
        self._load()
        return self

    def _prepare(self) -> None:
        sealed = Sealed(self._cloud.config.data)
        with self._cloud.store.read() as tx:
            row = SIGNING.get(tx, _HOUSE, "key")
        if row is None:
            made = _make_key(self._cloud.clock.now())
            row = Signing(name="key", private=sealed.seal(made[0], _CONTEXT), certificate=made[1])
            with self._cloud.store.write() as tx:
                known = SIGNING.get(tx, _HOUSE, "key")
                if known is not None:
                    row = known
                else:
                    SIGNING.put(tx, _HOUSE, row)
        digest = hashlib.md5(row.certificate.encode(), usedforsecurity=False).hexdigest()
        self.certificate = row.certificate
        self.path = f"/SimpleNotificationService-{digest}.pem"
        self._key = serialization.load_der_private_key(sealed.open(row.private, _CONTEXT), None)


def _make_key(now: float) -> tuple[bytes, str]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    start = datetime.datetime.fromtimestamp(now, datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - datetime.timedelta(days=1))
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM).decode()


def open_signer(cloud: Cloud) -> Signer:
    return Signer(cloud)


def signer(call: Call) -> Signer:
    found: Signer = call.cloud.planes["sns"]
    return found


def certificate_page(call: Call, request: Request, _target: Target) -> Response | None:
    """The certificate under the address that messages tell."""
    made = signer(call)
    if request.method != "GET" or not request.path.startswith("/SimpleNotificationService-"):
        return None
    if request.path != made.load().path:
        return Response(404, [("Content-Type", "text/plain")], b"There is no such certificate.\n")
    return Response(200, [("Content-Type", "application/x-pem-file")], made.certificate.encode())
