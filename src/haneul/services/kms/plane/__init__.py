"""The cryptography behind keys: plain arguments, no AWS calls."""
