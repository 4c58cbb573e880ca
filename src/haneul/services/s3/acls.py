"""What an access control list says: canned lists, grant headers, documents; the operations are in grants.py.

Stored as [grantee, permission] pairs, a grantee being a canonical user id or a group's URI; None is private.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.auth.canonical_users import account_of, canonical_id
from haneul.service import Call
from haneul.services.s3 import blocks, ownership
from haneul.services.s3.errors import errors, invalid_argument, malformed_xml
from haneul.services.s3.state import Bucket

Grants = list[list[str]]

GROUPS = "http://acs.amazonaws.com/groups/"
EVERYBODY = GROUPS + "global/AllUsers"
AUTHENTICATED = GROUPS + "global/AuthenticatedUsers"
LOG_DELIVERY = GROUPS + "s3/LogDelivery"
PUBLIC = frozenset({EVERYBODY, AUTHENTICATED})
PERMISSIONS = ("FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP")
MAX_GRANTS = 100

_HEADERS = {
    "GrantFullControl": "FULL_CONTROL",
    "GrantRead": "READ",
    "GrantReadACP": "READ_ACP",
    "GrantWrite": "WRITE",
    "GrantWriteACP": "WRITE_ACP",
}
_PUBLIC_CANNED = {
    "public-read": [[EVERYBODY, "READ"]],
    "public-read-write": [[EVERYBODY, "READ"], [EVERYBODY, "WRITE"]],
    "authenticated-read": [[AUTHENTICATED, "READ"]],
    "aws-exec-read": [],
    "log-delivery-write": [[LOG_DELIVERY, "WRITE"], [LOG_DELIVERY, "READ_ACP"]],
}
_CANNED = frozenset({"private", "bucket-owner-read", "bucket-owner-full-control", *_PUBLIC_CANNED})
_GRANTEE = re.compile(r'\s*(id|uri|emailaddress)\s*=\s*"?([^",]*)"?\s*', re.IGNORECASE)


def grants_for(call: Call, bucket: Bucket, request: Mapping[str, Any]) -> Grants | None:
    """The stored ACL of an object written by this request (canned or x-amz-grant-*); None is private.

    Raises AccessControlListNotSupported where ownership forbids ACLs, InvalidArgument for nonsense,
    AccessDenied where a public one is blocked.
    """
    canned = request.get("ACL")
    if canned is None and not any(name in request for name in _HEADERS):
        return None
    if ownership.of(bucket) == ownership.ENFORCED:
        if canned in ("private", "bucket-owner-full-control"):
            return None
        raise not_supported()
    grants = from_headers(request, object_owner(call, bucket) or bucket.owner, bucket.owner)
    check_public(bucket, grants)
    return grants


def bucket_grants_for(call: Call, request: Mapping[str, Any]) -> Grants | None:
    """The same for a bucket being created; stored as its setting "acl"."""
    return from_headers(request, call.account, call.account)


def object_owner(call: Call, bucket: Bucket) -> str:
    """The account that owns an object written now: "" for the bucket's owner (Entry.owner)."""
    writer = call.principal.account
    if not writer or writer == bucket.owner:
        return ""
    kind = ownership.of(bucket)
    if kind == ownership.ENFORCED:
        return ""
    handed_over = call.http is not None and call.http.headers.get("x-amz-acl") == "bucket-owner-full-control"
    return "" if kind == "BucketOwnerPreferred" and handed_over else writer


def from_headers(request: Mapping[str, Any], owner: str, bucket_owner: str) -> Grants | None:
    """The grants of a canned ACL or of grant headers; None when private or none is given."""
    canned = request.get("ACL")
    named = {member: request[member] for member in _HEADERS if member in request}
    if canned is not None and named:
        raise errors.InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
    if canned is not None:
        return _canned(canned, owner, bucket_owner)
    if not named:
        return None
    grants = [[_grantee(each), _HEADERS[member]] for member, text in named.items() for each in text.split(",")]
    return _bounded(grants)


