"""Cost Explorer: what the account's usage costs, from the cloud's own meter and AWS's public prices."""
