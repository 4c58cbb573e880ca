"""What was promised to instances beforehand: placement groups, capacity reservations, Reserved Instances."""
