"""How an archive's bytes are hashed and kept."""
