"""Signature Version 2 of S3: HMAC-SHA1 over a request presigned in its query, or over a browser form's policy.

Old, but boto3 still presigns with it unless told otherwise in most regions, and S3 still accepts it. In the
Authorization header it is refused: every client that sends one signs with Version 4.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING
from urllib.parse import unquote

from haneul.auth import refusals
from haneul.auth.digests import UNSIGNED
from haneul.auth.instants import extended
from haneul.auth.sigv4 import Verified, promote
from haneul.wire.errors import AwsError
from haneul.wire.message import Request

if TYPE_CHECKING:
    from haneul.auth.principals import Credential
    from haneul.auth.sigv4 import Verifier

_NAMES = (
    "accelerate acl analytics cors defaultObjectAcl delete encryption intelligent-tiering inventory legal-hold "
    "lifecycle location logging metrics notification object-lock ownershipControls partNumber policy policyStatus "
    "publicAccessBlock replication requestPayment response-cache-control response-content-disposition "
    "response-content-encoding response-content-language response-content-type response-expires restore retention "
    "select select-type storageClass tagging torrent uploadId uploads versionId versioning versions website"
)
_SUBRESOURCES = frozenset(_NAMES.split())


def verify_presigned(verifier: Verifier, request: Request) -> Verified:
    """Who presigned this URL by Version 2. Raises AwsError (AccessDenied when expired, SignatureDoesNotMatch)."""
    given = _decoded(request.query)
    key, signature, expires = (given.get(name, "") for name in ("AWSAccessKeyId", "Signature", "Expires"))
    if not (key and signature and expires):
        message = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        raise AwsError("AccessDenied", message, 403)
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        raise AwsError("AccessDenied", f"Invalid date (should be seconds since epoch): {expires}", 403)
    amz = {name.lower(): value for name, value in given.items() if name.lower().startswith("x-amz-")}
    amz.update({name: value for name, value in request.headers.items() if name.startswith("x-amz-")})
    credential = verifier.credential(refusals.S3, key, amz.get("x-amz-security-token", ""))
    now = verifier.now()
    if now > int(expires):
        raise AwsError(
            "AccessDenied", "Request has expired", 403, None, Expires=extended(int(expires)), ServerTime=extended(now)
        )
    _check(verifier, credential, _strings_to_sign(verifier, request, given, expires, amz), signature)
    promote(request, amz)
    return Verified(credential, credential.principal, "", "s3", UNSIGNED, None, True)


def check_policy(verifier: Verifier, key: str, token: str, policy: str, signature: str) -> Credential:
    """Who signed a browser form's policy (its base64 text) by Version 2. Raises AwsError."""
    credential = verifier.credential(refusals.S3, key, token)
    _check(verifier, credential, [policy], signature)
    return credential


def _decoded(query: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {unquote(name): unquote(value.replace("+", " ")) for name, _, value in pairs}


def _strings_to_sign(
    verifier: Verifier, request: Request, given: dict[str, str], expires: str, amz: dict[str, str]
) -> list[str]:
    headers = request.headers
    standard = [headers.get(name) or given.get(name, "") for name in ("content-md5", "content-type")]
    custom = "".join(f"{name}:{amz[name].strip()}\n" for name in sorted(amz))
    bucket = verifier.bucket_of(request)
    resource = (f"/{bucket}" if bucket else "") + request.path
    parts = []
    for part in request.query.split("&"):
        name, equals, value = part.partition("=")
        if name in _SUBRESOURCES:
            parts.append((name, f"{name}={unquote(value.replace('+', ' '))}" if equals else name))
    query = "?" + "&".join(text for _, text in sorted(parts)) if parts else ""
    # SDKs differ in whether a bucket's own path ends in a slash.
    paths = [resource, resource + "/"] if resource.count("/") == 1 else [resource]
    return ["\n".join([request.method, *standard, expires, custom + path + query]) for path in paths]


def _check(verifier: Verifier, credential: Credential, texts: list[str], signature: str) -> None:
    sent = signature.encode("utf-8", "replace")
    for secret in verifier.candidates(credential):
        for text in texts:
            ours = base64.b64encode(hmac.digest(secret.encode(), text.encode("utf-8", "replace"), "sha1"))
            if hmac.compare_digest(ours, sent):
                verifier.settle(credential, secret)
                return
    if not verifier.is_open(credential):
        raise refusals.mismatch(refusals.S3, credential.access_key, signature, (texts[0], ""))
