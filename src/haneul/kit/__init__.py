"""Small things that every layer shares. A closed list: a new file here needs three rooms that want it."""
