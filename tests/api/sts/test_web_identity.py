"""AssumeRoleWithWebIdentity against a provider that runs on this machine."""

from __future__ import annotations

import base64
import http.server
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from haneul.auth import jwt
from tests.api.iam.conftest import refused
from tests.running import RunningCloud


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    """An identity provider: a key, its discovery document, and tokens."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(provider.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def document(self, path: str) -> Any:
        if path.endswith("openid-configuration"):
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        numbers = self.key.public_key().public_numbers()
        n, e = (encode(value.to_bytes((value.bit_length() + 7) // 8, "big")) for value in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "kid": "one", "alg": "RS256", "n": n, "e": e}]}

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": self.url, "aud": "app", "sub": "somebody", "iat": now, "exp": now + 600, **claims}
        head = encode(json.dumps({"alg": "RS256", "kid": "one"}).encode())
        signed = f"{head}.{encode(json.dumps(said).encode())}"
        return f"{signed}.{encode(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def role(cloud: RunningCloud, provider: Provider) -> str:
    """The ARN of a role that trusts `somebody` of the provider."""
    iam = cloud.client("iam", account=f"{uuid.uuid4().int % 10**12:012d}")
    arn = iam.create_open_id_connect_provider(Url=provider.url, ClientIDList=["app"])["OpenIDConnectProviderArn"]
    name = provider.url.partition("://")[2]
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{name}:sub": "somebody", f"{name}:aud": "app"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return str(iam.create_role(RoleName="web", AssumeRolePolicyDocument=document)["Role"]["Arn"])


@pytest.fixture
def unsigned(cloud: RunningCloud) -> Any:
    """Nobody signs this call: the token is the proof."""
    return boto3.client(
        "sts", endpoint_url=cloud.url, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )


def assume(sts: Any, role: str, token: str) -> Any:
    return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="me", WebIdentityToken=token)


def test_a_good_token(unsigned: Any, provider: Provider, role: str, cloud: RunningCloud) -> None:
    """Unsigned call, signed token, and a session of the role."""
    answer = assume(unsigned, role, provider.token())
    assert answer["SubjectFromWebIdentityToken"] == "somebody"
    assert answer["Audience"] == "app"
    given = answer["Credentials"]
    sts = cloud.client(
        "sts", account=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["SessionToken"]
    )
    assert sts.get_caller_identity()["Arn"].endswith(":assumed-role/web/me")


def test_bad_tokens(unsigned: Any, provider: Provider, role: str) -> None:
    """Wrong audience, issuer, subject, time, signature or form: each its own refusal."""
    assert refused(lambda: assume(unsigned, role, provider.token(aud="other"))) == (
        "InvalidIdentityToken",
        "Incorrect token audience",
        400,
    )
    issuer = "https://nobody.example.com"
    assert refused(lambda: assume(unsigned, role, provider.token(iss=issuer)))[1] == (
        f"No OpenIDConnect provider found in your account for {issuer}"
    )
    assert refused(lambda: assume(unsigned, role, provider.token(sub="else"))) == (
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        403,
    )
    assert refused(lambda: assume(unsigned, role, provider.token(exp=1000)))[0] == "ExpiredTokenException"
    head, claims, signature = provider.token().split(".")
    forged = encode(json.dumps({"alg": "none"}).encode())
    for bad in (f"{head}.{claims}.{signature[:-8]}AAAAAAAA", f"{forged}.{claims}.{signature}", "no.jwt"):
        assert refused(lambda bad=bad: assume(unsigned, role, bad))[0] == "InvalidIdentityToken"


def test_a_provider_that_does_not_answer(cloud: RunningCloud, unsigned: Any, provider: Provider) -> None:
    """Keys that can't be had mean no session, and it says why."""
    iam = cloud.client("iam", account=f"{uuid.uuid4().int % 10**12:012d}")
    iam.create_open_id_connect_provider(Url="http://127.0.0.1:1", ClientIDList=["app"])
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Federated": "*"}, "Action": "sts:AssumeRoleWithWebIdentity"}
            ],
        }
    )
    role = iam.create_role(RoleName="web", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    token = provider.token(iss="http://127.0.0.1:1")
    assert refused(lambda: assume(unsigned, role, token))[0] == "IDPCommunicationError"


@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_an_account_as_issuer(cloud: RunningCloud, unsigned: Any, algorithm: str) -> None:
    """One account's token opens a role in another, and anybody can check it by the issuer's published keys."""
    issuing, trusting = (f"{uuid.uuid4().int % 10**12:012d}" for _ in range(2))
    sts, iam = cloud.client("sts", account=issuing), cloud.client("iam", account=issuing)
    wanted = {"Audience": ["app"], "SigningAlgorithm": algorithm}
    assert refused(lambda: sts.get_web_identity_token(**wanted))[0] == (
        "OutboundWebIdentityFederationDisabledException"
    )
    issuer = iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]
    assert iam.get_outbound_web_identity_federation_info()["IssuerIdentifier"] == issuer
    assert refused(iam.enable_outbound_web_identity_federation)[0] == "FeatureEnabled"
    token = sts.get_web_identity_token(**wanted, Tags=[{"Key": "k", "Value": "v"}])["WebIdentityToken"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["iss"], claims["aud"], claims["sub"]) == (issuer, "app", f"arn:aws:iam::{issuing}:root")
    assert claims["https://sts.amazonaws.com/"]["request_tags"] == {"k": "v"}
    host = issuer.partition("://")[2]
    found = requests.get(f"{cloud.url}/.well-known/openid-configuration", headers={"Host": host}, timeout=10).json()
    assert found["jwks_uri"] == f"{issuer}/.well-known/jwks.json"
    keys = requests.get(f"{cloud.url}/.well-known/jwks.json", headers={"Host": host}, timeout=10).json()["keys"]
    assert jwt.verify(jwt.parse(token), keys)
    there = cloud.client("iam", account=trusting)
    arn = there.create_open_id_connect_provider(Url=issuer, ClientIDList=["app"])["OpenIDConnectProviderArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{host}:sub": f"arn:aws:iam::{issuing}:root"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = there.create_role(RoleName="web", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    assert assume(unsigned, role, token)["SubjectFromWebIdentityToken"] == f"arn:aws:iam::{issuing}:root"
    iam.disable_outbound_web_identity_federation()
    assert refused(iam.get_outbound_web_identity_federation_info)[0] == "FeatureDisabled"