def from_document(document: Mapping[str, Any], owner: str) -> Grants | None:
    """The grants of an AccessControlPolicy. Raises MalformedACLError, MalformedXML, AccessDenied for another owner."""
    named = (document.get("Owner") or {}).get("ID")
    if not named or document.get("Grants") is None:
        raise malformed_acl()
    if named != canonical_id(owner):
        raise errors.AccessDenied("Access Denied")
    grants = []
    for each in document["Grants"]:
        grantee, permission = each.get("Grantee"), each.get("Permission")
        if not grantee or permission not in PERMISSIONS:
            raise malformed_xml() if permission else malformed_acl()
        kind = grantee.get("Type")
        if kind == "Group" or (kind is None and grantee.get("URI")):
            grants.append([_group(grantee.get("URI")), permission])
        elif kind == "AmazonCustomerByEmail" or (kind is None and grantee.get("EmailAddress")):
            raise _unknown_mail(grantee.get("EmailAddress"))
        else:
            grants.append([_user(grantee.get("ID")), permission])
    return _bounded(grants)


def to_document(grants: Grants | None, owner: str) -> dict[str, Any]:
    """Owner and Grants as GetBucketAcl and GetObjectAcl show them."""
    pairs = to_pairs(owner) if grants is None else grants
    return {
        "Owner": {"DisplayName": owner, "ID": canonical_id(owner)},
        "Grants": [{"Grantee": _shown(grantee), "Permission": permission} for grantee, permission in pairs],
    }


def to_pairs(owner: str) -> Grants:
    """A private list written out: the owner has full control."""
    return [[canonical_id(owner), "FULL_CONTROL"]]


def allows(grants: Grants | None, owner: str, account: str, permission: str, ignore_public: bool) -> bool:
    """Whether a list grants `permission` to the caller's account ("" for an anonymous one)."""
    if grants is None:
        return account == owner
    identity = canonical_id(account) if account else None
    for grantee, granted in grants:
        if granted in (permission, "FULL_CONTROL") and (
            grantee == identity
            or (not ignore_public and (grantee == EVERYBODY or (grantee == AUTHENTICATED and identity is not None)))
        ):
            return True
    return False


def is_public(grants: Grants | None) -> bool:
    """Whether a list grants something to everybody, or to every AWS account."""
    return grants is not None and any(grantee in PUBLIC for grantee, _ in grants)


def check_public(bucket: Bucket, grants: Grants | None) -> None:
    """Raise AccessDenied for a public list where BlockPublicAcls is on."""
    if blocks.is_on(bucket, "BlockPublicAcls") and is_public(grants):
        raise errors.AccessDenied("Access Denied")


def not_supported() -> Exception:
    return errors.AccessControlListNotSupported("The bucket does not allow ACLs")


def malformed_acl() -> Exception:
    return errors.MalformedACLError(
        "The XML you provided was not well-formed or did not validate against our published schema"
    )


def _canned(canned: str, owner: str, bucket_owner: str) -> Grants | None:
    if canned not in _CANNED:
        raise invalid_argument("", "x-amz-acl", canned)
    if canned == "private":
        return None
    own = [canonical_id(owner), "FULL_CONTROL"]
    if canned.startswith("bucket-owner-"):
        if owner == bucket_owner:
            return None
        return [own, [canonical_id(bucket_owner), "READ" if canned.endswith("read") else "FULL_CONTROL"]]
    return [own, *[list(pair) for pair in _PUBLIC_CANNED[canned]]]


def _grantee(text: str) -> str:
    match = _GRANTEE.fullmatch(text)
    if match is None:
        raise invalid_argument("Argument format not recognized", "x-amz-grant", text)
    kind, value = match[1].lower(), match[2]
    if kind == "id":
        return _user(value)
    if kind == "uri":
        return _group(value)
    raise _unknown_mail(value)


def _user(identity: str | None) -> str:
    if not identity or account_of(identity) is None:
        raise invalid_argument("Invalid id", "CanonicalUser/ID", identity)
    return identity


def _group(uri: str | None) -> str:
    if uri not in (EVERYBODY, AUTHENTICATED, LOG_DELIVERY):
        raise invalid_argument("Invalid group uri", "Group/URI", uri)
    return uri


def _unknown_mail(address: str | None) -> Exception:
    return errors.UnresolvableGrantByEmailAddress(
        "The e-mail address you provided does not match any account on record.", EmailAddress=address or ""
    )


def _bounded(grants: Grants) -> Grants:
    if len(grants) > MAX_GRANTS:
        raise errors.InvalidRequest(f"An ACL can have at most {MAX_GRANTS} grants")
    return grants


def _shown(grantee: str) -> dict[str, str]:
    if grantee.startswith("http"):
        return {"Type": "Group", "URI": grantee}
    return {"Type": "CanonicalUser", "ID": grantee, "DisplayName": account_of(grantee) or ""}
