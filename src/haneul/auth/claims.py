"""What a signed request claims about itself: algorithm, access key, scope and signed headers, unverified."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from haneul.auth import canonical, refusals
from haneul.auth.keys import ECDSA, HMAC, Matches
from haneul.auth.refusals import Wording
from haneul.wire.errors import AwsError
from haneul.wire.message import Request

if TYPE_CHECKING:
    from haneul.auth.sigv4 import Verified

UNSUPPORTED = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
_SHAPE = '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request"'
_MAX_SHAPES = 16
# Browsers' SDKs add this one after signing; it says nothing that matters.
_FREE = frozenset({"x-amz-user-agent"})
# A token proves itself, and a digest of the body is checked against the body whether signed or not.
_SELF_PROVING = frozenset({"x-amz-security-token", "x-amz-content-sha256"})


class Claim:
    """A credential scope and its signed headers, compiled: `format` % (method, path, query, *values, payload) is the
    canonical request, `pick(headers)` the values. `matches` remembers the key of `secret`, `last` the last answer."""

    __slots__ = (
        "_shapes",
        "access_key",
        "algorithm",
        "date",
        "encodes_twice",
        "format",
        "last",
        "matches",
        "names",
        "pick",
        "region",
        "scope",
        "secret",
        "served",
        "service",
    )

    def __init__(self, algorithm: str, scope: tuple[str, str, str, str], names: tuple[str, ...]) -> None:
        """scope: access key, date, region and service; names: the signed headers in the client's order."""
        self.algorithm = ECDSA if algorithm == ECDSA else HMAC
        self.access_key, self.date, self.region, self.service = scope
        self.names = names
        region = "" if algorithm == ECDSA else f"{self.region}/"
        self.scope = f"{self.date}/{region}{self.service}/aws4_request"
        escaped = [name.replace("%", "%%") for name in names]
        self.format = "%s\n%s\n%s\n" + "".join(f"{name}:%s\n" for name in escaped) + f"\n{';'.join(escaped)}\n%s"
        self.pick: Callable[[Any], Any] = itemgetter(*names) if len(names) > 1 else _single(names[0])
        self.secret: str | None = None
        self.matches: Matches | None = None
        self.encodes_twice = self.service not in canonical.ONCE_ENCODED
        self.served: str | None = None
        """The service that it was found to be scoped to."""
        self.last: Verified | None = None
        self._shapes: set[tuple[str, ...]] = set()

    def covers(self, headers: dict[str, str]) -> bool:
        """Whether every header that must be signed is; remembered per set of header names."""
        shape = tuple(headers)
        if shape in self._shapes:
            return True
        if self.unsigned(headers):
            return False
        if len(self._shapes) < _MAX_SHAPES:
            self._shapes.add(shape)
        return True

    def unsigned(self, headers: dict[str, str], presigned: bool = False) -> list[str]:
        """Headers of the request that AWS wants signed and that are not."""
        names = self.names
        missing = [name for name in headers if name.startswith("x-amz-") and name not in names and name not in _FREE]
        if presigned or self.service not in canonical.ONCE_ENCODED:
            missing = [name for name in missing if name not in _SELF_PROVING]
        return missing if "host" in names else ["host", *missing]


def _single(name: str) -> Callable[[Any], Any]:
    return lambda headers: (headers[name],)


def credential_scope(request: Request) -> tuple[str, str, str] | None:
    """(access key, region, service) that a request claims to be signed for, unverified: for routing alone."""
    text = request.headers.get("authorization")
    if text is not None:
        start = text.find("Credential=")
        if start < 0:
            return None
        credential = text[start + 11 :].partition(",")[0].strip()
    elif "X-Amz-Credential=" in request.query:
        credential = dict(canonical.parse_query(request.query)).get("X-Amz-Credential", "")
    elif "AWSAccessKeyId=" in request.query and "Action=" not in request.query:  # S3's Version 2
        return dict(canonical.parse_query(request.query)).get("AWSAccessKeyId", ""), "", "s3"
    else:
        return None
    parts = credential.split("/")
    if parts[-1] != "aws4_request" or len(parts) < 4:
        return None
    if len(parts) >= 5 and len(parts[-4]) == 8 and parts[-4].isdigit():
        return "/".join(parts[:-4]), parts[-3], parts[-2]
    return "/".join(parts[:-3]), "", parts[-2]  # SigV4A names no region


