"""Secrets Manager: secrets with versions and stages, sealed by KMS."""
