"""How each protocol of AWS words a refusal: code, message and status of everything a signature can fail by."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from haneul.auth.canonical import ONCE_ENCODED
from haneul.gateway import catalog
from haneul.wire.errors import AwsError
from haneul.wire.message import Request

INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105
EXPIRED_TOKEN = "The security token included in the request is expired"  # noqa: S105
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
AUTH_FAILURE = "AWS was not able to validate the provided access credentials"


class Wording(NamedTuple):
    """One protocol's codes and statuses. Each pair is (code, status)."""

    unknown_key: tuple[str, int]
    mismatch: tuple[str, int]
    expired_token: tuple[str, int]
    invalid_token: tuple[str, int]
    incomplete: tuple[str, int]
    missing: tuple[str, int]
    denied: tuple[str, int]


QUERY = Wording(
    ("InvalidClientTokenId", 403),
    ("SignatureDoesNotMatch", 403),
    ("ExpiredToken", 403),
    ("InvalidClientTokenId", 403),
    ("IncompleteSignature", 400),
    ("MissingAuthenticationToken", 403),
    ("AccessDenied", 403),
)
EC2 = Wording(
    ("AuthFailure", 401),
    ("AuthFailure", 401),
    ("RequestExpired", 400),
    ("AuthFailure", 401),
    ("IncompleteSignature", 400),
    ("MissingAuthenticationToken", 403),
    ("UnauthorizedOperation", 403),
)
JSON = Wording(
    ("UnrecognizedClientException", 400),
    ("InvalidSignatureException", 400),
    ("ExpiredTokenException", 400),
    ("UnrecognizedClientException", 400),
    ("IncompleteSignatureException", 400),
    ("MissingAuthenticationTokenException", 400),
    ("AccessDeniedException", 400),
)
REST_JSON = Wording(
    ("UnrecognizedClientException", 403),
    ("InvalidSignatureException", 403),
    ("ExpiredTokenException", 403),
    ("UnrecognizedClientException", 403),
    ("IncompleteSignatureException", 403),
    ("MissingAuthenticationTokenException", 403),
    ("AccessDeniedException", 403),
)
S3 = Wording(
    ("InvalidAccessKeyId", 403),
    ("SignatureDoesNotMatch", 403),
    ("ExpiredToken", 400),
    ("InvalidToken", 400),
    ("AuthorizationHeaderMalformed", 400),
    ("AccessDenied", 403),
    ("AccessDenied", 403),
)
_BY_PROTOCOL = {
    "query": QUERY,
    "ec2": EC2,
    "json": JSON,
    "rest-json": REST_JSON,
    "rest-xml": QUERY,
    "smithy-rpc-v2-cbor": JSON,
}
_MESSAGES_S3 = {
    "InvalidAccessKeyId": "The AWS Access Key Id you provided does not exist in our records.",
    "SignatureDoesNotMatch": (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    ),
    "ExpiredToken": "The provided token has expired.",
    "InvalidToken": "The provided token is malformed or otherwise invalid.",
}
_wordings: dict[str, Wording] = {}


def wording(service: str | None, request: Request | None = None) -> Wording:
    """The wording of a service (by its model's name); a query request to a JSON service is answered in query's."""
    if service is None:
        return QUERY
    found = _wordings.get(service)
    if found is None:
        if not _wordings:
            _wordings.update({entry.model: _BY_PROTOCOL.get(entry.protocol, QUERY) for entry in catalog.entries()})
            _wordings.update({"s3": S3, "s3control": S3})
            # They spoke query before, and answer JSON and CBOR with the codes they had (awsQueryCompatible).
            _wordings.update({"sqs": QUERY, "cloudwatch": QUERY})
        found = _wordings.get(service, QUERY)
    if found is JSON and request is not None:
        headers = request.headers
        if "x-amz-target" not in headers and "smithy-protocol" not in headers:
            return QUERY
    return found


LIKE_S3 = frozenset({"s3", "s3control"})


def is_s3(service: str | None) -> bool:
    return service in LIKE_S3


@cache
def signing_names(service: str | None) -> tuple[str, ...]:
    """The services that a credential scope for `service` (a model) may name, AWS's own first."""
    if service in LIKE_S3:
        return ("s3", *sorted(ONCE_ENCODED - {"s3"}))
    for entry in catalog.entries():
        if entry.model == service:
            return entry.signing, entry.endpoint, entry.model
    return (service or "",)


def unknown_key(words: Wording, access_key: str) -> AwsError:
    code, status = words.unknown_key
    if words is S3:
        return AwsError(code, _MESSAGES_S3[code], status, AWSAccessKeyId=access_key)
    return AwsError(code, AUTH_FAILURE if words is EC2 else INVALID_TOKEN, status)


def invalid_token(words: Wording, token: str) -> AwsError:
    code, status = words.invalid_token
    if words is S3:
        return AwsError(code, _MESSAGES_S3[code], status, None, **_token(token))
    return AwsError(code, AUTH_FAILURE if words is EC2 else INVALID_TOKEN, status)


def _token(token: str) -> dict[str, object]:
    return {"Token-0": token}


def expired_token(words: Wording, token: str) -> AwsError:
    code, status = words.expired_token
    if words is S3:
        return AwsError(code, _MESSAGES_S3[code], status, None, **_token(token))
    return AwsError(code, "Request has expired." if words is EC2 else EXPIRED_TOKEN, status)


def mismatch(words: Wording, access_key: str, signature: str, ours: tuple[str, str], why: str = "") -> AwsError:
    """The signature is another one than ours. ours: string to sign, canonical request; `why`: mode dev."""
    code, status = words.mismatch
    to_sign, canonical = ours
    if words is S3:
        return AwsError(
            code,
            _MESSAGES_S3[code] + why,
            status,
            AWSAccessKeyId=access_key,
            StringToSign=to_sign,
            SignatureProvided=signature,
            StringToSignBytes=to_sign.encode().hex(" "),
            CanonicalRequest=canonical,
            CanonicalRequestBytes=canonical.encode("utf-8", "surrogateescape").hex(" "),
        )
    return AwsError(code, (AUTH_FAILURE if words is EC2 else MISMATCH) + why, status)


def mismatch_message(words: Wording) -> str:
    return _MESSAGES_S3["SignatureDoesNotMatch"] if words is S3 else MISMATCH


def malformed(words: Wording, s3_message: str, message: str) -> AwsError:
    """The Authorization header can't be read: S3 says so in a sentence of its own."""
    code, status = words.incomplete
    if words is S3:
        return AwsError(code, f"The authorization header is malformed; {s3_message}", status)
    return AwsError(code, message, status)


def wrong_scope(words: Wording, s3_message: str, message: str, **members: str) -> AwsError:
    """The credential scope names another date, region or service than the request is for."""
    if words is S3:
        return AwsError(
            "AuthorizationHeaderMalformed", f"The authorization header is malformed; {s3_message}", 400, None, **members
        )
    code, status = words.mismatch
    return AwsError(code, message, status)


def missing_authentication(words: Wording) -> AwsError:
    code, status = words.missing
    return AwsError(code, "Access Denied" if words is S3 else "Missing Authentication Token", status)
