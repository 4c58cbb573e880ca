"""Logs Insights' query language: parsed once, run over records as plain mappings."""
