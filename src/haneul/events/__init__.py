"""What services tell each other: published in the transaction of the change, delivered at least once."""
