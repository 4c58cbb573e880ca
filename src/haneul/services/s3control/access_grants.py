"""Access grants: who may read or write which part of a location."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.s3control import grants, pages
from haneul.services.s3control.account_blocks import own_account
from haneul.services.s3control.errors import errors
from haneul.services.s3control.grants import GRANTS, ROOT, Grant, Location
from haneul.services.s3control.tag_lists import and_tagging, given_tags

MAX_GRANTS = 100_000
RESOURCE = "arn:aws:s3:{region}:{account}:access-grants/default/grant/{AccessGrantId}"
_ON = "arn:aws:s3:{region}:{account}:access-grants/default/location/{AccessGrantsLocationId}"
_ANY = "arn:aws:s3:{region}:{account}:access-grants/default"
_GRANTEE = re.compile(r"arn:aws:iam::\d{12}:(user/.+|role/.+|root)")


@operation(resource=_ON, action=and_tagging("s3:CreateAccessGrant"))
def create_access_grant(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateAccessGrant. Raises InvalidAccessGrant, AccessGrantAlreadyExists; directory users are nobody here."""
    own_account(call, request)
    grantee = request["Grantee"]
    if grantee.get("GranteeType") != "IAM" or not _GRANTEE.fullmatch(grantee.get("GranteeIdentifier") or ""):
        raise errors.InvalidAccessGrant("The specified Access Grant is invalid")
    if request.get("ApplicationArn"):
        raise errors.InvalidAccessGrant("The specified Access Grant is invalid")
    prefix = (request.get("AccessGrantsLocationConfiguration") or {}).get("S3SubPrefix")
    tags = given_tags(request)
    with call.write() as tx:
        location = grants.location_of(tx, call.scope, request["AccessGrantsLocationId"])
        made = Grant(
            id=tokens.uuid(),
            location=location.id,
            prefix=prefix,
            grantee_type="IAM",
            grantee=grantee["GranteeIdentifier"],
            permission=request["Permission"],
            scope=_scope(location, prefix, request.get("S3PrefixType") == "Object"),
            created=call.now(),
            tags=tags,
        )
        _check_new(list(GRANTS.scan(tx, call.scope)), made)
        GRANTS.put(tx, call.scope, made)
    return _told(call.scope, made)


@operation(resource=RESOURCE)
def get_access_grant(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAccessGrant. Raises NoSuchAccessGrantError."""
    own_account(call, request)
    with call.read() as tx:
        return _told(call.scope, grants.grant_of(tx, call.scope, request["AccessGrantId"]))


@operation(resource=_ANY)
def list_access_grants(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListAccessGrants, by grantee, permission, scope."""
    own_account(call, request)
    with call.read() as tx:
        grants.instance_of(tx, call.scope)
        found = GRANTS.scan(tx, call.scope, after_key=pages.after(request))
        page, token = pages.take(
            request, ((one.id, _told(call.scope, one)) for one in found if _is_wanted(request, one))
        )
    return {"AccessGrantsList": page, "NextToken": token}


@operation(resource=RESOURCE)
def delete_access_grant(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteAccessGrant; credentials given out by it live on. Raises NoSuchAccessGrantError."""
    own_account(call, request)
    with call.write() as tx:
        GRANTS.delete(tx, call.scope, grants.grant_of(tx, call.scope, request["AccessGrantId"]).id)


def _scope(location: Location, prefix: str | None, one_object: bool) -> str:
    """The path granted: the location's, and in it the part asked for. Raises InvalidAccessGrant."""
    base = grants.whole(location.scope)[:-1]
    path = base + (prefix or "")
    if one_object:
        if not prefix or prefix.endswith(("*", "/")) or "/" not in path.removeprefix(ROOT):
            raise errors.InvalidAccessGrant("The specified Access Grant is invalid")
        return path
    scope = grants.whole(path)
    if scope == f"{ROOT}*" or scope.startswith(f"{ROOT}/"):
        raise errors.InvalidAccessGrant("The specified Access Grant is invalid")
    return scope


def _check_new(known: list[Grant], made: Grant) -> None:
    if len(known) >= MAX_GRANTS:
        raise errors.AccessGrantsQuotaExceededError(
            f"The access grants quota has been exceeded. Access Grants Quota: {MAX_GRANTS}. Please reach out to S3 if "
            "an increase is required."
        )
    wanted = (made.grantee, made.permission, made.scope)
    if any((one.grantee, one.permission, one.scope) == wanted for one in known):
        raise errors.AccessGrantAlreadyExists("The specified access grant already exists")


def _is_wanted(request: Mapping[str, Any], grant: Grant) -> bool:
    return (
        request.get("GranteeType") in (None, grant.grantee_type)
        and request.get("GranteeIdentifier") in (None, grant.grantee)
        and request.get("Permission") in (None, grant.permission)
        and request.get("GrantScope") in (None, grant.scope)
        and request.get("ApplicationArn") in (None, grant.application)
    )


def _told(scope: Scope, grant: Grant) -> dict[str, Any]:
    return {
        "CreatedAt": grant.created,
        "AccessGrantId": grant.id,
        "AccessGrantArn": grants.arn(scope, f"/grant/{grant.id}"),
        "Grantee": {"GranteeType": grant.grantee_type, "GranteeIdentifier": grant.grantee},
        "AccessGrantsLocationId": grant.location,
        "AccessGrantsLocationConfiguration": None if grant.prefix is None else {"S3SubPrefix": grant.prefix},
        "Permission": grant.permission,
        "GrantScope": grant.scope,
        "ApplicationArn": grant.application,
    }
