"""Signature Version 4 (and 4A): who signed this request, and is it what they signed?

The hot path costs about 3 us: what an Authorization header says besides its signature is compiled once per
prefix (Credential=...,SignedHeaders=...), and so is the key that the secret gives for that day and service.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import NamedTuple

from haneul.auth import canonical, claims, refusals
from haneul.auth.claims import Claim, credential_scope
from haneul.auth.digests import NOT_A_DIGEST, STREAMING_SIGNED, check_digest, check_form, digest
from haneul.auth.instants import MAX_SKEW, parse_instant, request_date, skewed
from haneul.auth.keys import ECDSA, EMPTY, HMAC, ChunkSigner, Keys, Matches
from haneul.auth.principals import ANONYMOUS, Credential, Directory, Principal
from haneul.auth.refusals import Wording
from haneul.wire.errors import AwsError
from haneul.wire.message import Request

__all__ = ["Verified", "Verifier", "credential_scope"]

MAX_CLAIMS = 4096
MAX_PINNED = 4096
WELL_KNOWN = "test"

_sha256 = hashlib.sha256


class Verified(NamedTuple):
    """Who signed, for which region and service, and how the payload is vouched for.

    payload: the x-amz-content-sha256 value (a hex digest, UNSIGNED-PAYLOAD or STREAMING-*).
    chunk: seeds the chain of chunk signatures of a STREAMING-AWS4-* payload.
    deferred: for a streamed body signed by a digest that no header names: called with the digest once known,
        it raises when the signature isn't for it. `payload.payload_body` does that.
    """

    credential: Credential | None
    principal: Principal
    region: str
    service: str
    payload: str
    chunk: ChunkSigner | None
    presigned: bool
    deferred: Callable[[str], None] | None = None


NOBODY = Verified(None, ANONYMOUS, "", "", "", None, False)

RegionCheck = Callable[[Request, str, str], str | None]
"""(request, region of the scope, service) -> the region that was expected instead, or None."""


class Attempt(NamedTuple):
    """One signature to be checked, with all that it is over."""

    request: Request
    service: str | None
    claim: Claim
    instant: str
    query: str
    signature: str


class Verifier:
    """Checks signatures against the directory's secrets.

    clock_now: real wall-clock seconds, never a sped-up clock: signature dates are the client's own.
    enforce: a key whose secret nobody knows is refused (mode cloud). Otherwise such a key passes with any secret,
        but one seen signing with a well-known secret ("test", or the key itself) is held to it from then on.
    bucket_of: the bucket that a request's host names, "" for none: Version 2 signs it with the path.
    """

    def __init__(
        self,
        directory: Directory,
        clock_now: Callable[[], float],
        enforce: bool,
        region_check: RegionCheck | None = None,
        bucket_of: Callable[[Request], str] = lambda request: "",
    ) -> None:
        self._directory = directory
        self.now = clock_now
        self._enforce = enforce
        self._region_check = region_check
        self.bucket_of = bucket_of
        self._keys = Keys()
        self._claims: dict[str, Claim] = {}
        self._pinned: dict[str, str] = {}
        self._instant: tuple[str, float] = ("", 0.0)

    def verify(self, request: Request, service: str | None) -> Verified:
        """Who signed `request` for `service` (its model's name). Raises AwsError in the service's own words.

        May be called in a thread when the buffered body is large (it is hashed).
        """
        authorization = request.headers.get("authorization")
        if authorization is None:
            return self._without_header(request, service)
        cut = authorization.rfind("Signature=")
        claim = self._claims.get(authorization[:cut])
        if claim is not None:
            verified = self._verify_quickly(request, service, claim, authorization[cut + 10 :])
            if verified is not None:
                return verified
        return self._verify_thoroughly(request, service, authorization)

    def _verify_quickly(self, request: Request, service: str | None, claim: Claim, signature: str) -> Verified | None:
        """The ordinary request of a client seen before; None for whatever is out of the ordinary, or wrong."""
        headers = request.headers
        token = headers.get("x-amz-security-token", "")
        credential = self._directory.credential(claim.access_key, token)
        if credential is None or not credential.active or claim.served != service:
            return None
        secret = credential.secret
        if secret is None:
            secret = self._pinned.get(claim.access_key)
        elif token != credential.token:
            return None
        if secret is None or self._enforce > (credential.secret is not None) or self._region_check is not None:
            return None
        instant = headers.get("x-amz-date", "")
        known = self._instant
        age = self.now() - (known[1] if known[0] == instant else self._epoch(instant))
        if not -MAX_SKEW <= age <= MAX_SKEW or instant[:8] != claim.date:
            return None
        if (credential.expires is not None and credential.expires <= self.now()) or not claim.covers(headers):
            return None
        body = request.body
        computed = _sha256(body).hexdigest() if body else EMPTY
        payload = headers.get("x-amz-content-sha256")
        if payload is None:
            if request.stream is not None or service in refusals.LIKE_S3:
                return None
            payload = computed
        elif payload != computed and payload not in NOT_A_DIGEST and (request.stream is None or len(payload) != 64):
            return None
        matches = claim.matches
        if matches is None or claim.secret != secret:
            matches = claim.matches = self._matcher(claim, secret)
            claim.secret = secret
        path, query = request.path, request.query
        if claim.encodes_twice and path != "/":
            path = canonical.normal_path(path)
        if query:
            if "X-Amz-" in query:
                return None
            query = canonical.canonical_query(query)
        try:
            text = claim.format % (request.method, path, query, *claim.pick(headers), payload)
            hashed = _sha256(text.encode()).hexdigest()
        except (KeyError, UnicodeEncodeError):
            return None
        if not matches(f"{HMAC}\n{instant}\n{claim.scope}\n{hashed}", signature):
            return None
        last = claim.last
        if last is not None and last.payload == payload and last.credential is credential and last.chunk is None:
            return last
        chunk = ChunkSigner(matches, HMAC, instant, claim.scope, signature) if payload in STREAMING_SIGNED else None
        verified = Verified(credential, credential.principal, claim.region, claim.service, payload, chunk, False)
        claim.last = verified
        return verified

    def _without_header(self, request: Request, service: str | None) -> Verified:
        query = request.query
        if query:
            if "X-Amz-Algorithm=" in query or "X-Amz-Signature=" in query or "X-Amz-Credential=" in query:
                from haneul.auth.presigned import verify_presigned

                return verify_presigned(self, request, service)
            if "AWSAccessKeyId=" in query and service == "s3":
                from haneul.auth import sigv2

                return sigv2.verify_presigned(self, request)
        return NOBODY

    def _verify_thoroughly(self, request: Request, service: str | None, authorization: str) -> Verified:
        words = refusals.wording(service, request)
        headers = request.headers
        if words is refusals.S3 and "X-Amz-Algorithm=" in request.query:
            raise claims.two_mechanisms(authorization)
        claim, signature = claims.parse_authorization(words, authorization, headers)
        credential = self.credential(words, claim.access_key, headers.get("x-amz-security-token", ""))
        instant = self._checked_date(words, request, claim)
        self._check_scope(words, request, service, claim)
        check_coverage(words, request, claim)
        payload = headers.get("x-amz-content-sha256")
        if payload is None:
            if words is refusals.S3:
                raise AwsError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256", 400)
            if request.stream is not None:
                return self._verify_later(request, service, claim, credential, signature)
            payload = digest(request.body)
        elif payload not in NOT_A_DIGEST:
            check_form(payload)
            if request.stream is None:
                check_digest(payload, digest(request.body), service)
        attempt = Attempt(request, service, claim, instant, request.query, signature)
        matches = self.check(attempt, payload, credential)
        self._remember(authorization, claim, signature, service)
        chunk = None
        if payload in STREAMING_SIGNED:
            chunk = ChunkSigner(matches, claim.algorithm, instant, claim.scope, signature)
        return Verified(credential, credential.principal, claim.region, claim.service, payload, chunk, False)

    def _remember(self, authorization: str, claim: Claim, signature: str, service: str | None) -> None:
        """Keep a claim that has proven itself: only those, so that junk can't flush the memory."""
        prefix, _, last = authorization.rpartition("Signature=")
        if last == signature and claim.algorithm == HMAC:
            if len(self._claims) >= MAX_CLAIMS:
                self._claims.clear()
            claim.served = service
            self._claims[prefix] = claim

    def _verify_later(
        self, request: Request, service: str | None, claim: Claim, credential: Credential, signature: str
    ) -> Verified:
        instant = request_date(refusals.wording(service, request), request)
        attempt = Attempt(request, service, claim, instant, request.query, signature)

        def check(payload: str) -> None:
            self.check(attempt, payload, credential)

        return Verified(credential, credential.principal, claim.region, claim.service, "", None, False, check)

    # The thorough way

    def check(self, attempt: Attempt, payload: str, credential: Credential) -> Matches | None:
        """What made the signature; None when any secret is accepted. Raises AwsError (SignatureDoesNotMatch)."""
        claim = attempt.claim
        for secret in self.candidates(credential):
            matches = self._matcher(claim, secret)
            if any(matches(text, attempt.signature) for text, _ in _texts_to_sign(attempt, payload)):
                self.settle(credential, secret)
                return matches
        if self.is_open(credential):
            return None
        to_sign, text = next(_texts_to_sign(attempt, payload))
        words = refusals.wording(attempt.service, attempt.request)
        raise refusals.mismatch(words, claim.access_key, attempt.signature, (to_sign, text), self._why(credential))

    # Keys that nobody knows (mode dev)

    def candidates(self, credential: Credential) -> tuple[str, ...]:
        """The secrets that may have signed: the one known, or for an unknown key those that people use."""
        if credential.secret is not None:
            return (credential.secret,)
        pinned = self._pinned.get(credential.access_key)
        return (WELL_KNOWN, credential.access_key) if pinned is None else (pinned,)

    def settle(self, credential: Credential, secret: str) -> None:
        """An unknown key was seen with a well-known secret: it is held to it from now on."""
        if credential.secret is None and credential.access_key not in self._pinned:
            if len(self._pinned) >= MAX_PINNED:
                self._pinned.pop(next(iter(self._pinned)))
            self._pinned[credential.access_key] = secret

    def is_open(self, credential: Credential) -> bool:
        """Whether any signature of this key passes."""
        return credential.secret is None and credential.access_key not in self._pinned

    def _why(self, credential: Credential) -> str:
        if credential.secret is not None:
            return ""
        key = credential.access_key
        return f" The access key {key} has been used with a well-known secret before, so others are refused."

    def _matcher(self, claim: Claim, secret: str) -> Matches:
        if claim.algorithm == ECDSA:
            return self._keys.ecdsa(claim.access_key, secret)
        return self._keys.hmac(secret, claim.date, claim.region, claim.service)

    def check_policy(self, claim: Claim, credential: Credential, policy: str, signature: str) -> None:
        """Whether this credential signed a browser form's policy (its base64 text). Raises AwsError."""
        for secret in self.candidates(credential):
            if self._matcher(claim, secret)(policy, signature):
                self.settle(credential, secret)
                return
        if not self.is_open(credential):
            ours = (policy, "")
            raise refusals.mismatch(refusals.S3, claim.access_key, signature, ours, self._why(credential))

    # What a claim must hold to

    def credential(self, words: Wording, key: str, token: str) -> Credential:
        """The credential with this key and token, in force now. Raises AwsError."""
        return self._checked_credential(words, key, self._directory.credential(key, token), token)

    def _checked_credential(self, words: Wording, key: str, credential: Credential | None, token: str) -> Credential:
        if token and (credential is None or credential.secret is None):
            known = self._directory.credential(key)
            if known is not None and known.secret is not None:  # a long-term key with somebody's token
                raise refusals.invalid_token(words, token)
            if credential is None or self._enforce:
                raise refusals.invalid_token(words, token)
        if credential is None or not credential.active or (self._enforce and credential.secret is None):
            raise refusals.unknown_key(words, key)
        if credential.secret is not None:
            if credential.token and not token:
                raise refusals.unknown_key(words, key)
            if not hmac.compare_digest(credential.token.encode(), token.encode("utf-8", "surrogateescape")):
                raise refusals.invalid_token(words, token)
        if credential.expires is not None and credential.expires <= self.now():
            raise refusals.expired_token(words, token)
        return credential

    def _checked_date(self, words: Wording, request: Request, claim: Claim) -> str:
        instant = request_date(words, request)
        if instant[:8] != claim.date:
            raise refusals.wrong_scope(
                words,
                f'Invalid credential date "{claim.date}". This date is not the same as X-Amz-Date: "{instant[:8]}".',
                f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{claim.date}' != '{instant[:8]}', from '{instant}'.",
            )
        now = self.now()
        if abs(now - self._epoch(instant)) > MAX_SKEW:
            raise skewed(words, instant, now)
        return instant

    def _check_scope(self, words: Wording, request: Request, service: str | None, claim: Claim) -> None:
        names = refusals.signing_names(service)
        if service is not None and claim.service not in names:
            raise refusals.wrong_scope(
                words,
                f'incorrect service "{claim.service}". This endpoint belongs to "s3".',
                f"Credential should be scoped to correct service: '{names[0]}'. ",
            )
        expected = self.expected_region(request, claim)
        if expected is not None:
            raise refusals.wrong_scope(
                words,
                f"the region '{claim.region}' is wrong; expecting '{expected}'",
                f"Credential should be scoped to a valid region, not '{claim.region}'. ",
                Region=expected,
            )

    def expected_region(self, request: Request, claim: Claim) -> str | None:
        """The region that the claim should have named, None when it is right."""
        if self._region_check is None or claim.algorithm == ECDSA:
            return None
        return self._region_check(request, claim.region, claim.service)

    def _epoch(self, instant: str) -> float:
        """Seconds of an instant, far away when it is none; the last one is remembered (a second lasts long)."""
        known = self._instant
        if known[0] == instant:
            return known[1]
        epoch = parse_instant(instant)
        if epoch is None:
            return float("inf")
        self._instant = (instant, epoch)
        return epoch


def promote(request: Request, given: dict[str, str]) -> None:
    """S3 takes x-amz-* parameters of a presigned URL for headers: SDKs move headers there to have them signed."""
    headers = request.headers
    for name, value in given.items():
        lower = name.lower()
        if lower.startswith("x-amz-") and lower not in _SIGNING and lower not in headers:
            headers[lower] = value


_SIGNING = frozenset(
    f"x-amz-{name}"
    for name in ("algorithm", "credential", "date", "expires", "signature", "signedheaders", "region-set")
)


def check_coverage(words: Wording, request: Request, claim: Claim, presigned: bool = False) -> None:
    """Refuse a request with headers that AWS wants signed and that are not."""
    missing = claim.unsigned(request.headers, presigned)
    if not missing:
        return
    if words is refusals.S3:
        message = "There were headers present in the request which were not signed"
        raise AwsError("AccessDenied", message, 403, HeadersNotSigned=", ".join(missing))
    code, status = words.mismatch
    name = "Host' or ':authority" if missing[0] == "host" else missing[0]
    raise AwsError(code, f"'{name}' must be a 'SignedHeader' in the AWS Authorization.", status)


def _texts_to_sign(attempt: Attempt, payload: str) -> Iterator[tuple[str, str]]:
    """(string to sign, canonical request): AWS's own form first, then what was sent just as it was sent."""
    request, claim, query = attempt.request, attempt.claim, attempt.query
    values = [canonical.trimmed(request.headers.get(name, "")) for name in claim.names]
    path = canonical.raw_path if claim.service in canonical.ONCE_ENCODED else canonical.normal_path
    seen = set()
    for one in (path(request.path), request.path):
        for other in (canonical.canonical_query(query), canonical.sorted_query(query)):
            text = claim.format % (request.method, one, other, *values, payload)
            for data in (text.encode("utf-8", "replace"), text.encode("latin-1", "replace")):
                if data not in seen:
                    seen.add(data)
                    hashed = _sha256(data).hexdigest()
                    yield f"{claim.algorithm}\n{attempt.instant}\n{claim.scope}\n{hashed}", text
