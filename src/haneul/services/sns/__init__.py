"""SNS: topics, and whoever subscribed to them."""
