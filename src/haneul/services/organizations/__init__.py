"""AWS Organizations: several accounts under one roof, and the policies that limit them."""
