"""Elastic addresses that go to another account: offered by one, accepted by the other within a week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.account import hours
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import addresses
from haneul.services.ec2.vpc.state import ADDRESS, Address
from haneul.state.store import Reader, Writer
from haneul.state.table import Table

ARN = "arn:aws:ec2:{region}:{account}:elastic-ip/{AllocationId}"
OFFERED, TOLD = 7 * 86400.0, 14 * 86400.0
"""Seconds that an offer holds, and that an accepted one is still told to who made it."""


class Transfer(msgspec.Struct, kw_only=True):
    """An offer, in the scope of who made it."""

    id: str
    """The address's allocation id."""
    public: str
    account: str
    offered: float
    accepted: float = 0.0


TRANSFERS = Table("ec2.address-transfer", Transfer, key=("id",))


@operation(ARN)
def enable_address_transfer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """EnableAddressTransfer: an address that leads nowhere is offered to an account, instead of an earlier offer."""
    account = request["TransferAccountId"]
    if not (len(account) == 12 and account.isdigit()) or account == call.account:
        raise invalid(f"Value ({account}) for parameter transferAccountId is invalid.")
    with call.write() as tx:
        row = ADDRESS.get(tx, call.scope, request["AllocationId"])
        _check(row)
        offer = Transfer(id=row.id, public=row.public, account=account, offered=call.now())
        TRANSFERS.put(tx, call.scope, offer)
    return {"AddressTransfer": _describe(offer, "pending")}


@operation(ARN)
def disable_address_transfer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DisableAddressTransfer: the offer is withdrawn."""
    with call.write() as tx:
        row = ADDRESS.get(tx, call.scope, request["AllocationId"])
        offer = TRANSFERS.get(tx, call.scope, row.id)
        if offer is None or not _holds(offer, call.now()):
            raise coded("InvalidTransfer.NotFound", f"The address '{row.id}' is not offered to another account.")
        TRANSFERS.delete(tx, call.scope, row.id)
    return {"AddressTransfer": _describe(offer, "disabled")}


@operation("arn:aws:ec2:{region}:{account}:elastic-ip/*")
def accept_address_transfer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AcceptAddressTransfer: the address gets a new allocation id and loses its tags. Raises AddressLimitExceeded."""
    tags = tagging.of_new(request, "elastic-ip")
    with call.write() as tx:
        scope, offer = _offer(tx, call, request["Address"])
        row = ADDRESS.get(tx, scope, offer.id)
        _check(row)
        if sum(1 for _ in ADDRESS.table.scan(tx, call.scope)) >= addresses.LIMIT:
            raise errors.AddressLimitExceeded("The maximum number of addresses has been reached.")
        ADDRESS.table.delete(tx, scope, row.id)
        made = Address(id=ADDRESS.new_id(), public=row.public, created=call.now(), tags=tags)
        ADDRESS.table.put(tx, call.scope, made)
        offer.accepted = call.now()
        TRANSFERS.put(tx, scope, offer)
        hours.begin(tx, call.scope, call.now())
    return {"AddressTransfer": {**_describe(offer, "accepted"), "AllocationId": made.id}}


@operation()
def describe_address_transfers(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAddressTransfers that the account offered: pending ones, and accepted ones for two weeks."""
    named = request.get("AllocationIds") or ()
    with call.read() as tx:
        offers = [one for one in TRANSFERS.scan(tx, call.scope) if not named or one.id in named]
        there = {one.id for one in offers if ADDRESS.find(tx, call.scope, one.id) is not None}
        lacking = [one for one in named if one not in {offer.id for offer in offers}]
        ADDRESS.get_all(tx, call.scope, lacking)
    now = call.now()
    items = [
        (one.id, _describe(one, "accepted" if one.accepted else "pending"))
        for one in offers
        if (one.id in there and _holds(one, now)) or (one.accepted and now - one.accepted < TOLD)
    ]
    return listing.paged(request, "AddressTransfers", items, {})


def _offer(tx: Reader | Writer, call: Call, public: str) -> tuple[Scope, Transfer]:
    for scope, offer in TRANSFERS.everywhere(tx):
        ours = (scope.region, offer.public, offer.account) == (call.region, public, call.account)
        if ours and _holds(offer, call.now()) and ADDRESS.find(tx, scope, offer.id) is not None:
            return scope, offer
    raise coded("InvalidTransfer.NotFound", f"The address '{public}' is not offered to this account.")


def _holds(offer: Transfer, now: float) -> bool:
    return not offer.accepted and now - offer.offered < OFFERED


def _check(row: Address) -> None:
    if row.association:
        raise coded(
            "InvalidTransfer.AddressAssociated", f"The address '{row.id}' is associated: disassociate it first."
        )
    if row.reverse:
        raise coded(
            "InvalidTransfer.AddressCustomPtrSet", f"The address '{row.id}' has a reverse name: reset it first."
        )


def _describe(offer: Transfer, status: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "PublicIp": offer.public,
        "AllocationId": offer.id,
        "TransferAccountId": offer.account,
        "TransferOfferExpirationTimestamp": offer.offered + OFFERED,
        "AddressTransferStatus": status,
    }
    if offer.accepted:
        shown["TransferOfferAcceptedTimestamp"] = offer.accepted
    return shown
