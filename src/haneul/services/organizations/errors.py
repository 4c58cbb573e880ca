"""Organizations' errors."""

from haneul.wire.errors import Errors

errors = Errors("organizations")
