"""Reserved Instances: bought by their offering, billed every hour, paying for the hours of instances that match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, Step
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.instances import types, wiring
from haneul.services.ec2.operations import operation
from haneul.services.ec2.reservations import coverage, offerings
from haneul.services.ec2.reservations.state import (
    RESERVED,
    RESERVED_MODIFICATIONS,
    ReservedInstances,
    ReservedModification,
)
from haneul.state.store import Writer

Request = Mapping[str, Any]
KIND = "ec2.reserved-instances"
COUNT = 300
LOOK = 300.0
"""Seconds between counts of the hours."""
LONGEST = 900.0
KEPT = 30 * 86400.0
"""Seconds for which what is over is still told."""
_FILTERS: Filters = {
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "duration": "Duration",
    "end": "End",
    "fixed-price": lambda item: str(item["FixedPrice"]),
    "instance-type": "InstanceType",
    "product-description": "ProductDescription",
    "reserved-instances-id": "ReservedInstancesId",
    "scope": "Scope",
    "start": "Start",
    "state": "State",
    "usage-price": lambda item: str(item["UsagePrice"]),
}
_RESULTS = "ModificationResults.TargetConfiguration"
_MODIFICATION_FILTERS: Filters = {
    "client-token": "ClientToken",
    "create-date": "CreateDate",
    "effective-date": "EffectiveDate",
    "modification-result.reserved-instances-id": "ModificationResults.ReservedInstancesId",
    "modification-result.target-configuration.availability-zone": f"{_RESULTS}.AvailabilityZone",
    "modification-result.target-configuration.availability-zone-id": f"{_RESULTS}.AvailabilityZoneId",
    "modification-result.target-configuration.instance-count": f"{_RESULTS}.InstanceCount",
    "modification-result.target-configuration.instance-type": f"{_RESULTS}.InstanceType",
    "reserved-instances-id": "ReservedInstancesIds.ReservedInstancesId",
    "reserved-instances-modification-id": "ReservedInstancesModificationId",
    "status": "Status",
    "status-message": "StatusMessage",
    "update-date": "UpdateDate",
}


@operation()
def purchase_reserved_instances_offering(call: Call, request: Request) -> dict[str, Any]:
    """PurchaseReservedInstancesOffering: from now on, or from PurchaseTime on. Nobody pays but the bill."""
    one = offerings.find(call.region, request["ReservedInstancesOfferingId"])
    count = request["InstanceCount"]
    if not 1 <= count <= COUNT:
        raise invalid(f"Value ({count}) for parameter instanceCount is invalid. It must be between 1 and {COUNT}.")
    start = max(request.get("PurchaseTime") or 0.0, call.now())
    row = ReservedInstances(
        id=RESERVED.new_id(),
        state="queued" if start > call.now() else "active",
        start=start,
        end=start + one.years * offerings.YEAR,
        type=one.type,
        zone=one.zone,
        count=count,
        offering=one.offering,
        years=one.years,
        payment=one.payment,
        metered=start,
    )
    with call.write() as tx:
        RESERVED.table.put(tx, call.scope, row)
        wake(tx, KIND, call.scope, (row.id,), start)
    return {"ReservedInstancesId": row.id}


@operation()
def describe_reserved_instances(call: Call, request: Request) -> dict[str, Any]:
    """DescribeReservedInstances: all on one page, what is over for a month."""
    return listing.describe(
        call,
        request,
        RESERVED,
        member="ReservedInstances",
        ids="ReservedInstancesIds",
        filters=_FILTERS,
        render=lambda _, row: describe(call.region, row),
        wanted=lambda row: (
            request.get("OfferingClass") in (None, row.offering) and request.get("OfferingType") in (None, row.payment)
        ),
    )


def _arns(call: Call, request: Request) -> list[str]:
    return [RESERVED.arn(call.scope, one) for one in request.get("ReservedInstancesIds") or ()]


@operation(_arns)
def modify_reserved_instances(call: Call, request: Request) -> dict[str, Any]:
    """ModifyReservedInstances: other zones, scopes or sizes of the same family, of the same size in all."""
    configurations: Sequence[Request] = request["TargetConfigurations"]
    with call.write() as tx:
        made = idempotency.made_before(tx, call, request)
        if made:
            return {"ReservedInstancesModificationId": made[0]}
        sources = RESERVED.get_all(tx, call.scope, request["ReservedInstancesIds"])
        _check_sources(sources)
        targets = [_target(call, sources[0], one) for one in configurations]
        if _footprint(sources) != _footprint(targets):
            raise invalid(
                "The target configurations must have the footprint of the Reserved Instances that they replace."
            )
        row = ReservedModification(
            id=f"rimod-{tokens.uuid()}",
            created=call.now(),
            sources=[one.id for one in sources],
            made=[(two.id, dict(one)) for one, two in zip(configurations, targets, strict=True)],
            client_token=request.get("ClientToken") or "",
        )
        _replace(call, tx, sources, targets)
        RESERVED_MODIFICATIONS.put(tx, call.scope, row)
        idempotency.remember(tx, call, request, [row.id])
    return {"ReservedInstancesModificationId": row.id}


@operation()
def describe_reserved_instances_modifications(call: Call, request: Request) -> dict[str, Any]:
    """DescribeReservedInstancesModifications: each is fulfilled at once."""
    named = request.get("ReservedInstancesModificationIds") or ()
    with call.read() as tx:
        rows = list(RESERVED_MODIFICATIONS.scan(tx, call.scope))
    gone = set(named) - {row.id for row in rows}
    if gone:
        raise coded(
            "InvalidReservedInstancesModificationId", f"The modification IDs '{', '.join(sorted(gone))}' do not exist."
        )
    items = [(row.id, _describe_modification(row)) for row in rows if not named or row.id in named]
    return listing.paged(request, "ReservedInstancesModifications", items, _MODIFICATION_FILTERS)


@operation(_arns)
def delete_queued_reserved_instances(call: Call, request: Request) -> dict[str, Any]:
    """DeleteQueuedReservedInstances: purchases that were for later."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    with call.write() as tx:
        for identifier in request["ReservedInstancesIds"]:
            row = RESERVED.find(tx, call.scope, identifier)
            if row is None or row.state != "queued":
                absent = row is None
                code = "reserved-instances-id-invalid" if absent else "reserved-instances-not-in-queued-state"
                message = f"The reserved instance ID '{identifier}' {'does not exist' if absent else 'is not queued'}."
                failed.append({"ReservedInstancesId": identifier, "Error": {"Code": code, "Message": message}})
                continue
            row.state, row.ended = "queued-deleted", call.now()
            RESERVED.table.put(tx, call.scope, row)
            wake(tx, KIND, call.scope, (row.id,), call.now())
            done.append({"ReservedInstancesId": identifier})
    return {"SuccessfulQueuedPurchaseDeletions": done, "FailedQueuedPurchaseDeletions": failed}


