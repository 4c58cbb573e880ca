"""What a client says about a body's digests (Content-MD5, x-amz-checksum-*, trailers), and whether it is true."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from haneul.service import Call
from haneul.services.s3.errors import errors
from haneul.services.s3.plane import checksums

MEMBERS = {f"Checksum{name}": name for name in checksums.ALGORITHMS}
_MEMBERS = frozenset(MEMBERS)
_HEADERS = {f"x-amz-checksum-{name.lower()}": name for name in checksums.ALGORITHMS}
DEFAULT = "CRC64NVME"


class Claim(NamedTuple):
    """The checksum a client wants kept and, unless a trailer brings it, its value. `chosen`: the client named it."""

    algorithm: str
    value: str | None
    chosen: bool
    trailer: str = ""


_NO_CLAIM = Claim(DEFAULT, None, False)


def claimed(call: Call, request: Mapping[str, Any]) -> Claim:
    """The claim of an upload's headers. Raises InvalidRequest for one that contradicts itself."""
    found: list[tuple[str, str]] = []
    if not _MEMBERS.isdisjoint(request):
        found = [(name, request[member]) for member, name in MEMBERS.items() if member in request]
    http = call.http
    trailer = "" if http is None else http.headers.get("x-amz-trailer", "").strip().lower()
    named: str | None = request.get("ChecksumAlgorithm")
    if not found and not trailer:
        if named is None:
            return _NO_CLAIM
        if http is None:
            return Claim(named, None, True)
        raise errors.InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found."
        )
    if len(found) > 1 or (found and trailer):
        raise errors.InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    if trailer:
        algorithm = _HEADERS.get(trailer)
        if algorithm is None:
            raise errors.InvalidRequest("The value specified in the x-amz-trailer header is not supported")
        claim = Claim(algorithm, None, True, trailer)
    else:
        algorithm, value = found[0]
        if checksums.decode(algorithm, value) is None:
            raise errors.InvalidRequest(f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")
        claim = Claim(algorithm, value, True)
    if named is not None and named.upper() != claim.algorithm:
        raise errors.InvalidRequest(
            "Value for x-amz-sdk-checksum-algorithm header is invalid."
            if named.upper() not in checksums.ALGORITHMS
            else "Checksum algorithm provided does not match the checksum header."
        )
    return claim


def algorithm(request: Mapping[str, Any]) -> str | None:
    """The checksum algorithm that x-amz-checksum-algorithm asks for. Raises InvalidRequest."""
    named: str | None = request.get("ChecksumAlgorithm")
    if named is None or named.upper() in checksums.ALGORITHMS:
        return named and named.upper()
    raise errors.InvalidRequest(
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
        "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
    )


def check(claim: Claim, trailers: Mapping[str, str], calculated: str) -> None:
    """Raise BadDigest when the body's checksum isn't the one claimed by header or trailer."""
    value = claim.value
    if claim.trailer:
        value = trailers.get(claim.trailer)
        if value is None:
            raise errors.InvalidRequest("The trailer named in x-amz-trailer was not found at the end of the body.")
        if checksums.decode(claim.algorithm, value) is None:
            raise errors.InvalidRequest(f"Value for {claim.trailer} trailing header is invalid.")
    if value is not None and value != calculated:
        raise errors.BadDigest(f"The {claim.algorithm} you specified did not match the calculated checksum.")


def content_md5(request: Mapping[str, Any]) -> bytes | None:
    """The digest of Content-MD5. Raises InvalidDigest."""
    given = request.get("ContentMD5")
    if given is None:
        return None
    try:
        digest = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 16:
        raise errors.InvalidDigest("The Content-MD5 you specified was invalid.", **{"Content-MD5": given})
    return digest


def check_md5(given: bytes | None, calculated: bytes) -> None:
    if given is not None and given != calculated:
        raise errors.BadDigest(
            "The Content-MD5 you specified did not match what we received.",
            ExpectedDigest=given.hex(),
            CalculatedDigest=base64.b64encode(calculated).decode(),
        )


def told(algorithm: str, value: str, composite: bool) -> dict[str, str]:
    """The members of an answer that tell an object's checksum."""
    if not value:
        return {}
    return {f"Checksum{algorithm}": value, "ChecksumType": "COMPOSITE" if composite else "FULL_OBJECT"}
