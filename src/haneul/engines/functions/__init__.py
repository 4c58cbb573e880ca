"""Execution environments of functions: sandboxed processes that speak Lambda's Runtime API."""
