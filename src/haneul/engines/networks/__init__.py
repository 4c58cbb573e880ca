"""VPCs made real: a network namespace each, a tap or veth for every network interface, nftables on every packet."""
