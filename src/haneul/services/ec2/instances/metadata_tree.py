"""What an instance's metadata holds: folders of folders and texts, as cloud-init, the SDKs and scripts read them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.services.ec2.instances.describing import Links
from haneul.services.ec2.instances.state import Instance
from haneul.services.ec2.vpc.places import zone_id
from haneul.services.ec2.vpc.state import SUBNET, VPC, NetworkInterface
from haneul.state.store import Reader

Leaf = str | Callable[[], str]
Tree = dict[str, Any]
"""Name -> another Tree, a text, or what makes the text when it is asked for."""

VERSIONS = (
    "1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01",
    "2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19",
    "2016-06-30", "2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-08-24", "2020-10-27",
    "2021-01-03", "2021-03-23", "2021-07-15", "2022-07-09", "2022-09-24", "2024-04-11", "latest",
)  # fmt: skip


def look(tree: Mapping[str, Any], steps: Sequence[str]) -> str | None:
    """The text at a path, or the list of a folder; None where nothing is."""
    here: Any = tree
    for step in steps:
        if not isinstance(here, Mapping) or step not in here:
            return None
        here = here[step]
    if isinstance(here, Mapping):
        if not here:
            return None if steps else ""
        titles = here.get("")  # a folder that is listed by other words than its names
        return titles or "\n".join(f"{name}/" if isinstance(one, Mapping) else name for name, one in here.items())
    return str(here() if callable(here) else here)


def user_data(row: Instance) -> bytes | None:
    return base64.b64decode(row.user_data) if row.user_data else None


def tree(call: Call, row: Instance) -> Tree:
    """The folder meta-data/, in the order of names."""
    with call.read() as tx:
        links = Links(tx, call.scope)
        nics = links.interfaces(row.id)
        shown = [_shown(tx, call, one) for one in nics]
        devices = [device for device, _ in links.volumes(row.id)]
        found: Tree = {
            **_network(tx, call, nics, shown),
            "public-keys": _keys(tx, call, row),
        }
    found |= {
        "ami-id": row.image,
        "ami-launch-index": str(row.index),
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": _devices(row, devices),
        "events": {"maintenance": {"history": "[]", "scheduled": "[]"}},
        "hibernation": {"configured": "false"},
        "instance-action": "none",
        "instance-id": row.id,
        "instance-life-cycle": "spot" if row.options.get("Lifecycle") == "spot" else "on-demand",
        "instance-type": row.type,
        "placement": _placement(call, row),
        "profile": "default-hvm",
        "reservation-id": row.reservation,
        "services": {"domain": "amazonaws.com", "partition": "aws"},
        "system": "nitro",
    }
    if row.profile:
        found["iam"] = {"info": "", "security-credentials": {}}
    if row.options["MetadataOptions"]["InstanceMetadataTags"] == "enabled" and row.tags:
        found["tags"] = {"instance": dict(row.tags)}
    kept = {name: one for name, one in found.items() if one not in ("", {}, None)}
    return dict(sorted(kept.items()))


def _shown(tx: Reader, call: Call, one: NetworkInterface) -> dict[str, Any]:
    from haneul.services.ec2.vpc.interfaces import describe_for_instance

    return describe_for_instance(tx, call.scope, one)


def _network(tx: Reader, call: Call, nics: Sequence[NetworkInterface], shown: Sequence[dict[str, Any]]) -> Tree:
    if not shown:
        return {}
    primary = shown[0]
    association = primary.get("Association") or {}
    names = [group["GroupName"] for group in primary.get("Groups") or ()]
    return {
        "hostname": primary.get("PrivateDnsName") or "",
        "local-hostname": primary.get("PrivateDnsName") or "",
        "local-ipv4": primary.get("PrivateIpAddress"),
        "mac": primary.get("MacAddress"),
        "public-hostname": association.get("PublicDnsName") or "",
        "public-ipv4": association.get("PublicIp") or "",
        "security-groups": "\n".join(names),
        "network": {
            "interfaces": {
                "macs": {one.mac: _interface(tx, call, one, told) for one, told in zip(nics, shown, strict=True)}
            }
        },
    }


def _interface(tx: Reader, call: Call, one: NetworkInterface, told: Mapping[str, Any]) -> Tree:
    subnet, vpc = SUBNET.find(tx, call.scope, one.subnet), VPC.find(tx, call.scope, one.vpc)
    addresses = told.get("PrivateIpAddresses") or ()
    publics = {two["Association"]["PublicIp"]: two["PrivateIpAddress"] for two in addresses if two.get("Association")}
    blocks = list(vpc.cidrs.values()) if vpc is not None else []
    found: Tree = {
        "device-number": str(one.attachment["index"]),
        "interface-id": one.id,
        "ipv4-associations": publics,
        "local-hostname": told.get("PrivateDnsName") or "",
        "local-ipv4s": "\n".join(one.addresses),
        "mac": one.mac,
        "network-card": str(one.attachment.get("card", 0)),
        "owner-id": call.account,
        "public-hostname": (told.get("Association") or {}).get("PublicDnsName") or "",
        "public-ipv4s": "\n".join(publics),
        "security-group-ids": "\n".join(group["GroupId"] for group in told.get("Groups") or ()),
        "security-groups": "\n".join(group["GroupName"] for group in told.get("Groups") or ()),
        "subnet-id": one.subnet,
        "subnet-ipv4-cidr-block": subnet.cidr if subnet is not None else "",
        "vpc-id": one.vpc,
        "vpc-ipv4-cidr-block": blocks[0] if blocks else "",
        "vpc-ipv4-cidr-blocks": "\n".join(blocks),
    }
    return {name: value for name, value in found.items() if value not in ("", {}, None)}


def _keys(tx: Reader, call: Call, row: Instance) -> Tree:
    from haneul.services.ec2.instances.key_pairs import public_of

    public = public_of(tx, call.scope, row.key) if row.key else ""
    return {"": f"0={row.key}", "0": {"openssh-key": f"{public.strip()}\n"}} if public else {}


def _devices(row: Instance, devices: Sequence[str]) -> Tree:
    others = [device for device in devices if device != row.root_device]
    found = {"ami": row.root_device, "root": row.root_device}
    return found | {f"ebs{number}": device.removeprefix("/dev/") for number, device in enumerate(others, 1)}


def _placement(call: Call, row: Instance) -> Tree:
    asked = row.options.get("Placement") or {}
    found = {
        "availability-zone": row.zone,
        "availability-zone-id": zone_id(row.zone),
        "group-name": asked.get("GroupName") or "",
        "partition-number": str(asked.get("PartitionNumber") or ""),
        "region": call.region,
    }
    return {name: value for name, value in found.items() if value}
