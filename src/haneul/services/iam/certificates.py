"""Reading X.509 certificates and keys in PEM, refused in IAM's words."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from haneul.services.iam.errors import errors

_PUBLIC = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def parse(pem: str) -> x509.Certificate:
    """The one certificate in `pem`. Raises MalformedCertificate."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        found = []
    if len(found) != 1:
        raise errors.MalformedCertificate(
            "Unable to parse certificate. Please ensure the certificate is in PEM format."
        )
    return found[0]


def check_chain(pem: str, certificate: x509.Certificate) -> None:
    """Raise unless each certificate of the chain signed the one before it, beginning with `certificate`."""
    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        chain = []
    if not chain:
        raise errors.MalformedCertificate(
            "Unable to parse certificate. Please ensure the certificate is in PEM format."
        )
    for index, issuer in enumerate(chain, -1):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
            raise errors.MalformedCertificate(
                "Unable to validate certificate chain. The certificate chain must start with the immediate signing "
                "certificate, followed by any intermediaries in order. The index within the chain of the invalid "
                f"certificate is: {index}"
            ) from None
        certificate = issuer


def check_key(pem: str, certificate: x509.Certificate) -> None:
    """Raise unless `pem` is the unencrypted private key of `certificate`."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise errors.MalformedCertificate(
            "Unable to parse private key. It must be an unencrypted key in PEM format."
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise errors.MalformedCertificate("The private key must be an RSA or elliptic-curve key.")
    if key.public_key().public_bytes(*_PUBLIC) != certificate.public_key().public_bytes(*_PUBLIC):
        raise errors.KeyPairMismatch("Private key does not match the certificate's public key.")
