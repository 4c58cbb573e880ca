"""VPCs and what is in them: subnets, routes, gateways, groups, lists, interfaces, addresses."""
