"""S3's data plane, in plain arguments: keys in the index, bytes on disk, checksums, ciphers. Knows no AWS request."""
