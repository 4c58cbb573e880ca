"""Presigned URLs: Signature Version 4 in the query, with a time to live."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from haneul.auth import canonical, claims, refusals
from haneul.auth.claims import Claim
from haneul.auth.digests import NOT_A_DIGEST, UNSIGNED, check_digest, check_form, digest
from haneul.auth.instants import MAX_SKEW, extended, parse_instant, skewed
from haneul.auth.keys import ECDSA, HMAC
from haneul.auth.refusals import Wording
from haneul.auth.sigv4 import Attempt, Verified, check_coverage, promote
from haneul.wire.errors import AwsError
from haneul.wire.message import Request

if TYPE_CHECKING:
    from haneul.auth.sigv4 import Verifier

MAX_EXPIRES = 604_800
_REQUIRED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders")


def verify_presigned(verifier: Verifier, request: Request, service: str | None) -> Verified:
    """Who presigned this URL. Raises AwsError (AuthorizationQueryParametersError, AccessDenied when expired ...)."""
    words = refusals.wording(service, request)
    given = dict(canonical.parse_query(request.query))
    claim, instant = _parse(words, given)
    lifetime = _lifetime(words, given.get("X-Amz-Expires", str(MAX_SKEW)))
    credential = verifier.credential(words, claim.access_key, given.get("X-Amz-Security-Token", ""))
    _check_time(words, verifier.now(), instant, lifetime)
    _check_region(verifier, words, request, claim)
    check_coverage(words, request, claim, presigned=True)
    query = "&".join(part for part in request.query.split("&") if not part.startswith("X-Amz-Signature="))
    payload = _payload(words, request, given, service)
    attempt = Attempt(request, service, claim, instant, query, given["X-Amz-Signature"])
    verifier.check(attempt, payload, credential)
    if words is refusals.S3:
        promote(request, given)
    return Verified(credential, credential.principal, claim.region, claim.service, payload, None, True)


def _payload(words: Wording, request: Request, given: dict[str, str], service: str | None) -> str:
    """What stands for the body in the signature: S3 asks for no promise, elsewhere it is the body's digest."""
    claimed = request.headers.get("x-amz-content-sha256") or given.get("X-Amz-Content-Sha256")
    if claimed is None:
        return UNSIGNED if words is refusals.S3 else digest(request.body)
    if claimed not in NOT_A_DIGEST:
        check_form(claimed)
        if request.stream is None:
            check_digest(claimed, digest(request.body), service)
    return claimed


def _parse(words: Wording, given: dict[str, str]) -> tuple[Claim, str]:
    required = (*_REQUIRED, "X-Amz-Expires") if words is refusals.S3 else _REQUIRED
    if any(not given.get(name) for name in required):
        _malformed(
            words,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        )
    algorithm = given["X-Amz-Algorithm"]
    if algorithm not in (HMAC, ECDSA):
        _malformed(words, f'X-Amz-Algorithm only supports "{HMAC} and {ECDSA}"')
    algorithm = HMAC if algorithm == HMAC else ECDSA
    try:
        scope = claims.parse_scope(words, algorithm, given["X-Amz-Credential"], given.get("X-Amz-Region-Set", "*"))
    except AwsError as error:
        if words is not refusals.S3:
            raise
        _malformed(words, f"Error parsing the X-Amz-Credential parameter; {error.message.partition('; ')[2]}")
    claim = Claim(algorithm, scope, tuple(given["X-Amz-SignedHeaders"].lower().split(";")))
    instant = given["X-Amz-Date"]
    if parse_instant(instant) is None:
        _malformed(words, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    if instant[:8] != claim.date:
        other = f'This date is not the same as X-Amz-Date: "{instant[:8]}".'
        _malformed(words, f'Invalid credential date "{claim.date}". {other}')
    if words is refusals.S3 and claim.service not in canonical.ONCE_ENCODED:
        wrong = f'incorrect service "{claim.service}". This endpoint belongs to "s3".'
        _malformed(words, f"Error parsing the X-Amz-Credential parameter; {wrong}")
    return claim, instant


def _lifetime(words: Wording, text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        _malformed(words, "X-Amz-Expires should be a number")
    seconds = int(text)
    if seconds < 0:
        _malformed(words, "X-Amz-Expires must be non-negative")
    if seconds > MAX_EXPIRES:
        _malformed(
            words,
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            f"{MAX_EXPIRES} seconds",
        )
    return seconds


def _malformed(words: Wording, message: str) -> NoReturn:
    if words is refusals.S3:
        raise AwsError("AuthorizationQueryParametersError", message, 400)
    code, status = words.incomplete
    raise AwsError(code, message, status)


def _check_time(words: Wording, now: float, instant: str, lifetime: int) -> None:
    epoch = parse_instant(instant)
    assert epoch is not None
    if epoch - now > MAX_SKEW:
        if words is refusals.S3:
            members: dict[str, object] = {"X-Amz-Date": instant, "ServerTime": extended(now)}
            raise _denied("Request is not yet valid", members)
        raise skewed(words, instant, now)
    if now > epoch + lifetime:
        if words is refusals.S3:
            times = {"Expires": extended(epoch + lifetime), "ServerTime": extended(now)}
            raise _denied("Request has expired", {"X-Amz-Expires": str(lifetime), **times})
        raise skewed(words, instant, now, lifetime)


def _denied(message: str, members: dict[str, object]) -> AwsError:
    return AwsError("AccessDenied", message, 403, None, **members)


def _check_region(verifier: Verifier, words: Wording, request: Request, claim: Claim) -> None:
    expected = verifier.expected_region(request, claim)
    if expected is None:
        return
    wrong = f"the region '{claim.region}' is wrong; expecting '{expected}'"
    message = f"Error parsing the X-Amz-Credential parameter; {wrong}"
    if words is refusals.S3:
        raise AwsError("AuthorizationQueryParametersError", message, 400, None, Region=expected)
    raise AwsError(words.mismatch[0], message, words.mismatch[1])
