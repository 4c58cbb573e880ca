"""Connections to WebSocket APIs, as their backends see them."""
