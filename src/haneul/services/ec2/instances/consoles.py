"""What an instance writes to its serial console; and honest answers about screens and passwords that aren't there."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import errors
from haneul.services.ec2.instances.attributes import ARN
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.operations import operation


@operation(ARN)
async def get_console_output(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetConsoleOutput: the last 64 KiB, always of now, whether Latest is asked for or not."""
    row = _row(call, request)
    output = b""
    if row.state not in ("pending", "terminated"):
        output = await asyncio.to_thread(planes.of(call.cloud).machines.console, row.id)
    shown: dict[str, Any] = {"InstanceId": row.id, "Timestamp": call.now()}
    if output:
        shown["Output"] = base64.b64encode(output).decode()
    return shown


@operation(ARN)
async def get_console_screenshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetConsoleScreenshot: as PNG, of machines that boot from disks with a boot loader; the others have no screen."""
    row = _row(call, request)
    if row.state != "running":
        raise errors.IncorrectInstanceState(f"The instance '{row.id}' is not in the 'running' state.")
    picture = await asyncio.to_thread(planes.of(call.cloud).machines.screenshot, row.id)
    if picture is None:
        raise errors.UnsupportedOperation(
            f"The instance '{row.id}' has a serial console and no screen. Use GetConsoleOutput."
        )
    return {"InstanceId": row.id, "ImageData": base64.b64encode(picture).decode()}


@operation(ARN)
def get_password_data(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetPasswordData: empty, as for every instance that isn't Windows."""
    row = _row(call, request)
    return {"InstanceId": row.id, "Timestamp": row.launched, "PasswordData": ""}


def _row(call: Call, request: Mapping[str, Any]) -> Instance:
    with call.read() as tx:
        return INSTANCE.get(tx, call.scope, request["InstanceId"])
