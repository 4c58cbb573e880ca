"""The Spot data feed: each hour, what Spot Instances ran and what they cost, as a file in a bucket."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import inspect
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Step
from haneul.services.ec2.errors import coded, invalid
from haneul.services.ec2.fleets import prices
from haneul.services.ec2.fleets.state import SPOT_FEEDS, SpotFeed
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

Request = Mapping[str, Any]
KIND = "ec2.spot-feed"
HOUR = 3600.0
_HEADER = (
    "#Version: 1.0",
    "#Fields: Timestamp UsageType Operation InstanceID MyBidID MyMaxPrice MarketPrice Charge Version",
)


@operation()
async def create_spot_datafeed_subscription(call: Call, request: Request) -> dict[str, Any]:
    """CreateSpotDatafeedSubscription: the account's one feed in the region; the bucket must be there."""
    prefix = request.get("Prefix") or ""
    if len(prefix) > 512:
        raise invalid("The prefix of a Spot data feed is at most 512 characters long.")
    try:
        found = call.invoke("s3", "HeadBucket", {"Bucket": request["Bucket"]})
        if inspect.isawaitable(found):
            await found
    except AwsError:
        raise coded(
            "InaccessibleStorageLocation", "The specified S3 bucket does not exist or does not have enough permissions."
        ) from None
    now = call.now()

    def write(tx: Writer) -> SpotFeed:
        row = SpotFeed(bucket=request["Bucket"], prefix=prefix, written=now // HOUR * HOUR)
        SPOT_FEEDS.put(tx, call.scope, row)
        wake(tx, KIND, call.scope, (row.id,), row.written + HOUR)
        return row

    return {"SpotDatafeedSubscription": _describe(call, await call.transact(write))}


@operation()
def describe_spot_datafeed_subscription(call: Call, request: Request) -> dict[str, Any]:
    """DescribeSpotDatafeedSubscription. Raises InvalidSpotDatafeed.NotFound."""
    with call.read() as tx:
        row = SPOT_FEEDS.get(tx, call.scope, "feed")
    if row is None:
        raise coded("InvalidSpotDatafeed.NotFound", "Spot datafeed subscription does not exist.")
    return {"SpotDatafeedSubscription": _describe(call, row)}


@operation()
def delete_spot_datafeed_subscription(call: Call, request: Request) -> dict[str, Any]:
    """DeleteSpotDatafeedSubscription; also when there is none."""
    with call.write() as tx:
        SPOT_FEEDS.delete(tx, call.scope, "feed")
    return {}


def step_spot_feed(call: Call, row: SpotFeed) -> Step:
    """Write the hour that is over; nothing for one without Spot Instances, or while the cloud was off."""
    now = call.now()
    start = now // HOUR * HOUR - HOUR
    if row.written > start:
        return Step(row, row.written + HOUR - now)
    with call.read() as tx:
        lines = list(_lines(call, tx, start))
    row.fault = ("", "")
    if lines:
        try:
            _put(call, row, start, lines)
        except AwsError as error:
            row.fault = (error.code, error.message)
    row.written = start + HOUR
    return Step(row, row.written + HOUR - now)


def _lines(call: Call, tx: Reader, start: float) -> Iterator[str]:
    for one in INSTANCE.table.scan(tx, call.scope):
        if one.options.get("Lifecycle") == "spot":
            seconds = _ran(one, start)
            if seconds > 0:
                yield _line(call, one, start, seconds)


def _ran(one: Instance, start: float) -> float:
    """Seconds of the hour in which it ran; of one that was stopped nobody knows."""
    if one.state not in ("pending", "running", "shutting-down", "terminated"):
        return 0.0
    end = min(one.ended or start + HOUR, start + HOUR)
    return end - max(one.launched, start)


def _line(call: Call, one: Instance, start: float, seconds: float) -> str:
    market = prices.spot(call.region, one.type)
    most = (one.options.get("SpotOptions") or {}).get("MaxPrice")
    charge = market * Decimal(str(seconds)) / 3600
    when = datetime.fromtimestamp(max(one.launched, start), UTC)
    return "\t".join(
        (
            f"{when:%Y-%m-%d %H:%M:%S} UTC",
            f"SpotUsage:{one.type}",
            "RunInstances:SV001",
            one.id,
            str(one.options.get("SpotRequest") or ""),
            f"{Decimal(most) if most else prices.on_demand(call.region, one.type):.4f} USD",
            f"{market:.4f} USD",
            f"{charge:.6f} USD",
            "1",
        )
    )


def _put(call: Call, row: SpotFeed, start: float, lines: list[str]) -> None:
    """The hour's file. Its name is the hour's, so that writing it again replaces it."""
    when = datetime.fromtimestamp(start, UTC)
    unique = hashlib.sha256(f"{call.account}/{call.region}/{start}".encode()).hexdigest()[:8]
    prefix = f"{row.prefix.strip('/')}/" if row.prefix.strip("/") else ""
    key = f"{prefix}{call.account}.{when:%Y-%m-%d-%H}.001.{unique}.gz"
    body = gzip.compress(("\n".join([*_HEADER, *lines]) + "\n").encode())
    result = call.invoke("s3", "PutObject", {"Bucket": row.bucket, "Key": key, "Body": body})
    if inspect.isawaitable(result):
        asyncio.run_coroutine_threadsafe(_awaited(result), call.cloud.loop).result()


async def _awaited(result: Any) -> Any:
    return await result


def _describe(call: Call, row: SpotFeed) -> dict[str, Any]:
    return {
        "Bucket": row.bucket,
        "Prefix": row.prefix or None,
        "OwnerId": call.account,
        "State": "Inactive" if row.fault[0] else "Active",
        "Fault": {"Code": row.fault[0], "Message": row.fault[1]} if row.fault[0] else None,
    }
