"""Access points: create, get, list, delete. What one does to a request is `s3/points.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.s3 import points
from haneul.services.s3.blocks import SWITCHES
from haneul.services.s3.points import POINTS, AccessPoint, no_such_access_point
from haneul.services.s3.state import Bucket, find_bucket
from haneul.services.s3control import pages
from haneul.services.s3control.account_blocks import own_account
from haneul.services.s3control.errors import errors
from haneul.services.s3control.tag_lists import and_tagging, given_tags
from haneul.state.store import Reader

RESOURCE = "arn:aws:s3:{region}:{account}:accesspoint/{Name}"
MAX_POINTS = 10_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]")
_RESERVED = ("-s3alias", "--ol-s3", "--xa-s3", "--table-s3", "-ext-s3alias")
_RANDOM = 34
"""Characters of an alias that nobody chose."""


def _wished(call: Call, request: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Condition keys by which an account can insist on access points of a VPC."""
    origin = "VPC" if request.get("VpcConfiguration") else "Internet"
    return {"s3:AccessPointNetworkOrigin": origin, **_own(call, request)}


def _own(call: Call, request: Mapping[str, Any]) -> dict[str, str | list[str]]:
    arn = f"arn:aws:s3:{call.region}:{call.account}:accesspoint/{request['Name']}"
    return {"s3:DataAccessPointArn": arn, "s3:DataAccessPointAccount": call.account}


def existing(call: Call, request: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Condition keys about the access point that is there."""
    with call.read() as tx:
        point = POINTS.get(tx, call.scope, request["Name"])
    return dict(_own(call, request)) if point is None else dict(points.keys(point))


@operation(resource=RESOURCE, conditions=_wished, action=and_tagging("s3:CreateAccessPoint"))
def create_access_point(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateAccessPoint, to a bucket of any account. Raises AccessPointAlreadyOwnedByYou, InvalidRequest."""
    own_account(call, request)
    name = request["Name"]
    if not _NAME.fullmatch(name) or name.endswith(_RESERVED) or name.startswith("xn--"):
        raise errors.InvalidAccessPoint("The specified accesspoint name or account is invalid", AccessPointName=name)
    if request.get("Scope"):
        raise errors.NotImplemented("Scopes are of access points of directory buckets, which are not here.")
    block = request.get("PublicAccessBlockConfiguration")
    tags = given_tags(request)
    with call.write() as tx:
        if POINTS.get(tx, call.scope, name) is not None:
            raise errors.AccessPointAlreadyOwnedByYou(
                "Your previous request to create the named accesspoint succeeded and you already own it.",
                AccessPointName=name,
            )
        bucket = _bucket(call, tx, request)
        if sum(1 for _ in POINTS.scan(tx, call.scope)) >= MAX_POINTS:
            raise errors.TooManyAccessPoints("You have attempted to create more access points than allowed")
        point = AccessPoint(
            name=name,
            owner=call.account,
            region=call.region,
            bucket=bucket.name,
            bucket_id=bucket.id,
            bucket_owner=bucket.owner,
            alias=f"{name[:20].rstrip('-')}-{tokens.random_hex(_RANDOM)}{points.ALIAS}",
            created=int(call.now()),
            block={switch: True if block is None else bool(block.get(switch)) for switch in SWITCHES},
            vpc=(request.get("VpcConfiguration") or {}).get("VpcId", ""),
            tags=tags,
        )
        points.add(tx, point)
    return {"AccessPointArn": point.arn, "Alias": point.alias}


@operation(resource=RESOURCE, conditions=existing)
def get_access_point(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAccessPoint. Raises NoSuchAccessPoint."""
    with call.read() as tx:
        point = point_of(call, tx, request)
    told = _listed(point)
    del told["DataSourceType"]
    return {
        **told,
        "PublicAccessBlockConfiguration": point.block,
        "CreationDate": point.created,
        "Endpoints": {
            "ipv4": f"s3-accesspoint.{point.region}.amazonaws.com",
            "dualstack": f"s3-accesspoint.dualstack.{point.region}.amazonaws.com",
            "fips": f"s3-accesspoint-fips.{point.region}.amazonaws.com",
            "fips_dualstack": f"s3-accesspoint-fips.dualstack.{point.region}.amazonaws.com",
        },
    }


@operation()
def list_access_points(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListAccessPoints of the account in this region, or those of one bucket, by name."""
    own_account(call, request)
    wanted = request.get("Bucket")
    kind = request.get("DataSourceType")
    with call.read() as tx:
        if wanted is not None and find_bucket(tx, wanted) is None:
            raise errors.InvalidRequest("Amazon S3 access points can only be listed for existing buckets.")
        found = (
            (point.name, _listed(point))
            for point in POINTS.scan(tx, call.scope, after_key=pages.after(request))
            if wanted in (None, point.bucket) and kind in (None, "S3_BUCKET") and not request.get("DataSourceId")
        )
        page, token = pages.take(request, found)
    return {"AccessPointList": page, "NextToken": token}


@operation(resource=RESOURCE, conditions=existing)
def delete_access_point(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteAccessPoint, with its policy. Raises NoSuchAccessPoint."""
    with call.write() as tx:
        points.remove(tx, point_of(call, tx, request))


def point_of(call: Call, tx: Reader, request: Mapping[str, Any]) -> AccessPoint:
    """The account's access point that the request names. Raises NoSuchAccessPoint."""
    own_account(call, request)
    name = request["Name"]
    point = POINTS.get(tx, call.scope, name)
    if point is None:
        raise no_such_access_point(name)
    return point


def _bucket(call: Call, tx: Reader, request: Mapping[str, Any]) -> Bucket:
    """The bucket to lead to: one's own, or that of the account named."""
    name = request["Bucket"]
    bucket = find_bucket(tx, name)
    if bucket is None:
        raise errors.InvalidRequest("Amazon S3 access points can only be created for existing buckets.")
    if bucket.owner != request.get("BucketAccountId", call.account):
        raise errors.AccessDenied("Access Denied")
    if bucket.region != call.region:
        raise errors.InvalidRequest("The bucket and the access point must be in the same region.")
    return bucket


def _listed(point: AccessPoint) -> dict[str, Any]:
    return {
        "Name": point.name,
        "NetworkOrigin": "VPC" if point.vpc else "Internet",
        "VpcConfiguration": {"VpcId": point.vpc} if point.vpc else None,
        "Bucket": point.bucket,
        "AccessPointArn": point.arn,
        "Alias": point.alias,
        "BucketAccountId": point.bucket_owner,
        "DataSourceType": "S3_BUCKET",
    }
