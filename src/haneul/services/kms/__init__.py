"""KMS: keys that never leave in the clear, and what is done with them."""
