"""AssumeRoleWithSAML: a role for whoever brings a response that a SAML provider of the account has signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from haneul.auth import saml, tables
from haneul.auth.context import Given
from haneul.auth.decision import Voice
from haneul.auth.policy import compiled
from haneul.auth.principals import Principal
from haneul.auth.xmldsig import Unsound
from haneul.service import Call, operation
from haneul.services.sts import roles, sessions
from haneul.services.sts.errors import errors
from haneul.services.sts.sessions import Answer, Request

_ATTRIBUTE = "https://aws.amazon.com/SAML/Attributes/"
_SIGN_IN = re.compile(r"https://([a-z0-9-]+\.)*signin\.(aws\.amazon\.com|amazonaws\.cn)/saml(/acs/[\w-]+)?")
_AUDIENCE = re.compile(rf"{_SIGN_IN.pattern}|urn:amazon:webservices(:[a-z-]+)?")
_NAME = re.compile(r"[\w+=,.@-]{2,64}")


@operation(resource="{RoleArn}", anonymous=True)
def assume_role_with_saml(call: Call, request: Request) -> Answer:
    arn, provider_arn = request["RoleArn"], request["PrincipalArn"]
    account, _, _ = roles.parse(arn)
    with call.read() as tx:
        role = roles.find(tx, arn)
        row = tables.SAML_PROVIDERS.get(tx, tables.scope(account), provider_arn.rpartition("/")[2].lower())
    if row is None or provider_arn != f"arn:aws:iam::{account}:saml-provider/{row.name}":
        raise errors.InvalidIdentityToken("Issuer not present in specified provider")
    said = _assertion(row, request["SAMLAssertion"])
    _check_times(call, said)
    if f"{arn},{provider_arn}" not in _pairs(said) and f"{provider_arn},{arn}" not in _pairs(said):
        raise _refused()
    name = next(iter(_values(said, "RoleSessionName")), "")
    if not _NAME.fullmatch(name):
        raise errors.InvalidIdentityToken("RoleSessionName is required in AuthnResponse")
    _check_trust(call, arn, role, row, account, said)
    with call.read() as tx:
        limits = sessions.limits(tx, account, {**request, **_tags(said)})
    longest = min(
        roles.max_duration(role), *[int(one) for one in _values(said, "SessionDuration") if one.isdigit()], 43_200
    )
    seconds = sessions.duration(request, min(3600, longest), longest, roles.TOO_LONG)
    source = next(iter(_values(said, "SourceIdentity")), None)
    answer = roles.session_of(call, arn, role, name, limits, seconds, source, {"aws:FederatedProvider": provider_arn})
    return answer | {
        "Subject": said.subject,
        "SubjectType": said.subject_type,
        "Issuer": said.issuer,
        "Audience": said.recipient,
        "NameQualifier": _qualifier(said, account, row),
    }


def _assertion(row: tables.SamlProvider, encoded: str) -> saml.Assertion:
    try:
        response = base64.b64decode("".join(encoded.split()), validate=True)
    except binascii.Error:
        raise errors.InvalidIdentityToken("Invalid base64 SAMLResponse") from None
    try:
        known = saml.provider(saml.document(row))
        said = saml.assertion(response, known)
    except Unsound:
        raise errors.InvalidIdentityToken("Response signature invalid") from None
    if said.issuer != known.entity:
        raise errors.InvalidIdentityToken("Issuer not present in specified provider")
    if not _SIGN_IN.fullmatch(said.recipient) or not any(map(_AUDIENCE.fullmatch, said.audiences)):
        raise errors.InvalidIdentityToken("Invalid audience or recipient: the response is not meant for AWS")
    return said


def _check_times(call: Call, said: saml.Assertion) -> None:
    now = sessions.directory(call).wall.now()
    if now >= said.redeem_until:
        raise errors.ExpiredTokenException("Token must be redeemed within 5 minutes of issuance")
    if said.starts > now + 300:
        raise errors.InvalidIdentityToken("Token is not yet valid")


def _check_trust(
    call: Call, arn: str, role: tables.Role | None, row: tables.SamlProvider, account: str, said: saml.Assertion
) -> None:
    """The trust policy must name the provider; its conditions see what was said as saml:... keys."""
    if role is None and not call.cloud.config.iam_enforced:
        return
    provider = f"arn:aws:iam::{account}:saml-provider/{row.name}"
    keys: dict[str, Any] = {
        "saml:aud": said.recipient,
        "saml:iss": said.issuer,
        "saml:sub": said.subject,
        "saml:sub_type": said.subject_type,
        "saml:doc": f"{account}/{row.name}",
        "saml:namequalifier": _qualifier(said, account, row),
        "aws:FederatedProvider": provider,
    }
    keys |= {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in _tags(said)["Tags"]}
    if role is not None:
        principal = Principal(account=account, arn=provider, kind="federated")
        voice = Voice(compiled(role.trust), principal, "sts:AssumeRoleWithSAML")
        if not voice.denied(arn, Given(keys)) and voice.granted(arn, Given(keys)):
            return
    raise _refused()


def _refused() -> Exception:
    return errors.AccessDenied("Not authorized to perform sts:AssumeRoleWithSAML")


def _values(said: saml.Assertion, name: str) -> list[str]:
    return said.attributes.get(_ATTRIBUTE + name, [])


def _pairs(said: saml.Assertion) -> set[str]:
    return {"".join(value.split()) for value in _values(said, "Role")}


def _tags(said: saml.Assertion) -> dict[str, Any]:
    """Session tags that the assertion carries, as AssumeRole's request would."""
    prefix = f"{_ATTRIBUTE}PrincipalTag:"
    tags = [
        {"Key": name.removeprefix(prefix), "Value": values[0]}
        for name, values in said.attributes.items()
        if name.startswith(prefix) and values
    ]
    return {"Tags": tags, "TransitiveTagKeys": _values(said, "TransitiveTagKeys")}


def _qualifier(said: saml.Assertion, account: str, row: tables.SamlProvider) -> str:
    """A hash by which AWS lets trust policies name issuer, account and provider together."""
    return base64.b64encode(hashlib.sha1(f"{said.issuer}{account}/{row.name}".encode()).digest()).decode()
