"""Glacier's errors, by AWS's names."""

from haneul.wire.errors import Errors

errors = Errors("glacier", AccessDeniedException=403)
