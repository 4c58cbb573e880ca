"""S3 Control: S3's second API, of what stands beside buckets; it reads and writes the rows of S3's room."""
