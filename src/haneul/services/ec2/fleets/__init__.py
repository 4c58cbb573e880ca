"""Capacity that is asked for and kept: Spot requests, EC2 Fleets, Spot Fleets."""
