"""The Price List Service's errors, by AWS's names."""

from haneul.wire.errors import Errors

errors = Errors("pricing")
