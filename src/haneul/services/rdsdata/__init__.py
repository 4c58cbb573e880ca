"""The Data API: SQL over HTTPS for Aurora clusters."""
