"""MFA devices, passwords, certificates and keys: what proves somebody."""

from __future__ import annotations

import base64
import datetime
import time
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from haneul.auth import totp
from tests.api.iam.conftest import allow, refused


def codes(seed: bytes) -> tuple[str, str]:
    step = int(time.time()) // 30
    return totp.code(seed, step - 1), totp.code(seed, step)


@pytest.fixture(scope="module")
def certificate() -> tuple[str, str]:
    """(certificate, private key), in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.com")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), _pem(key)


def _pem(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_rfc_6238() -> None:
    """The RFC's own vectors, cut to six digits."""
    for at, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert totp.code(b"12345678901234567890", at // 30) == code


def test_an_mfa_device_is_enabled_by_two_codes(iam: Any, account: str) -> None:
    """Created with a seed and a picture, enabled by consecutive codes only, deleted after it is deactivated."""
    iam.create_user(UserName="u")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone", Path="/x/")["VirtualMFADevice"]
    serial = device["SerialNumber"]
    assert serial == f"arn:aws:iam::{account}:mfa/x/phone"
    assert device["QRCodePNG"].startswith(b"\x89PNG")
    seed = base64.b32decode(device["Base32StringSeed"])
    assert refused(lambda: iam.create_virtual_mfa_device(VirtualMFADeviceName="phone", Path="/x/"))[:2] == (
        "EntityAlreadyExists",
        "MFADevice entity at the same path and name already exists.",
    )

    def enable(first: str, second: str) -> Any:
        return iam.enable_mfa_device(
            UserName="u", SerialNumber=serial, AuthenticationCode1=first, AuthenticationCode2=second
        )

    first, second = codes(seed)
    assert refused(lambda: enable(second, first)) == (
        "InvalidAuthenticationCode",
        "Authentication code for device is not valid.",
        403,
    )
    enable(first, second)
    assert [one["SerialNumber"] for one in iam.list_mfa_devices(UserName="u")["MFADevices"]] == [serial]
    assigned = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert assigned[0]["User"]["UserName"] == "u"
    assert iam.get_mfa_device(SerialNumber=serial)["UserName"] == "u"
    assert refused(lambda: iam.delete_virtual_mfa_device(SerialNumber=serial))[0] == "DeleteConflict"
    assert refused(lambda: iam.delete_user(UserName="u"))[1] == "Cannot delete entity, must delete MFA device first."
    iam.resync_mfa_device(
        UserName="u", SerialNumber=serial, AuthenticationCode1=codes(seed)[0], AuthenticationCode2=codes(seed)[1]
    )
    iam.deactivate_mfa_device(UserName="u", SerialNumber=serial)
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    assert refused(lambda: iam.delete_virtual_mfa_device(SerialNumber=serial))[1] == (
        f"VirtualMFADevice with serial number {serial} doesn't exist."
    )


def test_passwords_follow_the_policy(iam: Any, cloud: Any, account: str) -> None:
    """Strength, reuse and the right to change are checked; a missing policy says so."""
    missing = f"The Password Policy with domain name {account} cannot be found."
    assert refused(iam.get_account_password_policy) == ("NoSuchEntity", missing, 404)
    iam.update_account_password_policy(MinimumPasswordLength=10, RequireNumbers=True, PasswordReusePrevention=2)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert policy == {
        "MinimumPasswordLength": 10,
        "RequireSymbols": False,
        "RequireNumbers": True,
        "RequireUppercaseCharacters": False,
        "RequireLowercaseCharacters": False,
        "AllowUsersToChangePassword": False,
        "ExpirePasswords": False,
        "PasswordReusePrevention": 2,
    }
    iam.create_user(UserName="u")
    assert refused(lambda: iam.create_login_profile(UserName="u", Password="short1")) == (
        "PasswordPolicyViolation",
        "Password should have a minimum length of 10",
        400,
    )
    profile = iam.create_login_profile(UserName="u", Password="long-enough-1")["LoginProfile"]
    assert (profile["UserName"], profile["PasswordResetRequired"]) == ("u", False)
    assert refused(lambda: iam.create_login_profile(UserName="u", Password="long-enough-1"))[1] == (
        "Login Profile for user u already exists."
    )
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=allow("iam:ChangePassword"))
    key = iam.create_access_key(UserName="u")["AccessKey"]
    own = cloud.client("iam", account=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert refused(lambda: own.change_password(OldPassword="wrong", NewPassword="long-enough-2"))[0] == "AccessDenied"
    own.change_password(OldPassword="long-enough-1", NewPassword="long-enough-2")
    reused = refused(lambda: own.change_password(OldPassword="long-enough-2", NewPassword="long-enough-1"))
    assert reused[0] == "PasswordPolicyViolation"
    assert refused(lambda: iam.change_password(OldPassword="a", NewPassword="b"))[0] == "InvalidUserType"
    iam.update_login_profile(UserName="u", PasswordResetRequired=True)
    assert iam.get_login_profile(UserName="u")["LoginProfile"]["PasswordResetRequired"] is True
    iam.delete_login_profile(UserName="u")
    assert refused(lambda: iam.get_login_profile(UserName="u"))[1] == "Login Profile for User u cannot be found."
    iam.delete_account_password_policy()
    gone = "The account policy with name PasswordPolicy cannot be found."
    assert refused(iam.delete_account_password_policy)[1] == gone


def test_server_certificates(iam: Any, account: str, certificate: tuple[str, str]) -> None:
    """The key must be the certificate's; it is never told again."""
    body, key = certificate
    made = iam.upload_server_certificate(
        ServerCertificateName="c", Path="/cloudfront/", CertificateBody=body, PrivateKey=key
    )["ServerCertificateMetadata"]
    assert made["Arn"] == f"arn:aws:iam::{account}:server-certificate/cloudfront/c"
    assert made["ServerCertificateId"].startswith("ASCA")
    got = iam.get_server_certificate(ServerCertificateName="c")["ServerCertificate"]
    assert got["CertificateBody"] == body.strip()
    other = _pem(ec.generate_private_key(ec.SECP256R1()))
    assert refused(
        lambda: iam.upload_server_certificate(ServerCertificateName="d", CertificateBody=body, PrivateKey=other)
    )[0] == ("KeyPairMismatch")
    assert refused(
        lambda: iam.upload_server_certificate(ServerCertificateName="d", CertificateBody="no", PrivateKey=key)
    )[0] == ("MalformedCertificate")
    assert refused(
        lambda: iam.upload_server_certificate(
            ServerCertificateName="d", CertificateBody=body, PrivateKey=key, CertificateChain="no"
        )
    )[0] == ("MalformedCertificate")
    iam.upload_server_certificate(
        ServerCertificateName="self", CertificateBody=body, PrivateKey=key, CertificateChain=body
    )
    iam.delete_server_certificate(ServerCertificateName="self")
    iam.update_server_certificate(ServerCertificateName="c", NewServerCertificateName="e", NewPath="/")
    listed = iam.list_server_certificates()["ServerCertificateMetadataList"]
    assert [one["ServerCertificateName"] for one in listed] == ["e"]
    iam.delete_server_certificate(ServerCertificateName="e")


def test_signing_certificates_and_ssh_keys(iam: Any, certificate: tuple[str, str]) -> None:
    """Kept, told, disabled and deleted for a user; ssh keys come back in both encodings."""
    iam.create_user(UserName="u")
    made = iam.upload_signing_certificate(UserName="u", CertificateBody=certificate[0])["Certificate"]
    assert made["Status"] == "Active"
    assert refused(lambda: iam.upload_signing_certificate(UserName="u", CertificateBody="x"))[0] == (
        "MalformedCertificate"
    )
    one = made["CertificateId"]
    iam.update_signing_certificate(UserName="u", CertificateId=one, Status="Inactive")
    assert iam.list_signing_certificates(UserName="u")["Certificates"][0]["Status"] == "Inactive"
    iam.delete_signing_certificate(UserName="u", CertificateId=one)
    public = rsa.generate_private_key(65537, 2048).public_key()
    openssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    key = iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody=openssh)["SSHPublicKey"]
    assert key["SSHPublicKeyId"].startswith("APKA")
    assert len(key["Fingerprint"]) == 47
    pem = iam.get_ssh_public_key(UserName="u", SSHPublicKeyId=key["SSHPublicKeyId"], Encoding="PEM")
    assert pem["SSHPublicKey"]["SSHPublicKeyBody"].startswith("-----BEGIN PUBLIC KEY-----")
    assert refused(lambda: iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody="ssh-rsa nothing"))[0] == (
        "InvalidPublicKey"
    )
    iam.delete_ssh_public_key(UserName="u", SSHPublicKeyId=key["SSHPublicKeyId"])


