"""AWS's wire, compiled from AWS's own model: requests in, responses and errors out. Pure: no sockets, no clock."""
