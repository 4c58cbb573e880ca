"""The instance identity document, and signatures by which others can tell that this cloud wrote it."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path

import orjson

from haneul.service import Call
from haneul.services.ec2.instances.metadata_tree import Tree
from haneul.services.ec2.instances.state import Instance


class Identity:
    """Signs with a key of the cloud's own, in its data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def tree(self, call: Call, row: Instance, peer: str) -> Tree:
        """The folder dynamic/."""
        document = functools.cache(lambda: text(call, row, peer))
        return {
            "fws": {"instance-monitoring": "enabled" if row.options.get("Monitoring") else "disabled"},
            "instance-identity": {"document": document},
        }


def text(call: Call, row: Instance, peer: str) -> str:
    """The document, as AWS writes it."""
    return orjson.dumps(
        {
            "accountId": call.account,
            "architecture": row.options.get("Architecture", "x86_64"),
            "availabilityZone": row.zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "marketplaceProductCodes": None,
            "imageId": row.image,
            "instanceId": row.id,
            "instanceType": row.type,
            "kernelId": None,
            "pendingTime": datetime.fromtimestamp(row.launched, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "privateIp": peer,
            "ramdiskId": None,
            "region": call.region,
            "version": "2017-09-30",
        },
        option=orjson.OPT_INDENT_2,
    ).decode()
