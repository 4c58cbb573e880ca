"""Adapters around what is not ours: a folder per kind, each with a port, the real thing and a fake."""
