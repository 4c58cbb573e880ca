"""Numbers of up to 38 significant digits, kept as canonical text: exact, ordered and added as decimals.

A number is a decimal string as AWS prints it: no exponent, no superfluous zeros. `encode` turns one into
bytes that sort as the number does and that are a prefix of no other number's bytes.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal

from haneul.services.dynamodb.errors import Layered, invalid

_PLAIN = re.compile(r"(?:0|-?[1-9][0-9]{0,36})\Z")
_NUMBER = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?\Z")
_EXACT = Context(prec=300)
_FIRST = str.maketrans("0123456789", "123456789a")
_COMPLEMENT = str.maketrans("0123456789", "edcba98765")
_BIAS = 130
_INT = 2**31

OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
PRECISION = "Attempting to store more than 38 significant digits in a Number"
NOT_NUMERIC = "The parameter cannot be converted to a numeric value"


def canonical(text: str) -> str:
    """The number in AWS's own spelling. Raises ValidationException for what is no number or out of range."""
    if _PLAIN.match(text):
        return text if len(text) < 38 or not text.endswith("0") else _render(*_parse(text))
    return _render(*_parse(text))


def _parse(text: str) -> tuple[bool, str, int]:
    """(negative, digits, point): the value is 0.DIGITS x 10**point, digits without zeros at either end."""
    match = _NUMBER.match(text)
    if match is None:
        raise Layered(f"{NOT_NUMERIC}: {text}", f"{NOT_NUMERIC}: {text}" if text else NOT_NUMERIC)
    sign, whole, fraction, only_fraction, exponent = match.groups()
    fraction = only_fraction or fraction or ""
    whole = whole or ""
    digits = (whole + fraction).lstrip("0")
    # A long exponent is out of range whatever it says; int() of a million digits would be an attack.
    shift = (
        0 if not exponent else (int(exponent) if len(exponent) < 12 else (-(10**10) if exponent[0] == "-" else 10**10))
    )
    point = len(digits) - len(fraction) + shift
    digits = digits.rstrip("0")
    if not digits:
        return False, "", 0
    if point > 126 or point < -129:
        told = OVERFLOW if point > 126 else UNDERFLOW
        raise Layered(told, _older(text, told, len(whole) + len(fraction), len(fraction), shift))
    if len(digits) > 38:
        raise invalid(PRECISION)
    return sign == "-", digits, point


def _older(text: str, told: str, precision: int, scale: int, exponent: int) -> str:
    """What the older check says of a number out of range: its exponents are of 32 bits, and so is its arithmetic."""
    if not -_INT <= exponent < _INT:
        return f"{NOT_NUMERIC}: {text}"
    return UNDERFLOW if precision - scale + exponent >= _INT else told


def _render(negative: bool, digits: str, point: int) -> str:
    if not digits:
        return "0"
    if point <= 0:
        text = "0." + "0" * -point + digits
    elif point >= len(digits):
        text = digits + "0" * (point - len(digits))
    else:
        text = digits[:point] + "." + digits[point:]
    return "-" + text if negative else text


def encode(number: str) -> bytes:
    """Order-preserving bytes of a canonical number."""
    negative, digits, point = _parse(number)
    if not digits:
        return b"\x80\x00"
    pad = "0" if len(digits) % 2 else "00"
    if negative:
        head = 0x7EFF - (point + _BIAS)
        return head.to_bytes(2, "big") + bytes.fromhex(digits.translate(_COMPLEMENT) + ("f" if len(pad) == 1 else "ff"))
    head = 0x8100 + point + _BIAS
    return head.to_bytes(2, "big") + bytes.fromhex(digits.translate(_FIRST) + pad)


def size(number: str) -> int:
    """Bytes a canonical number counts for in an item's size: about one per two significant digits, and one."""
    digits = number.strip("-0.") if "." in number else number.strip("-").rstrip("0")
    negative = number[0] == "-"
    if not digits:
        return 1
    point = number.find(".")
    if point >= 0:
        digits = digits.replace(".", "")
        digits = digits.lstrip("0")
    count = len(digits)
    exponent = _exponent(number)
    return 1 + (count + 1) // 2 + (0 if count % 2 or exponent % 2 else 1) + negative


def _exponent(number: str) -> int:
    """The power of ten of the first significant digit."""
    body = number.lstrip("-")
    whole, _, fraction = body.partition(".")
    if whole != "0":
        return len(whole) - 1
    return -(len(fraction) - len(fraction.lstrip("0")) + 1)


def add(left: str, right: str) -> str:
    """left + right, exactly. Raises ValidationException when 38 digits or the range don't hold the sum."""
    return _result(_EXACT.add(Decimal(left), Decimal(right)))


def subtract(left: str, right: str) -> str:
    return _result(_EXACT.subtract(Decimal(left), Decimal(right)))


def _result(value: Decimal) -> str:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    significant = text.rstrip("0")
    # AWS calls a sum that needs more digits than there are an overflow, too.
    if len(significant) > 38:
        raise invalid(OVERFLOW)
    return canonical(f"{'-' if sign else ''}{text or '0'}E{exponent}")
