"""S3: key-value objects of any size over HTTP. README.md says what is real here."""
