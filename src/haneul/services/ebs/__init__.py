"""The EBS direct APIs: the second API of EC2's room; its operations are `ec2/volumes/direct.py` and `drafts.py`."""
