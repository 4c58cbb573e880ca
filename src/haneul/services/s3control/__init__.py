"""S3 Control: the second API of S3's room; its operations are in `s3/account_blocks.py` and `s3/resource_tags.py`."""
