"""The data plane of HTTP and WebSocket APIs."""
