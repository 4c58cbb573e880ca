"""What happens to Spot requests and fleets, told to EventBridge as EC2 tells it."""

from __future__ import annotations

from typing import Any

import orjson

from haneul import events
from haneul.service import Call, Scope
from haneul.services.ec2.fleets.state import FLEET, SPOT_FLEET, FleetEvent, SpotRequest
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

TOPIC = "ec2.fleet"
_KINDS = {"fleet-change": "State Change", "instance-change": "Instance Change", "service-error": "Error"}


def tell_fulfilled(tx: Writer, scope: Scope, row: SpotRequest, now: float) -> None:
    """A Spot request has its instance."""
    told = {
        "source": "aws.ec2",
        "type": "EC2 Spot Instance Request Fulfillment",
        "time": now,
        "resource": f"arn:aws:ec2:{row.zone}:{scope.account}:instance/{row.instance}",
        "detail": {"spot-instance-request-id": row.id, "instance-id": row.instance},
    }
    events.publish(tx, TOPIC, scope, told)


def tell(tx: Writer, scope: Scope, event: FleetEvent) -> None:
    """A record of a fleet's history."""
    old = event.fleet.startswith("sfr-")
    detail = {"instance-id": event.instance, "description": event.description, "sub-type": event.subtype}
    told = {
        "source": "aws.ec2spotfleet" if old else "aws.ec2fleet",
        "type": f"EC2 {'Spot Fleet' if old else 'Fleet'} {_KINDS[event.type]}",
        "time": event.at,
        "resource": (SPOT_FLEET if old else FLEET).arn(scope, event.fleet),
        "detail": {name: value for name, value in detail.items() if value},
    }
    events.publish(tx, TOPIC, scope, told)


def forward(call: Call, event: Any) -> None:
    """Put it on the account's default bus."""
    told = event.detail
    entry = {
        "Source": told["source"],
        "DetailType": told["type"],
        "Time": told["time"],
        "Resources": [told["resource"]],
        "Detail": orjson.dumps(told["detail"]).decode(),
    }
    try:
        call.invoke("events", "PutEvents", {"Entries": [entry]})
    except AwsError as error:
        if error.status < 500 or error.status == 501:
            return  # nobody is to hear it
        raise
