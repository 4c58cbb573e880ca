"""Policies of access points, and whether one makes its access point public."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from haneul.auth.documents import validate_resource
from haneul.service import Call, operation
from haneul.services.s3 import blocks
from haneul.services.s3.points import POINTS, AccessPoint
from haneul.services.s3.policies import POLICY_BYTES, is_public
from haneul.services.s3control.access_points import RESOURCE, existing, point_of
from haneul.services.s3control.errors import errors
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

_STAND_IN = "arn:aws:s3:::point"


@operation(resource=RESOURCE, conditions=existing)
def put_access_point_policy(call: Call, request: Mapping[str, Any]) -> None:
    """PutAccessPointPolicy. Raises MalformedPolicy, AccessDenied for a public one where that is blocked."""
    text = request["Policy"]
    if len(text.encode()) > POLICY_BYTES:
        raise errors.PolicyTooLarge(f"The policy is larger than {POLICY_BYTES} bytes")
    with call.write() as tx:
        point = point_of(call, tx, request)
        document = _checked(text, point)
        account = blocks.of_account(tx, point.owner) or {}
        if (point.block.get("BlockPublicPolicy") or account.get("BlockPublicPolicy")) and is_public(document):
            raise errors.AccessDenied("Access Denied")
        POINTS.put(tx, call.scope, msgspec.structs.replace(point, policy=text))


@operation(resource=RESOURCE, conditions=existing)
def get_access_point_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAccessPointPolicy, as it was put. Raises NoSuchAccessPointPolicy."""
    with call.read() as tx:
        return {"Policy": _policy(call, tx, request)}


@operation(resource=RESOURCE, conditions=existing)
def get_access_point_policy_status(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAccessPointPolicyStatus. Raises NoSuchAccessPointPolicy."""
    with call.read() as tx:
        text = _policy(call, tx, request)
    return {"PolicyStatus": {"IsPublic": is_public(orjson.loads(text))}}


@operation(resource=RESOURCE, conditions=existing)
def delete_access_point_policy(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteAccessPointPolicy. Deleting none is no error."""
    with call.write() as tx:
        point = point_of(call, tx, request)
        POINTS.put(tx, call.scope, msgspec.structs.replace(point, policy=None))


def _policy(call: Call, tx: Reader, request: Mapping[str, Any]) -> str:
    point = point_of(call, tx, request)
    if point.policy is None:
        raise errors.NoSuchAccessPointPolicy(
            "The specified accesspoint policy does not exist", AccessPointName=point.name
        )
    return point.policy


def _checked(text: str, point: AccessPoint) -> Mapping[str, Any]:
    """The document. It is read as a bucket's would be, the point standing for the bucket. Raises MalformedPolicy."""
    if _STAND_IN in text:
        raise AwsError("MalformedPolicy", "Policy has invalid resource", 400)
    plain = text.replace(f"{point.arn}/object/", f"{_STAND_IN}/").replace(point.arn, _STAND_IN)
    return validate_resource(plain, "s3", _STAND_IN)
