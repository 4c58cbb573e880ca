"""Everything durable: an ordered store behind a port, typed tables over it, and blobs beside it."""
