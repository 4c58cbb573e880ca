"""What belongs to an account as a whole in a region: its settings, its limits, the hours of what it keeps."""
