"""A certificate authority of this installation's own, and leaves for whatever name a client asks for (SNI).

The CA's certificate (`ca.pem`) is what users trust: AWS_CA_BUNDLE, sslrootcert, curl --cacert.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_DAYS = 3650
_LEAF_DAYS = 397
_NAMES = ("localhost", "*.localhost", "*.s3.localhost", "localhost.localstack.cloud", "*.localhost.localstack.cloud",
          "*.s3.localhost.localstack.cloud")  # fmt: skip
_ADDRESSES = ("127.0.0.1", "::1")
_MAX_CONTEXTS = 256


class Authority:
    """The CA in `folder`, made at first use; key files are readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate_path = folder / "ca.pem"
        self._contexts: dict[str, ssl.SSLContext] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key_path = folder / "ca.key"
        if not key_path.exists() or not self.certificate_path.exists():
            self._create(key_path)
        self._key = _load_key(key_path)
        self._certificate = x509.load_pem_x509_certificate(self.certificate_path.read_bytes())

    def leaf(self, names: tuple[str, ...], addresses: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
        """A new certificate for these DNS names and addresses: (PEM chain, PEM key)."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=_LEAF_DAYS))
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        chain = certificate.public_bytes(serialization.Encoding.PEM) + self.certificate_path.read_bytes()
        return chain, _pem(key)

    def context(self, domain: str = "") -> ssl.SSLContext:
        """A server context that shows a certificate for the name the client asks for."""
        names = (*_NAMES, domain, f"*.{domain}") if domain else _NAMES
        context = self._context(names, _ADDRESSES)

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name and not _covered(name, names):
                connection.context = self._for(name)

        context.sni_callback = choose
        return context

    def _for(self, name: str) -> ssl.SSLContext:
        found = self._contexts.get(name)
        if found is None:
            if len(self._contexts) >= _MAX_CONTEXTS:
                self._contexts.clear()
            found = self._contexts[name] = self._context((name,), ())
        return found

    def _context(self, names: tuple[str, ...], addresses: tuple[str, ...]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        chain, key = self.leaf(names, addresses)
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:  # the ssl module reads keys from files only
            file.write(chain + key)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def _create(self, key_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Haneul local CA")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=_CA_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                    key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        _write_private(key_path, _pem(key))
        self.certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _covered(name: str, names: tuple[str, ...]) -> bool:
    parent = "*." + name.partition(".")[2]
    return name in names or parent in names


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
