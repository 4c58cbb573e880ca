"""The `haneul` command."""
