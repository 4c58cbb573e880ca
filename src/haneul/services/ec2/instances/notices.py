"""What happens to instances, told to EventBridge: "EC2 Instance State-change Notification"."""

from __future__ import annotations

from typing import Any

import orjson

from haneul import events
from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

TOPIC = "ec2.instance"


def tell(tx: Writer, scope: Scope, row: Instance, now: float) -> None:
    """The instance has come into the state that its row says."""
    events.publish(tx, TOPIC, scope, {"instance": row.id, "state": row.state, "time": now})
    if row.options.get("SpotRequest") and row.state != "pending":
        wake(tx, "ec2.spot-request", scope, (row.options["SpotRequest"],), now)
    fleet = row.options.get("Fleet") or ""
    if fleet and row.state != "pending":
        wake(tx, "ec2.spot-fleet" if fleet.startswith("sfr-") else "ec2.fleet", scope, (fleet,), now)


def forward(call: Call, event: Any) -> None:
    """Put a change on the account's default bus."""
    detail = event.detail
    entry = {
        "Source": "aws.ec2",
        "DetailType": "EC2 Instance State-change Notification",
        "Time": detail["time"],
        "Resources": [INSTANCE.arn(call.scope, detail["instance"])],
        "Detail": orjson.dumps({"instance-id": detail["instance"], "state": detail["state"]}).decode(),
    }
    try:
        call.invoke("events", "PutEvents", {"Entries": [entry]})
    except AwsError as error:
        if error.status < 500 or error.status == 501:
            return  # nobody is to hear it
        raise
