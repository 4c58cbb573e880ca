"""DynamoDB: tables of items, their indexes, streams, backups and replicas."""
