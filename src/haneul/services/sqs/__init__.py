"""SQS: queues whose messages are on disk before a send is answered."""
