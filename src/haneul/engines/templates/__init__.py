"""Template languages that AWS's services speak, compiled once and run without reach into Python."""
