"""What APIs put in front of: HTTP endpoints, Lambda functions, AWS's services; and what they all keep of it."""
