"""dnsmasq's configuration for a VPC: a fixed lease per interface, private names, AWS's names to the cloud. Pure."""

from __future__ import annotations

import ipaddress

from haneul.engines.networks.port import SERVICES, Subnet, VpcPlan
from haneul.engines.networks.wires import ROUTER, offset

_AWS = ("amazonaws.com", "api.aws", "on.aws")


def configuration(plan: VpcPlan, pid_file: str) -> str:
    lines = [
        f"pid-file={pid_file}",
        "no-resolv",
        "no-hosts",
        "leasefile-ro",
        "bind-dynamic",
        f"interface={ROUTER}",
        "interface=t*",
        f"bridge-interface={ROUTER},t*",
        "dhcp-authoritative",
        "dhcp-rapid-commit",
        "no-ping",
        "local-ttl=60",
    ]
    if not plan.dns_support:
        lines.append("port=0")
    for subnet in plan.subnets:
        lines += _range(plan, subnet)
    for eni in plan.enis:
        if eni.kind != "none":
            name = f",{eni.hostname}" if eni.hostname else ""
            lines.append(f"dhcp-host={eni.mac},{eni.addresses[0]}{name},1h")
    lines += [f"address=/{zone}/{SERVICES}" for zone in _AWS]
    lines += [f"host-record={name},{address}" for name, address in plan.names]
    lines += [f"host-record={e.hostname}.{plan.dhcp.domain},{e.addresses[0]}" for e in plan.enis if e.hostname]
    return "\n".join(lines) + "\n"


def _range(plan: VpcPlan, subnet: Subnet) -> list[str]:
    """No option 121: AWS sends none, and cloud-init stumbles over it beside option 3."""
    block = ipaddress.ip_network(subnet.cidr)
    tag = subnet.id
    servers = plan.dhcp.servers or ((offset(plan.cidrs[0], 2),) if plan.dns_support else ())
    lines = [
        f"dhcp-range=set:{tag},{block.network_address},static,{block.netmask},1h",
        f"dhcp-option=tag:{tag},3,{offset(subnet.cidr, 1)}",
    ]
    if servers:
        lines.append(f"dhcp-option=tag:{tag},6,{','.join(servers)}")
    if plan.dhcp.domain:
        lines.append(f"dhcp-option=tag:{tag},15,{plan.dhcp.domain}")
    if plan.dhcp.ntp:
        lines.append(f"dhcp-option=tag:{tag},42,{','.join(plan.dhcp.ntp)}")
    return lines
