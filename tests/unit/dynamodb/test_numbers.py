"""Numbers: the bytes of keys sort as the numbers do, the text is exact."""

from __future__ import annotations

import itertools
from decimal import Decimal, localcontext

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from haneul.services.dynamodb.plane import keys, numbers
from haneul.wire.errors import AwsError

Parts = tuple[int, int]
DIGITS = st.one_of(st.integers(-999, 999), st.integers(-(10**38) + 1, 10**38 - 1))
NUMBERS = st.tuples(DIGITS, st.integers(-130, 87)).filter(lambda n: in_range(*n))


def in_range(digits: int, exponent: int) -> bool:
    return digits == 0 or -130 <= Decimal(digits).scaleb(exponent).adjusted() <= 125


def text(number: Parts) -> str:
    return f"{number[0]}E{number[1]}"


def exact(number: Parts) -> Decimal:
    return Decimal(f"{number[0]}E{number[1]}")


@given(NUMBERS)
def test_the_canonical_text_is_the_same_number(number: Parts) -> None:
    """No digit is lost, and what is canonical stays as it is."""
    shown = numbers.canonical(text(number))
    assert Decimal(shown) == exact(number)
    assert "E" not in shown
    assert numbers.canonical(shown) == shown


@given(NUMBERS, NUMBERS)
def test_bytes_sort_as_numbers(left: Parts, right: Parts) -> None:
    """Sort keys are compared as bytes; equal numbers are one key."""
    one, two = (numbers.encode(numbers.canonical(text(each))) for each in (left, right))
    assert (one < two) == (exact(left) < exact(right))
    assert (one == two) == (exact(left) == exact(right))
    assert one == two or not two.startswith(one), "no encoding begins with another"


@given(NUMBERS, st.binary(max_size=8))
def test_an_encoded_number_ends_where_it_says(number: Parts, behind: bytes) -> None:
    """Index entries hold keys one behind the other; `skip` finds the seam."""
    encoded = numbers.encode(numbers.canonical(text(number)))
    assert keys.skip("N", b"before" + encoded + behind, 6) == 6 + len(encoded)


@given(NUMBERS, NUMBERS)
def test_sums_are_exact_or_refused(left: Parts, right: Parts) -> None:
    """ADD never rounds."""
    with localcontext() as context:
        context.prec = 300
        wanted = exact(left) + exact(right)
        difference = exact(left) - exact(right)
    for function, value in ((numbers.add, wanted), (numbers.subtract, difference)):
        try:
            got = function(numbers.canonical(text(left)), numbers.canonical(text(right)))
        except AwsError:
            with localcontext() as context:
                context.prec = 300
                held = value == 0 or (len(str(value.normalize().as_tuple().digits)) // 3 <= 38)
                assert not (held and (value == 0 or -130 <= value.adjusted() <= 125))
        else:
            assert Decimal(got) == value


@given(st.text(st.sampled_from("0123456789.eE+-_ naif"), max_size=12))
def test_any_text_is_a_number_or_refused(told: str) -> None:
    """The parser and Python's agree on what is a number, but for what only Python takes."""
    assume("_" not in told and " " not in told)
    try:
        shown = numbers.canonical(told)
    except AwsError as error:
        assert error.code == "ValidationException"
    else:
        assert Decimal(shown) == Decimal(told)


@given(st.binary(max_size=12), st.binary(max_size=12))
def test_strings_sort_as_bytes(left: bytes, right: bytes) -> None:
    """Escaped zero bytes keep the order, and no encoding begins with another."""
    one, two = keys.ordered("B", left), keys.ordered("B", right)
    assert (one < two) == (left < right)
    assert one == two or not two.startswith(one)
    assert keys.skip("B", one + b"behind", 0) == len(one)


@pytest.mark.parametrize("total", [1, 2, 3, 7, 1000])
def test_segments_cover_every_hash_once(total: int) -> None:
    """A parallel scan sees every item exactly once."""
    ends = [keys.segment(number, total) for number in range(total)]
    assert ends[0][0] == b"\x00" * 8
    assert ends[-1][1] > b"\xff" * 8
    assert all(before[1] == behind[0] for before, behind in itertools.pairwise(ends))
