"""Log events in the store, filter patterns, and Insights' language: plain arguments, no AWS calls."""