def test_service_specific_credentials(iam: Any, account: str) -> None:
    """Two for a service, with AWS's user names; the password is told once."""
    iam.create_user(UserName="u")
    service = "codecommit.amazonaws.com"
    first = iam.create_service_specific_credential(UserName="u", ServiceName=service)["ServiceSpecificCredential"]
    second = iam.create_service_specific_credential(UserName="u", ServiceName=service)["ServiceSpecificCredential"]
    assert (first["ServiceUserName"], second["ServiceUserName"]) == (f"u-at-{account}", f"u+1-at-{account}")
    assert refused(lambda: iam.create_service_specific_credential(UserName="u", ServiceName=service))[0] == (
        "LimitExceeded"
    )
    one = first["ServiceSpecificCredentialId"]
    reset = iam.reset_service_specific_credential(UserName="u", ServiceSpecificCredentialId=one)
    assert reset["ServiceSpecificCredential"]["ServicePassword"] != first["ServicePassword"]
    iam.update_service_specific_credential(UserName="u", ServiceSpecificCredentialId=one, Status="Inactive")
    listed = iam.list_service_specific_credentials(UserName="u")["ServiceSpecificCredentials"]
    assert {item["Status"] for item in listed} == {"Active", "Inactive"}
    assert all("ServicePassword" not in item for item in listed)
    assert refused(
        lambda: iam.create_service_specific_credential(UserName="u", ServiceName="nothing.amazonaws.com")
    ) == (
        "NotSupportedService",
        "No such service nothing.amazonaws.com is supported for Service Specific Credentials",
        404,
    )
    iam.delete_service_specific_credential(UserName="u", ServiceSpecificCredentialId=one)


