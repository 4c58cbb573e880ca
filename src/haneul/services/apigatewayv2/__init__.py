"""HTTP APIs and WebSocket APIs."""
