"""EventBridge: buses, rules and the targets that their events reach."""
