"""The data plane of queues: how messages lie in the store, and an index in memory of those that may be received."""
