"""Cost Explorer's errors, by AWS's names."""

from haneul.wire.errors import Errors

errors = Errors("ce", ValidationException=400)
