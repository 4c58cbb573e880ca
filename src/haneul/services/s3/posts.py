"""Uploads by a browser's form: its fields say what PutObject's headers say, its policy who may send it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from haneul.auth.postform import PostForm, read_form, verify_form
from haneul.service import Call, Scope
from haneul.services.s3 import digests, encryption, objects, writes
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.digests import MEMBERS
from haneul.services.s3.errors import invalid_argument, malformed_xml, no_such_bucket, not_implemented
from haneul.services.s3.guard import guard
from haneul.services.s3.state import Object, find_bucket
from haneul.services.s3.versions import version_id
from haneul.wire import timestamps
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response
from haneul.wire.xml import XmlError, escape, parse

_FIELDS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
    "expires": "Expires",
    "content-md5": "ContentMD5",
    "x-amz-storage-class": "StorageClass",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-server-side-encryption-context": "SSEKMSEncryptionContext",
    "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "x-amz-server-side-encryption-customer-key": "SSECustomerKey",
    "x-amz-server-side-encryption-customer-key-md5": "SSECustomerKeyMD5",
    "x-amz-object-lock-mode": "ObjectLockMode",
    "x-amz-object-lock-legal-hold": "ObjectLockLegalHoldStatus",
    "x-amz-grant-full-control": "GrantFullControl",
    "x-amz-grant-read": "GrantRead",
    "x-amz-grant-read-acp": "GrantReadACP",
    "x-amz-grant-write-acp": "GrantWriteACP",
    **{f"x-amz-checksum-{name.lower()}": member for member, name in MEMBERS.items()},
}
"""Form field -> PutObject's member."""
_BUCKET_KEY = "x-amz-server-side-encryption-bucket-key-enabled"
_UNTIL = "x-amz-object-lock-retain-until-date"
_REFUSED = "x-amz-object-lock-event-hold"
_ENCRYPTED = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "SSECustomerKeyMD5": "x-amz-server-side-encryption-customer-key-md5",
}
"""PutObject's answer -> the header that tells it."""
_META = "x-amz-meta-"
_SENT_ALONG = ("x-amz-acl", "x-amz-trailer", "expires")
"""Headers that the form speaks for: they are not the policy's, so they don't count."""


def is_form(request: Request) -> bool:
    return request.method == "POST" and request.headers.get("content-type", "").lower().startswith("multipart/")


async def upload(call: Call, request: Request, name: str, hosted: bool) -> Response:
    """Store the file of a form sent to the bucket `name`; `hosted` when the host names it. Raises AwsError."""
    with call.read() as tx:
        if find_bucket(tx, name) is None:
            raise no_such_bucket(name)
    form = await read_form(request)
    call.principal = verify_form(call.cloud.verifier, form, name)
    if call.principal.account:
        call.scope = Scope(call.principal.account, call.scope.region)
    call.operation = "PutObject"
    members = _members(form, name)
    writes.check_key(members["Key"])
    for header in _SENT_ALONG:
        request.headers.pop(header, None)
    if "acl" in form.fields:
        request.headers["x-amz-acl"] = form.fields["acl"]
    if "expires" in form.fields:
        request.headers["expires"] = form.fields["expires"]
    spec = objects.put_object.__operation__  # type: ignore[attr-defined]
    call.cloud.gate.authorise(call, spec, members, guard, "s3")
    return _told(request, form, members, hosted, await _store(call, members, form))


