"""Who calls, and may they: signatures, principals, policies, and the gate that asks them."""
