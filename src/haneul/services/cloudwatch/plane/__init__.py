"""Points of metrics in the store, and statistics over them: plain arguments, no AWS calls."""
