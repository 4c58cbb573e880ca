"""DynamoDB's data plane: numbers, values, keys, expressions; plain arguments and no I/O."""
