"""An instance's role in its metadata: credentials that STS gives and every gate of the cloud accepts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from haneul.service import Call
from haneul.services.ec2.instances.metadata_tree import Tree
from haneul.services.ec2.instances.state import Instance
from haneul.wire.errors import AwsError

FRESH = 900.0
"""Seconds before their end that credentials are replaced by new ones."""


class Roles:
    """Keeps credentials until they are about to end."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[float, float, dict[str, Any]]] = {}

    def tree(self, call: Call, row: Instance) -> Tree:
        """The folder iam/; {} without a profile. Raises AwsError."""
        if not row.profile:
            return {}
        name = row.profile.rpartition("/")[2]
        try:
            profile = call.invoke("iam", "GetInstanceProfile", {"InstanceProfileName": name})["InstanceProfile"]
        except AwsError:
            return {}
        found: Tree = {
            "info": lambda: _json(
                {
                    "Code": "Success",
                    "LastUpdated": _iso(call.now()),
                    "InstanceProfileArn": profile["Arn"],
                    "InstanceProfileId": profile["InstanceProfileId"],
                }
            )
        }
        if profile["Roles"]:
            role = profile["Roles"][0]
            found["security-credentials"] = {role["RoleName"]: lambda: self._credentials(call, row, role["Arn"])}
        return found

    def forget(self, instance: str) -> None:
        for key in [key for key in self._kept if key[0] == instance]:
            del self._kept[key]

    def _credentials(self, call: Call, row: Instance, role: str) -> str:
        now = call.cloud.clock.monotonic()
        kept = self._kept.get((row.id, role))
        if kept is None or kept[0] < now:
            asked = {"RoleArn": role, "RoleSessionName": row.id}
            given = call.invoke("sts", "AssumeRole", asked)["Credentials"]
            kept = self._kept[row.id, role] = (now + 3600 - FRESH, call.now(), given)
        _, since, given = kept
        return _json(
            {
                "Code": "Success",
                "LastUpdated": _iso(since),
                "Type": "AWS-HMAC",
                "AccessKeyId": given["AccessKeyId"],
                "SecretAccessKey": given["SecretAccessKey"],
                "Token": given["SessionToken"],
                "Expiration": _iso(given["Expiration"]),
            }
        )


def _json(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
