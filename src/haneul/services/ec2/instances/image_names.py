"""What an image may be called and said to be."""

from __future__ import annotations

import re

from haneul.service import Scope
from haneul.services.ec2.errors import coded, invalid
from haneul.services.ec2.instances.state import IMAGE
from haneul.state.store import Reader

_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")


def check_name(name: str) -> None:
    """Raises InvalidAMIName.Malformed."""
    if not _NAME.fullmatch(name):
        raise coded(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', "
            "'-', '/' and '_'",
        )


def check_free(tx: Reader, scope: Scope, name: str) -> None:
    """Raises InvalidAMIName.Duplicate when an image of the account has the name."""
    for row in IMAGE.table.scan(tx, scope):
        if row.name == name and row.state != "deregistered":
            raise coded("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {row.id}")


def check_description(text: str) -> None:
    """Raises InvalidParameterValue."""
    if not text.isascii():
        raise invalid(
            f"Value ({text}) for parameter description is invalid. Character sets beyond ASCII are not supported."
        )
    if len(text) > 255:
        raise invalid(f"Value ({text}) for parameter description is invalid. It must be at most 255 characters long.")
