"""Locations of access grants: paths in S3, each with the role that may get at what is beneath it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.auth import passing
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.s3control import grants, pages, roles
from haneul.services.s3control.account_blocks import own_account
from haneul.services.s3control.errors import errors
from haneul.services.s3control.grants import GRANTS, INSTANCE, LOCATIONS, ROOT, Location
from haneul.services.s3control.tag_lists import and_tagging, given_tags
from haneul.wire.errors import AwsError

SERVICE = "access-grants.s3.amazonaws.com"
SESSION = "access-grants"
MAX_LOCATIONS = 1000
RESOURCE = "arn:aws:s3:{region}:{account}:access-grants/default/location/{AccessGrantsLocationId}"
_ANY = "arn:aws:s3:{region}:{account}:access-grants/default"
_SCOPE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?)?", re.S)
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/.+")


@operation(resource=_ANY, action=and_tagging("s3:CreateAccessGrantsLocation"))
def create_access_grants_location(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateAccessGrantsLocation. Raises InvalidAccessGrantsLocation, InvalidIamRole, and for one known already
    AccessGrantsLocationAlreadyExistsError."""
    own_account(call, request)
    scope = request["LocationScope"]
    if not _SCOPE.fullmatch(scope):
        raise errors.InvalidAccessGrantsLocation("The specified Access Grants Location is invalid")
    _check_role(call, request["IAMRoleArn"])
    tags = given_tags(request)
    with call.write() as tx:
        grants.instance_of(tx, call.scope)
        known = [one.scope for one in LOCATIONS.scan(tx, call.scope)]
        if grants.whole(scope) in map(grants.whole, known):
            raise errors.AccessGrantsLocationAlreadyExistsError("The specified access grants location already exists")
        if len(known) >= MAX_LOCATIONS:
            raise errors.AccessGrantsLocationsQuotaExceededError(
                "The access grants location quota has been exceeded. Access Grants Locations Quota: "
                f"{MAX_LOCATIONS}. Please reach out to S3 if an increase is required."
            )
        made = Location(
            id=INSTANCE if scope == ROOT else tokens.uuid(),
            scope=scope,
            role=request["IAMRoleArn"],
            created=call.now(),
            tags=tags,
        )
        LOCATIONS.put(tx, call.scope, made)
    return _told(call.scope, made)


@operation(resource=RESOURCE)
def get_access_grants_location(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAccessGrantsLocation. Raises NoSuchAccessGrantsLocationError."""
    own_account(call, request)
    with call.read() as tx:
        return _told(call.scope, grants.location_of(tx, call.scope, request["AccessGrantsLocationId"]))


@operation(resource=_ANY)
def list_access_grants_locations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListAccessGrantsLocations, or the one of a scope."""
    own_account(call, request)
    wanted = request.get("LocationScope")
    with call.read() as tx:
        grants.instance_of(tx, call.scope)
        found = LOCATIONS.scan(tx, call.scope, after_key=pages.after(request))
        page, token = pages.take(
            request, ((one.id, _told(call.scope, one)) for one in found if wanted in (None, one.scope))
        )
    return {"AccessGrantsLocationsList": page, "NextToken": token}


@operation(resource=RESOURCE)
def update_access_grants_location(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateAccessGrantsLocation: another role. Raises NoSuchAccessGrantsLocationError, InvalidIamRole."""
    own_account(call, request)
    _check_role(call, request["IAMRoleArn"])
    with call.write() as tx:
        location = grants.location_of(tx, call.scope, request["AccessGrantsLocationId"])
        location = msgspec.structs.replace(location, role=request["IAMRoleArn"])
        LOCATIONS.put(tx, call.scope, location)
    return _told(call.scope, location)


@operation(resource=RESOURCE)
def delete_access_grants_location(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteAccessGrantsLocation. Raises AccessGrantsLocationNotEmptyError while there are grants on it."""
    own_account(call, request)
    with call.write() as tx:
        location = grants.location_of(tx, call.scope, request["AccessGrantsLocationId"])
        if any(grant.location == location.id for grant in GRANTS.scan(tx, call.scope)):
            raise errors.AccessGrantsLocationNotEmptyError(
                "Please clean up access grants before deleting access grants location"
            )
        LOCATIONS.delete(tx, call.scope, location.id)


def _check_role(call: Call, role: str) -> None:
    """The role must be one's own to hand over; where trust counts, it must trust access grants."""
    parsed = _ROLE.fullmatch(role)
    if parsed is None or parsed[1] != call.account:
        raise errors.InvalidIamRole("The specified IAM Role is invalid")
    passing.check(call, role, SERVICE)
    if not call.cloud.config.iam_enforced:
        return
    try:
        roles.assume(call, role, SERVICE, SESSION, grants.arn(call.scope))
    except AwsError:
        raise errors.InvalidIamRole("The specified IAM Role is invalid") from None


def _told(scope: Scope, location: Location) -> dict[str, Any]:
    return {
        "CreatedAt": location.created,
        "AccessGrantsLocationId": location.id,
        "AccessGrantsLocationArn": grants.arn(scope, f"/location/{location.id}"),
        "LocationScope": location.scope,
        "IAMRoleArn": location.role,
    }
