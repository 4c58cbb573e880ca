"""CloudWatch Logs: groups, streams and what is read out of them."""
