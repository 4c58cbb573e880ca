"""What becomes of images, told to EventBridge: "EC2 AMI State Change"."""

from __future__ import annotations

from typing import Any

import orjson

from haneul import events
from haneul.service import Call, Scope
from haneul.services.ec2.instances.state import Image
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

TOPIC = "ec2.image"


def tell(tx: Writer, scope: Scope, row: Image, now: float) -> None:
    """The image has come into the state that its row says."""
    message = (row.options.get("StateReason") or {}).get("Message", "")
    events.publish(tx, TOPIC, scope, {"image": row.id, "state": row.state, "message": message, "time": now})


def forward(call: Call, event: Any) -> None:
    """Put a change on the account's default bus."""
    detail = event.detail
    told = {
        "RequestId": call.request_id,
        "ImageId": detail["image"],
        "State": detail["state"],
        "ErrorMessage": detail["message"],
    }
    entry = {
        "Source": "aws.ec2",
        "DetailType": "EC2 AMI State Change",
        "Time": detail["time"],
        "Resources": [f"arn:aws:ec2:{call.region}::image/{detail['image']}"],
        "Detail": orjson.dumps(told).decode(),
    }
    try:
        call.invoke("events", "PutEvents", {"Entries": [entry]})
    except AwsError as error:
        if error.status < 500 or error.status == 501:
            return  # nobody is to hear it
        raise
