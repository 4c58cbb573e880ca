"""Signature Version 4A (ECDSA): what the AWS common runtime signs for several regions verifies, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
from awscrt import auth as crt
from awscrt.http import HttpHeaders, HttpRequest

from haneul.auth.keys import derive_asymmetric
from haneul.auth.sigv4 import Verifier, credential_scope
from haneul.wire.errors import AwsError
from haneul.wire.message import Request
from tests.unit.auth.signing import KEY, NOW, SECRET, USER, Names, bob


def sign(path: str, presign: int | None = None, secret: str = SECRET) -> Request:
    """A request signed by awscrt with an asymmetric key for all regions."""
    headers = HttpHeaders([("host", "localhost:4566"), ("x-amz-meta-a", "1")])
    if presign is not None:
        headers.remove("x-amz-meta-a")
    request = HttpRequest("GET", path, headers)
    kind = (
        crt.AwsSignatureType.HTTP_REQUEST_HEADERS if presign is None else crt.AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS
    )
    config = crt.AwsSigningConfig(
        algorithm=crt.AwsSigningAlgorithm.V4_ASYMMETRIC,
        signature_type=kind,
        credentials_provider=crt.AwsCredentialsProvider.new_static(KEY, secret),
        region="*",
        service="s3",
        date=dt.datetime.fromtimestamp(NOW, dt.UTC),
        use_double_uri_encode=False,
        should_normalize_uri_path=False,
        signed_body_value="UNSIGNED-PAYLOAD",
        signed_body_header_type=crt.AwsSignedBodyHeaderType.NONE
        if presign
        else crt.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
        expiration_in_seconds=presign,
    )
    signed = crt.aws_sign_request(request, config).result(10)
    raw, _, query = signed.path.partition("?")
    return Request("GET", raw, query, {name.lower(): value for name, value in signed.headers})


@pytest.mark.parametrize("presign", [None, 60])
def test_what_the_runtime_signs_verifies(presign: int | None) -> None:
    """Key derivation from the secret gives the same key pair on both sides."""
    request = sign("/bucket/a%20key?versionId=1", presign)
    verified = Verifier(Names(bob()), lambda: NOW, True).verify(request, "s3")
    assert (verified.principal, verified.region, verified.service) == (USER, "us-east-1", "s3")
    assert credential_scope(request) == (KEY, "", "s3")


@pytest.mark.parametrize("presign", [None, 60])
def test_anything_else_does_not(presign: int | None) -> None:
    """Another path, another secret, another signature: refused."""
    by = Verifier(Names(bob()), lambda: NOW, True)
    other = sign("/bucket/key", presign)
    other.path = "/bucket/other"
    for request in (other, sign("/bucket/key", presign, secret="other")):
        with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
            by.verify(request, "s3")


def test_derivation_is_within_the_curve() -> None:
    """Many secrets, each a valid key of its own."""
    numbers = {derive_asymmetric(KEY, str(n)).private_numbers().private_value for n in range(50)}
    assert len(numbers) == 50
