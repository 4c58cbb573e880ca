"""What was used, what it costs: counted where it passes, priced from dated sheets."""
