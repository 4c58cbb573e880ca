"""AssumeRoleWithSAML with a provider made up for the test: its metadata in IAM, its responses signed here."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import time
import uuid
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from haneul.auth.xmldsig import DSIG, EXCLUSIVE, canonical, parse
from tests.api.iam.conftest import refused
from tests.running import RunningCloud

ENTITY = "https://idp.example.com/metadata"
ATTRIBUTE = "https://aws.amazon.com/SAML/Attributes/"


class Provider:
    """A signing key and what it signs."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        self.certificate = base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()

    @property
    def metadata(self) -> str:
        return (
            f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ENTITY}"><IDPSSODescriptor '
            'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo '
            f'xmlns="{DSIG}"><X509Data><X509Certificate>{self.certificate}</X509Certificate></X509Data></KeyInfo>'
            "</KeyDescriptor></IDPSSODescriptor></EntityDescriptor>"
        ).ljust(1000)

    def response(self, roles: list[str], lives: float = 300, **attributes: str) -> str:
        """A signed response, as AssumeRoleWithSAML takes it."""
        ends = datetime.datetime.fromtimestamp(time.time() + lives, datetime.UTC).isoformat()
        said = "".join(
            f'<Attribute Name="{ATTRIBUTE}{name}">'
            + "".join(f"<AttributeValue>{value}</AttributeValue>" for value in values)
            + "</Attribute>"
            for name, values in {"Role": roles, **{key: [value] for key, value in attributes.items()}}.items()
        )
        assertion = (
            '<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a">'
            f"<Issuer>{ENTITY}</Issuer>SIGNATURE<Subject><NameID>jane</NameID>"
            '<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><SubjectConfirmationData '
            f'NotOnOrAfter="{ends}" Recipient="https://signin.aws.amazon.com/saml"></SubjectConfirmationData>'
            "</SubjectConfirmation></Subject><Conditions><AudienceRestriction><Audience>urn:amazon:webservices"
            f"</Audience></AudienceRestriction></Conditions><AttributeStatement>{said}</AttributeStatement></Assertion>"
        )
        whole = (
            '<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol"><p:Status><p:StatusCode '
            f'Value="urn:oasis:names:tc:SAML:2.0:status:Success"></p:StatusCode></p:Status>{self._sign(assertion)}'
            "</p:Response>"
        )
        return base64.b64encode(whole.encode()).decode()

    def _sign(self, assertion: str) -> str:
        digest = hashlib.sha256(canonical(parse(assertion.replace("SIGNATURE", "").encode()))).digest()
        info = (
            f'<SignedInfo xmlns="{DSIG}"><CanonicalizationMethod Algorithm="{EXCLUSIVE}"></CanonicalizationMethod>'
            '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></SignatureMethod>'
            f'<Reference URI="#_a"><Transforms><Transform Algorithm="{DSIG}enveloped-signature"></Transform>'
            f'<Transform Algorithm="{EXCLUSIVE}"></Transform></Transforms><DigestMethod '
            'Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod><DigestValue>'
            f"{base64.b64encode(digest).decode()}</DigestValue></Reference></SignedInfo>"
        )
        value = self.key.sign(canonical(parse(info.encode())), padding.PKCS1v15(), hashes.SHA256())
        signature = (
            f'<Signature xmlns="{DSIG}">{info}<SignatureValue>{base64.b64encode(value).decode()}</SignatureValue>'
            "</Signature>"
        )
        return assertion.replace("SIGNATURE", signature)


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture
def arns(cloud: RunningCloud, provider: Provider) -> tuple[str, str]:
    """(role, provider): a role that trusts the provider's users under AWS's sign-in audience."""
    iam = cloud.client("iam", account=f"{uuid.uuid4().int % 10**12:012d}")
    known = iam.create_saml_provider(Name="idp", SAMLMetadataDocument=provider.metadata)["SAMLProviderArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": known},
        "Action": "sts:AssumeRoleWithSAML",
        "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml", "SAML:sub": "jane"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return iam.create_role(RoleName="sso", AssumeRolePolicyDocument=document)["Role"]["Arn"], known


@pytest.fixture
def assume(cloud: RunningCloud, arns: tuple[str, str]) -> Any:
    """Nobody signs the call itself."""
    sts = boto3.client(
        "sts", endpoint_url=cloud.url, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )
    return lambda assertion: sts.assume_role_with_saml(RoleArn=arns[0], PrincipalArn=arns[1], SAMLAssertion=assertion)


def test_a_good_response(cloud: RunningCloud, provider: Provider, arns: tuple[str, str], assume: Any) -> None:
    """A session of the role under the name that the provider gave."""
    answer = assume(provider.response([f"{arns[0]},{arns[1]}"], RoleSessionName="jane", SessionDuration="1800"))
    assert (answer["Subject"], answer["Issuer"]) == ("jane", ENTITY)
    assert answer["Audience"] == "https://signin.aws.amazon.com/saml"
    assert answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/sso/jane")
    left = answer["Credentials"]["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert 1790 < left.total_seconds() <= 1800
    given = answer["Credentials"]
    sts = cloud.client(
        "sts", account=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["SessionToken"]
    )
    assert sts.get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]


def test_bad_responses(provider: Provider, arns: tuple[str, str], assume: Any) -> None:
    """Late, for another role, nameless, by another key, or not a response at all."""
    pair = [f"{arns[0]},{arns[1]}"]
    late = provider.response(pair, lives=-1, RoleSessionName="jane")
    assert refused(lambda: assume(late))[0] == "ExpiredTokenException"
    other = provider.response(["arn:aws:iam::123456789012:role/x,y"], RoleSessionName="jane")
    assert refused(lambda: assume(other)) == (
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithSAML",
        403,
    )
    assert refused(lambda: assume(provider.response(pair)))[:2] == (
        "InvalidIdentityToken",
        "RoleSessionName is required in AuthnResponse",
    )
    stranger = Provider().response(pair, RoleSessionName="jane")
    assert refused(lambda: assume(stranger))[:2] == ("InvalidIdentityToken", "Response signature invalid")
    assert refused(lambda: assume("not base 64!"))[1] == "Invalid base64 SAMLResponse"
