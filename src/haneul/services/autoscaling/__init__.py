"""EC2 Auto Scaling: groups of instances that stay as many, as healthy and as spread as they should be."""
