"""EventBridge Scheduler: what happens once or again and again."""
