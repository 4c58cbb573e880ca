"""EC2: instances that boot, volumes that hold, networks that filter. One API, a folder for each of its families."""
