"""The certificate that endpoints show, from the installation's one CA (<data>/ca/ca.pem, what sslrootcert names)."""

from __future__ import annotations

from pathlib import Path

NAMES = ("localhost", "*.localhost", "*.rds.localhost", "localhost.localstack.cloud", "*.localhost.localstack.cloud")
ADDRESSES = (
    "127.0.0.1",
    "::1",
    *(f"127.0.0.{number}" for number in range(2, 9)),
    *(f"127.0.1.{number}" for number in range(1, 21)),
)
"""The loopback addresses that instances, writers, readers, custom endpoints and proxies listen on."""


def pair(data: Path, domain: str) -> tuple[bytes, bytes]:
    """A new chain and key, PEM, for every name and address that an endpoint here may have."""
    from haneul.gateway.certificates import Authority

    extra = (domain, f"*.{domain}") if domain else ()
    return Authority(data / "ca").leaf((*NAMES, *extra), ADDRESSES)


def certificate(data: Path) -> bytes:
    """The CA's certificate, PEM: what whoever speaks TLS with this cloud must trust."""
    from haneul.gateway.certificates import Authority

    return Authority(data / "ca").certificate_path.read_bytes()
