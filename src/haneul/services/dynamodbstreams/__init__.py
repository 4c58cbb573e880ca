"""DynamoDB Streams: the second API of DynamoDB's room; its operations are `dynamodb/streams.py`."""