def _members(form: PostForm, bucket: str) -> dict[str, Any]:
    """The form as PutObject's request."""
    fields = form.fields
    for field in fields:
        if field.startswith(_REFUSED):
            raise not_implemented(field)
    members: dict[str, Any] = {"Bucket": bucket, "Key": form.key}
    members |= {member: fields[field] for field, member in _FIELDS.items() if fields.get(field)}
    metadata = {field[len(_META) :]: value for field, value in fields.items() if field.startswith(_META)}
    if metadata:
        members["Metadata"] = metadata
    if fields.get("tagging"):
        members["Tagging"] = _tagging(fields["tagging"])
    if fields.get(_BUCKET_KEY):
        members["BucketKeyEnabled"] = fields[_BUCKET_KEY].lower() == "true"
    if fields.get(_UNTIL):
        try:
            members["ObjectLockRetainUntilDate"] = timestamps.parse(fields[_UNTIL])
        except ValueError:
            message = "The retain until date must be provided in ISO 8601 format"
            raise invalid_argument(message, _UNTIL, fields[_UNTIL]) from None
    return members


def _tagging(document: str) -> str:
    """A Tagging document as the x-amz-tagging header would say it. Raises MalformedXML."""
    try:
        root = parse(document.encode())
    except XmlError:
        raise malformed_xml() from None
    if root.name != "Tagging" or [child.name for child in root.children] != ["TagSet"]:
        raise malformed_xml()
    pairs = []
    for tag in root.children[0].children:
        said = {child.name: child.text for child in tag.children}
        if tag.name != "Tag" or set(said) != {"Key", "Value"}:
            raise malformed_xml()
        pairs.append((said["Key"], said["Value"]))
    return urlencode(pairs)


async def _store(call: Call, members: dict[str, Any], form: PostForm) -> dict[str, Any]:
    claim = digests.claimed(call, members)
    md5 = digests.content_md5(members)
    with call.read() as tx:
        bucket = bucket_of(tx, members)
    made: Object = writes.draft(call, bucket, members)
    key = encryption.write_key(call, made.cipher, members)
    received = await writes.take_in(call, form.file.__aiter__(), (claim.algorithm,), key)
    try:
        digests.check_md5(md5, received.md5)
        digests.check(claim, {}, received.checksums[claim.algorithm])
    except AwsError:
        await writes.discard(call, received.blob)
        raise
    writes.fill(made, received, claim)
    bucket = await writes.commit_file(call, members, made, received, "ObjectCreated:Post")
    told: dict[str, Any] = {"etag": f'"{made.entry.etag}"', "encryption": encryption.describe(made.cipher, members)}
    if bucket.versioning == "Enabled":
        told["version"] = version_id(made.entry)
    return told


def _told(request: Request, form: PostForm, members: dict[str, Any], hosted: bool, stored: dict[str, Any]) -> Response:
    """The answer that the form asks for: a redirect, or 200, 201 with a document, 204."""
    bucket, key, etag = members["Bucket"], members["Key"], stored["etag"]
    headers = [("ETag", etag)]
    if "version" in stored:
        headers.append(("x-amz-version-id", stored["version"]))
    headers += [
        (name, stored["encryption"][member]) for member, name in _ENCRYPTED.items() if member in stored["encryption"]
    ]
    target = form.fields.get("success_action_redirect") or form.fields.get("redirect") or ""
    if _is_url(target):
        more = urlencode({"bucket": bucket, "key": key, "etag": etag}, quote_via=quote)
        headers.append(("Location", f"{target}{'&' if urlsplit(target).query else '?'}{more}"))
        return Response(303, headers)
    place = f"{'https' if request.secure else 'http'}://{request.headers.get('host', '')}/"
    place += quote(key, safe="") if hosted else f"{bucket}/{quote(key, safe='')}"
    headers.append(("Location", place))
    status = form.fields.get("success_action_status")
    if status != "201":
        return Response(200 if status == "200" else 204, headers)
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<PostResponse><Location>{escape(place)}</Location><Bucket>{escape(bucket)}</Bucket>"
        f"<Key>{escape(key)}</Key><ETag>{escape(etag)}</ETag></PostResponse>"
    )
    headers.append(("Content-Type", "application/xml"))
    return Response(201, headers, document.encode())


def _is_url(text: str) -> bool:
    """Whether a redirect's target is one: what isn't is ignored, as S3 does."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
