"""AWS Budgets: what may be spent, and who is told when it was, over the cloud's own meter."""