def step_reserved_instances(call: Call, row: ReservedInstances) -> Step:
    """Begin when it is time, put the hours on the bill, whether anything ran or not; be over at the end."""
    now = call.now()
    if row.state == "queued":
        if row.start > now:
            return Step(row, row.start - now)
        row.state = "active"
    if row.state != "active":
        left = row.ended + KEPT - now
        return Step(row, left) if left > 0 else Step(None)
    terms = f"{row.type}/{row.offering}/{row.years}/{row.payment}"
    if not row.paid:
        row.paid = True
        if row.payment != "No Upfront":
            call.meter(f"Upfront:{terms}", float(row.count))
    hours = min(max(0.0, min(now, row.end) - row.metered), LONGEST) / 3600
    row.metered = now
    if hours:
        call.meter(f"HeavyUsage:{terms}", hours * row.count)
    if row.end <= now:
        row.state, row.ended = "retired", now
        return Step(row, KEPT)
    return Step(row, min(LOOK, row.end - now))


def describe(region: str, row: ReservedInstances) -> dict[str, Any]:
    """A ReservedInstances."""
    one = offerings.Offering(row.type, row.zone, row.offering, row.years, row.payment)
    price = one.price(region)
    return {
        "ReservedInstancesId": row.id,
        "State": row.state,
        "InstanceType": row.type,
        "InstanceCount": row.count,
        "ProductDescription": offerings.PRODUCT,
        "Start": row.start,
        "End": row.end,
        "Duration": row.years * offerings.YEAR,
        "OfferingClass": row.offering,
        "OfferingType": row.payment,
        "InstanceTenancy": "default",
        "Tags": tagging.render(row.tags),
        **offerings.placed(row.zone),
        **(offerings.priced(price) if price is not None else {}),
    }


