"""S3's browser forms: multipart/form-data read as it arrives, the fields first and the file last.

    form = await read_form(request)                 the fields, and the file as a Body still arriving
    signer = verify_form(verifier, form, bucket)    the policy's signature, time and conditions; then who signed

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from email.message import Message
from typing import TYPE_CHECKING

from haneul.auth import claims, postpolicy, refusals
from haneul.auth.claims import Claim
from haneul.auth.keys import ECDSA, HMAC
from haneul.auth.payload import Whole
from haneul.auth.principals import ANONYMOUS, Principal
from haneul.wire.errors import AwsError
from haneul.wire.message import Body, Request

if TYPE_CHECKING:
    from haneul.auth.sigv4 import Verifier

MAX_FIELDS = 20 << 10
"""Bytes of all fields and heads before the file."""
_MULTIPART = "Bucket POST must be of the enclosure-type multipart/form-data"
_TOO_MUCH = "Your POST request fields preceding the upload file were too large."
_NO_FILE = "POST requires exactly one file upload per request."
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,200}")


class PostForm:
    """A form: `fields` by lower-case name, `file` still to be read, `file_name` as the browser called it."""

    def __init__(self, fields: dict[str, str], file_name: str, source: _Source, delimiter: bytes) -> None:
        self.fields = fields
        self.file_name = file_name
        self.file = FormFile(source, delimiter)

    @property
    def key(self) -> str:
        """The object's key, with the file's name put in. Raises AwsError when the form has none."""
        key = self.fields.get("key")
        if not key:
            raise _field_missing("key")
        return key.replace("${filename}", re.split(r"[/\\]", self.file_name)[-1])


class FormFile:
    """The file of a form as a Body: it ends where the next boundary begins. `least` and `most` bound its size."""

    def __init__(self, source: _Source, delimiter: bytes) -> None:
        self.buffered: bytes | None = None
        self.length: int | None = None
        self.trailers: dict[str, str] = {}
        self.least = 0
        self.most: int | None = None
        self._source = source
        self._delimiter = delimiter
        self._size = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        source, delimiter = self._source, self._delimiter
        skip = 2  # the line break that ended the head
        while True:
            at = source.data.find(delimiter)
            keep = at if at >= 0 else len(source.data) - len(delimiter) + 1
            if keep > 0:
                piece, source.data = source.data[skip:keep], source.data[keep:]
                skip = max(0, skip - keep)
                if piece:
                    self._count(piece)
                    yield piece
            if at >= 0:
                break
            if not await source.more():
                raise _malformed()
        if self._size < self.least:
            sizes = {"ProposedSize": self._size, "MinSizeAllowed": self.least}
            message = "Your proposed upload is smaller than the minimum allowed size"
            raise AwsError("EntityTooSmall", message, 400, None, **sizes)
        await source.drain()

    def _count(self, piece: bytes) -> None:
        self._size += len(piece)
        if self.most is not None and self._size > self.most:
            sizes = {"ProposedSize": self._size, "MaxSizeAllowed": self.most}
            message = "Your proposed upload exceeds the maximum allowed size"
            raise AwsError("EntityTooLarge", message, 400, None, **sizes)

    async def read(self, limit: int) -> bytes:
        parts = []
        async for piece in self:
            parts.append(piece)
            if self._size > limit:
                raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
        return b"".join(parts)


class _Source:
    """Bytes that have arrived and not been understood yet."""

    def __init__(self, body: Body) -> None:
        self.data = b""
        self._pieces = body.__aiter__()

    async def more(self) -> bool:
        """Wait for more bytes; False at the end."""
        try:
            self.data += await self._pieces.__anext__()
        except StopAsyncIteration:
            return False
        return True

    async def drain(self) -> None:
        """What stands behind the file is ignored, as S3 does."""
        self.data = b""
        while await self.more():
            self.data = b""


async def read_form(request: Request) -> PostForm:
    """Read the fields up to the file. Raises AwsError (MalformedPOSTRequest, MaxPostPreDataLengthExceededError ...)."""
    delimiter = b"\r\n--" + _boundary(request.headers.get("content-type", ""))
    source = _Source(request.stream if request.stream is not None else Whole(request.body))
    source.data = b"\r\n"  # so that the first boundary is like the others
    await _skip_to(source, delimiter)
    fields: dict[str, str] = {}
    spent = 0
    while True:
        head = await _head(source)
        spent += len(head)
        name, file_name = _disposition(head)
        if name == "file":
            return PostForm(fields, file_name, source, delimiter)
        value = await _value(source, delimiter)
        spent += len(value)
        if spent > MAX_FIELDS:
            raise AwsError("MaxPostPreDataLengthExceededError", _TOO_MUCH, 400)
        try:
            fields[name] = value.decode()
        except UnicodeDecodeError:
            raise _malformed() from None


def verify_form(verifier: Verifier, form: PostForm, bucket: str) -> Principal:
    """Who signed the form's policy, once it holds for the form; ANONYMOUS for a form without one. Raises AwsError."""
    fields = form.fields
    policy = fields.get("policy")
    if policy is None:
        for name in ("x-amz-signature", "signature"):
            if name in fields:
                raise _field_missing("policy")
        return ANONYMOUS
    token = fields.get("x-amz-security-token", "")
    if "awsaccesskeyid" in fields or "signature" in fields:
        from haneul.auth import sigv2

        key, signature = (_field(fields, name) for name in ("AWSAccessKeyId", "signature"))
        credential = sigv2.check_policy(verifier, key, token, policy, signature)
    else:
        if not any(name in fields for name in ("x-amz-algorithm", "x-amz-credential", "x-amz-signature")):
            raise _field_missing("AWSAccessKeyId")
        claim, signature = _claim(fields)
        credential = verifier.credential(refusals.S3, claim.access_key, token)
        verifier.check_policy(claim, credential, policy, signature)
    limits = postpolicy.check(policy, fields | {"bucket": bucket}, verifier.now())
    if limits is not None:
        form.file.least, form.file.most = limits
    return credential.principal


