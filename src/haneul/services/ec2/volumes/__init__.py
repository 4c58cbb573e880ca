"""EBS: volumes, snapshots, and where they are attached."""
