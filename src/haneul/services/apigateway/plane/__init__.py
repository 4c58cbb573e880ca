"""The data plane: deployed APIs answering requests."""