def _claim(fields: dict[str, str]) -> tuple[Claim, str]:
    algorithm, credential, date, signature = (
        _field(fields, name) for name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature")
    )
    if algorithm not in (HMAC, ECDSA):
        message = f'X-Amz-Algorithm only supports "{HMAC} and {ECDSA}"'
        raise AwsError("InvalidArgument", message, 400, ArgumentName="X-Amz-Algorithm", ArgumentValue=algorithm)
    try:
        scope = claims.parse_scope(refusals.S3, algorithm, credential, "*")
    except AwsError as error:
        wrong = error.message.partition("; ")[2]
        raise AwsError(
            "InvalidArgument", wrong, 400, ArgumentName="X-Amz-Credential", ArgumentValue=credential
        ) from None
    if scope[1] != date[:8]:
        message = f'Invalid credential date "{scope[1]}". This date is not the same as X-Amz-Date: "{date[:8]}".'
        raise AwsError("InvalidArgument", message, 400, ArgumentName="X-Amz-Date", ArgumentValue=date)
    return Claim(algorithm, scope, ("host",)), signature


def _field(fields: dict[str, str], name: str) -> str:
    value = fields.get(name.lower())
    if not value:
        raise _field_missing(name)
    return value


def _field_missing(name: str) -> AwsError:
    message = (
        f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    )
    return AwsError("InvalidArgument", message, 400, ArgumentName=name, ArgumentValue="")


def _malformed() -> AwsError:
    message = "The body of your POST request is not well-formed multipart/form-data."
    return AwsError("MalformedPOSTRequest", message, 400)


def _boundary(content_type: str) -> bytes:
    head = Message()
    head["content-type"] = content_type.replace("\r", " ").replace("\n", " ")
    if head.get_content_type() != "multipart/form-data":
        message = "At least one of the pre-conditions you specified did not hold"
        raise AwsError("PreconditionFailed", message, 412, Condition=_MULTIPART)
    boundary = head.get_param("boundary")
    if not isinstance(boundary, str) or _BOUNDARY.fullmatch(boundary) is None:
        raise _malformed()
    return boundary.encode()


async def _skip_to(source: _Source, delimiter: bytes) -> None:
    while (at := source.data.find(delimiter)) < 0:
        if len(source.data) > MAX_FIELDS or not await source.more():
            raise _malformed()
    source.data = source.data[at + len(delimiter) :]


async def _head(source: _Source) -> bytes:
    """The head of the part behind a boundary; what is left begins with the line break that ended it, for that may
    be the next boundary's own. Raises AwsError when no part follows: then no file came."""
    while len(source.data) < 2 and await source.more():
        pass
    if source.data.startswith(b"--"):
        message = {"ArgumentName": "file", "ArgumentValue": "0"}
        raise AwsError("InvalidArgument", _NO_FILE, 400, None, **message)
    while (at := source.data.find(b"\r\n\r\n")) < 0:
        if len(source.data) > MAX_FIELDS or not await source.more():
            raise _malformed()
    head, source.data = source.data[:at], source.data[at + 2 :]
    return head


async def _value(source: _Source, delimiter: bytes) -> bytes:
    while (at := source.data.find(delimiter)) < 0:
        if len(source.data) > MAX_FIELDS:
            raise AwsError("MaxPostPreDataLengthExceededError", _TOO_MUCH, 400)
        if not await source.more():
            raise _malformed()
    value, source.data = source.data[2:at], source.data[at + len(delimiter) :]
    return value


def _disposition(head: bytes) -> tuple[str, str]:
    """The field's name in lower case, and the file's name when it is one."""
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            found = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(value)}
            if found.get("name"):
                return found["name"].lower(), found.get("filename", "")
    raise _malformed()


_PARAMETER = re.compile(r';\s*([\w*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))')
