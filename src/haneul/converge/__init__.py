"""Everything that takes time: rows that are not settled yet, moved on by idempotent steps."""
