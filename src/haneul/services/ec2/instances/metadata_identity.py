"""The instance identity document, and signatures by which others can tell that this cloud wrote it."""

from __future__ import annotations

import base64
import functools
import threading
from datetime import UTC, datetime
from pathlib import Path

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from haneul.service import Call
from haneul.services.ec2.instances.metadata_tree import Tree
from haneul.services.ec2.instances.state import Instance


class Identity:
    """Signs with a key of the cloud's own, in its data folder, which is made at first use."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "ec2"
        self._lock = threading.Lock()

    def tree(self, call: Call, row: Instance, peer: str) -> Tree:
        """The folder dynamic/."""
        document = functools.cache(lambda: text(call, row, peer))
        return {
            "fws": {"instance-monitoring": "enabled" if row.options.get("Monitoring") else "disabled"},
            "instance-identity": {
                "document": document,
                "pkcs7": lambda: self._pkcs7(document()),
                "rsa2048": lambda: self._pkcs7(document()),
                "signature": lambda: self._signature(document()),
            },
        }

    def certificate(self) -> x509.Certificate:
        """What others check signatures with: `ec2/identity.pem` in the data folder."""
        return self._pair[0]

    def _signature(self, document: str) -> str:
        signed = self._pair[1].sign(document.encode(), padding.PKCS1v15(), hashes.SHA256())
        return _lines(base64.b64encode(signed).decode(), 76)

    def _pkcs7(self, document: str) -> str:
        certificate, key = self._pair
        signed = (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(document.encode())
            .add_signer(certificate, key, hashes.SHA256())
            .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities])
        )
        return _lines(base64.b64encode(signed).decode(), 64)

    @functools.cached_property
    def _pair(self) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
        with self._lock:
            place = self._folder / "identity.pem"
            if not place.exists():
                self._make(place)
            content = place.read_bytes()
            key = serialization.load_pem_private_key(content, None)
            assert isinstance(key, rsa.RSAPrivateKey)
            return x509.load_pem_x509_certificate(content), key

    def _make(self, place: Path) -> None:
        """Key and certificate in one file, readable by its owner alone, there as a whole or not at all."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Haneul EC2 instance identity")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2199, 1, 1, tzinfo=UTC))
            .sign(key, hashes.SHA256())
        )
        plain = serialization.NoEncryption()
        content = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = place.with_suffix(".fresh")
        fresh.touch(mode=0o600)
        fresh.write_bytes(content + certificate.public_bytes(serialization.Encoding.PEM))
        fresh.rename(place)


def _lines(text: str, width: int) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


def text(call: Call, row: Instance, peer: str) -> str:
    """The document, as AWS writes it."""
    return orjson.dumps(
        {
            "accountId": call.account,
            "architecture": row.options.get("Architecture", "x86_64"),
            "availabilityZone": row.zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "marketplaceProductCodes": None,
            "imageId": row.image,
            "instanceId": row.id,
            "instanceType": row.type,
            "kernelId": None,
            "pendingTime": datetime.fromtimestamp(row.launched, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "privateIp": peer,
            "ramdiskId": None,
            "region": call.region,
            "version": "2017-09-30",
        },
        option=orjson.OPT_INDENT_2,
    ).decode()