def _check_sources(sources: Sequence[ReservedInstances]) -> None:
    for one in sources:
        if one.state != "active":
            raise coded("IncorrectReservedInstancesState", f"The Reserved Instances '{one.id}' are {one.state}.")
    if len({(one.end, one.offering, one.payment, _family(one)) for one in sources}) > 1:
        raise invalid("Reserved Instances that are modified together must have the same family, terms and end.")


def _target(call: Call, source: ReservedInstances, asked: Request) -> ReservedInstances:
    """What a configuration makes of the sources. Raises InvalidParameterValue, UnsupportedOperation."""
    zone = wiring.zone_of(call.scope, {"Placement": asked})
    scope = asked.get("Scope") or ("Availability Zone" if zone else "Region")
    if (scope == "Region") == bool(zone):
        raise invalid(
            "A configuration of the scope 'Availability Zone' names its zone, one of the scope 'Region' none."
        )
    type = types.spec(asked.get("InstanceType") or source.type).name
    if type.partition(".")[0] != _family(source):
        raise invalid("Reserved Instances can only be modified within their instance family.")
    if type != source.type and coverage.factor(type) is None:
        raise errors.UnsupportedOperation(f"Reserved Instances can't be modified into {type}.")
    if not 1 <= (asked.get("InstanceCount") or 0) <= COUNT:
        raise invalid(f"The instance count of a configuration must be between 1 and {COUNT}.")
    return ReservedInstances(
        id=RESERVED.new_id(),
        state="active",
        start=call.now(),
        end=source.end,
        type=type,
        zone=zone,
        count=asked["InstanceCount"],
        offering=source.offering,
        years=source.years,
        payment=source.payment,
        metered=call.now(),
        paid=True,
    )


def _replace(
    call: Call, tx: Writer, sources: Sequence[ReservedInstances], targets: Sequence[ReservedInstances]
) -> None:
    for one in sources:
        one.state, one.ended = "retired", call.now()
    for one in (*sources, *targets):
        RESERVED.table.put(tx, call.scope, one)
        wake(tx, KIND, call.scope, (one.id,), call.now())


def _footprint(rows: Sequence[ReservedInstances]) -> Fraction:
    return sum((one.count * (coverage.factor(one.type) or Fraction(1)) for one in rows), Fraction(0))


def _family(row: ReservedInstances) -> str:
    return row.type.partition(".")[0]


def _describe_modification(row: ReservedModification) -> dict[str, Any]:
    return {
        "ReservedInstancesModificationId": row.id,
        "ReservedInstancesIds": [{"ReservedInstancesId": one} for one in row.sources],
        "ModificationResults": [
            {"ReservedInstancesId": identifier, "TargetConfiguration": configuration}
            for identifier, configuration in row.made
        ],
        "CreateDate": row.created,
        "UpdateDate": row.created,
        "EffectiveDate": row.created,
        "Status": "fulfilled",
        "ClientToken": row.client_token or None,
    }