def parse_authorization(words: Wording, text: str, headers: dict[str, str]) -> tuple[Claim, str]:
    """The claim and the signature of an Authorization header. Raises AwsError saying what is wrong with it."""
    algorithm, _, rest = text.partition(" ")
    if algorithm not in (HMAC, ECDSA):
        raise _unsupported(words, text)
    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals and words is not refusals.S3:
            shown = (
                f"'{part.strip()}' not a valid key=value pair (missing equal-sign) in Authorization header: '{text}'."
            )
            raise AwsError(words.incomplete[0], shown, words.incomplete[1])
        fields[name] = value.strip()
    absent = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    if absent:
        message = " ".join(f"Authorization header requires '{name}' parameter." for name in absent)
        raise refusals.malformed(
            words,
            "the authorization header requires three components: Credential, SignedHeaders, and Signature.",
            f"{message} Authorization={algorithm}",
        )
    names = tuple(fields["SignedHeaders"].lower().split(";"))
    regions = headers.get("x-amz-region-set", "*") if algorithm == ECDSA else ""
    return Claim(algorithm, parse_scope(words, algorithm, fields["Credential"], regions), names), fields["Signature"]


def parse_scope(words: Wording, algorithm: str, credential: str, regions: str) -> tuple[str, str, str, str]:
    """Access key, date, region and service of a credential; `regions` is SigV4A's set, whose scope names none."""
    count = 3 if algorithm == ECDSA else 4
    parts = credential.rsplit("/", count)
    if len(parts) != count + 1:
        raise refusals.malformed(
            words,
            f"the Credential is mal-formed; expecting {_SHAPE}.",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'",
        )
    if algorithm == ECDSA:
        named = [region.strip() for region in regions.split(",") if "*" not in region]
        parts.insert(2, named[0] if named else "us-east-1")
    key, date, region, service, terminal = parts
    if not key:
        wanted = "a non-empty Access Key (AKID) must be provided in the credential."
        raise refusals.malformed(words, wanted, "Credential must name an access key.")
    if len(date) != 8 or not (date.isascii() and date.isdigit()):
        raise refusals.malformed(
            words,
            f'incorrect date format "{date}". This date in the credential must be in the format "yyyyMMdd".',
            f"Date in Credential scope must be in the format yyyyMMdd, got '{date}'",
        )
    if terminal != "aws4_request":
        raise refusals.malformed(
            words,
            f'incorrect terminal "{terminal}". This endpoint uses "aws4_request".',
            f"Credential should be scoped with a valid terminator: 'aws4_request', not '{terminal}'.",
        )
    return key, date, region, service


def two_mechanisms(authorization: str) -> AwsError:
    return AwsError(
        "InvalidArgument",
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter "
        "or the Authorization header should be specified",
        400,
        ArgumentName="Authorization",
        ArgumentValue=authorization.partition(" ")[0],
    )


def _unsupported(words: Wording, text: str) -> AwsError:
    if words is refusals.S3:
        if text.startswith("AWS4-") or (text.startswith("AWS ") and ":" in text):
            return AwsError("InvalidRequest", UNSUPPORTED, 400)
        if text.startswith("AWS"):
            message = "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature"
        else:
            message = "Unsupported Authorization Type"
        return AwsError("InvalidArgument", message, 400, ArgumentName="Authorization", ArgumentValue=text[:256])
    code, status = words.incomplete
    scheme = text.partition(" ")[0][:64]
    return AwsError(code, f"Unsupported authorization scheme '{scheme}'. Please use {HMAC}.", status)
