"""CloudWatch: metrics, what is computed from them, and alarms."""
