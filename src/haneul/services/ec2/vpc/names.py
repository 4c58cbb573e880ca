"""DNS names of addresses, as EC2 makes them."""

from __future__ import annotations


def private_name(region: str, address: str) -> str:
    """ip-10-0-0-5.ec2.internal in us-east-1, ip-10-0-0-5.eu-west-1.compute.internal elsewhere."""
    return f"ip-{address.replace('.', '-')}.{domain(region)}"


def domain(region: str) -> str:
    """The domain of private names, and of DHCP options that name none."""
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


def public_name(region: str, address: str) -> str:
    """ec2-198-18-0-10.compute-1.amazonaws.com in us-east-1."""
    where = "compute-1" if region == "us-east-1" else f"{region}.compute"
    return f"ec2-{address.replace('.', '-')}.{where}.amazonaws.com"