def test_oidc_providers(iam: Any, account: str) -> None:
    """Known by their URL without scheme; client ids come and go without complaint."""
    url = "https://token.actions.githubusercontent.com"
    arn = iam.create_open_id_connect_provider(Url=url, ClientIDList=["a"], ThumbprintList=["0" * 40])[
        "OpenIDConnectProviderArn"
    ]
    assert arn == f"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"
    assert refused(lambda: iam.create_open_id_connect_provider(Url=url))[:2] == (
        "EntityAlreadyExists",
        f"Provider with url {url} already exists.",
    )
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["1" * 40])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert got["Url"] == "token.actions.githubusercontent.com"
    assert (got["ClientIDList"], got["ThumbprintList"]) == (["b"], ["1" * 40])
    assert refused(lambda: iam.create_open_id_connect_provider(Url="ftp://example.com"))[0] == "ValidationError"
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert refused(lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn))[1] == (
        f"OpenIDConnect Provider not found for arn {arn}"
    )


def test_saml_providers(iam: Any, account: str, certificate: tuple[str, str]) -> None:
    """The metadata must be metadata, and no XML bomb."""
    encoded = "".join(certificate[0].splitlines()[1:-1])
    document = (
        '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com">'
        '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor '
        'use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>'
        f"{encoded}</X509Certificate></X509Data></KeyInfo></KeyDescriptor></IDPSSODescriptor></EntityDescriptor>"
    ).ljust(1000)
    arn = iam.create_saml_provider(Name="idp", SAMLMetadataDocument=document)["SAMLProviderArn"]
    assert arn == f"arn:aws:iam::{account}:saml-provider/idp"
    assert iam.get_saml_provider(SAMLProviderArn=arn)["SAMLMetadataDocument"] == document
    assert [one["Arn"] for one in iam.list_saml_providers()["SAMLProviderList"]] == [arn]
    assert refused(lambda: iam.create_saml_provider(Name="idp", SAMLMetadataDocument=document))[:2] == (
        "EntityAlreadyExists",
        "Provider with name idp already exists.",
    )
    bomb = '<!DOCTYPE x [<!ENTITY a "a">]>'.ljust(1000)
    for bad in (bomb, "<a>".ljust(1000)):
        assert refused(lambda bad=bad: iam.create_saml_provider(Name="other", SAMLMetadataDocument=bad))[0] == (
            "InvalidInput"
        )
    iam.delete_saml_provider(SAMLProviderArn=arn)
    assert refused(lambda: iam.get_saml_provider(SAMLProviderArn=arn))[0] == "NoSuchEntity"
