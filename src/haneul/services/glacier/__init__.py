"""S3 Glacier: vaults of archives that are cheap to fill, and slow and paid to read."""
