"""The rooms: one folder per API. None imports another."""
