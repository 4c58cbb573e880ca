"""Bytes to operations and back. Imports no service."""
