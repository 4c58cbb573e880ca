"""Dedicated Hosts: what an account reserves for itself alone, and which instances stand on which host."""
