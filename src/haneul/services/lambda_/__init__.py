"""Lambda: functions that run in sandboxes, from zip archives."""
