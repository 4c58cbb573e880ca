"""The access grants instance of an account in a region, and the policy by which other accounts may ask it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.auth.documents import validate_resource
from haneul.service import Call, Scope, operation
from haneul.services.s3.state import find_bucket
from haneul.services.s3control import grants, pages
from haneul.services.s3control.account_blocks import own_account
from haneul.services.s3control.errors import errors
from haneul.services.s3control.grants import INSTANCE, INSTANCES, LOCATIONS, Instance
from haneul.services.s3control.guard import guard_of
from haneul.services.s3control.tag_lists import and_tagging, given_tags

RESOURCE = "arn:aws:s3:{region}:{account}:access-grants/default"
_STAND_IN = "arn:aws:s3:::instance"
_POLICY_BYTES = 350_000


@operation(resource=RESOURCE, action=and_tagging("s3:CreateAccessGrantsInstance"))
def create_access_grants_instance(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateAccessGrantsInstance. Raises AccessGrantsInstanceAlreadyExists; there is no Identity Center here."""
    own_account(call, request)
    if request.get("IdentityCenterArn"):
        raise errors.InvalidIdentityCenterInstance("The specified identity center instance is invalid")
    tags = given_tags(request)
    with call.write() as tx:
        if INSTANCES.get(tx, call.scope, INSTANCE) is not None:
            raise errors.AccessGrantsInstanceAlreadyExists("Access Grants Instance already exists")
        made = Instance(id=INSTANCE, created=call.now(), tags=tags)
        INSTANCES.put(tx, call.scope, made)
    return _told(call.scope, made)


@operation(resource=RESOURCE)
def get_access_grants_instance(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAccessGrantsInstance. Raises AccessGrantsInstanceNotExistsError."""
    own_account(call, request)
    with call.read() as tx:
        return _told(call.scope, grants.instance_of(tx, call.scope))


@operation()
def list_access_grants_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListAccessGrantsInstances: of this region, so one or none."""
    own_account(call, request)
    with call.read() as tx:
        found = INSTANCES.scan(tx, call.scope, after_key=pages.after(request))
        page, token = pages.take(request, ((one.id, _told(call.scope, one)) for one in found))
    return {"AccessGrantsInstancesList": page, "NextToken": token}


@operation(resource=RESOURCE)
def delete_access_grants_instance(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteAccessGrantsInstance. Raises AccessGrantsInstanceNotEmptyError while it has locations."""
    own_account(call, request)
    with call.write() as tx:
        grants.instance_of(tx, call.scope)
        if next(LOCATIONS.scan(tx, call.scope), None) is not None:
            raise errors.AccessGrantsInstanceNotEmptyError(
                "Please clean up locations before deleting the access grants instance"
            )
        INSTANCES.delete(tx, call.scope, INSTANCE)


@operation(resource=lambda call, request: grants.arn(call.scope))
def get_access_grants_instance_for_prefix(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAccessGrantsInstanceForPrefix: of the bucket's owner, in the bucket's region; another's must let one ask."""
    own_account(call, request)
    name = request["S3Prefix"].removeprefix(grants.ROOT).partition("/")[0]
    with call.read() as tx:
        bucket = find_bucket(tx, name)
        scope = call.scope if bucket is None else Scope(bucket.owner, bucket.region)
        instance = grants.instance_of(tx, scope)
    if scope.account != call.account:
        said = guard_of(scope.account, instance)
        call.cloud.gate.check(call, "s3:GetAccessGrantsInstanceForPrefix", grants.arn(scope), said, request)
    return {"AccessGrantsInstanceArn": grants.arn(scope), "AccessGrantsInstanceId": instance.id}


@operation(resource=RESOURCE)
def put_access_grants_instance_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutAccessGrantsInstanceResourcePolicy. Raises InvalidResourcePolicy."""
    own_account(call, request)
    text, arn = request["Policy"], grants.arn(call.scope)
    if len(text.encode()) > _POLICY_BYTES or _STAND_IN in text:
        raise errors.InvalidResourcePolicy("The specified Resource Policy is invalid")
    plain = text.replace(f"{arn}/", f"{_STAND_IN}/").replace(arn, _STAND_IN)
    validate_resource(plain, "s3", _STAND_IN, code="InvalidResourcePolicy")
    with call.write() as tx:
        instance = msgspec.structs.replace(
            grants.instance_of(tx, call.scope),
            policy=text,
            policy_created=call.now(),
            organization=request.get("Organization"),
        )
        INSTANCES.put(tx, call.scope, instance)
    return _policy(instance)


@operation(resource=RESOURCE)
def get_access_grants_instance_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAccessGrantsInstanceResourcePolicy. Raises AccessGrantsInstanceResourcePolicyNotExists."""
    own_account(call, request)
    with call.read() as tx:
        instance = grants.instance_of(tx, call.scope)
    if instance.policy is None:
        raise errors.AccessGrantsInstanceResourcePolicyNotExists(
            "Access Grants Instance Resource Policy does not exist"
        )
    return _policy(instance)


@operation(resource=RESOURCE)
def delete_access_grants_instance_resource_policy(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteAccessGrantsInstanceResourcePolicy. Deleting none is no error."""
    own_account(call, request)
    with call.write() as tx:
        instance = grants.instance_of(tx, call.scope)
        INSTANCES.put(tx, call.scope, msgspec.structs.replace(instance, policy=None, organization=None))


def _policy(instance: Instance) -> dict[str, Any]:
    return {
        "Policy": instance.policy,
        "Organization": instance.organization,
        "CreatedAt": instance.policy_created,
    }


def _told(scope: Scope, instance: Instance) -> dict[str, Any]:
    return {
        "CreatedAt": instance.created,
        "AccessGrantsInstanceId": instance.id,
        "AccessGrantsInstanceArn": grants.arn(scope),
    }
