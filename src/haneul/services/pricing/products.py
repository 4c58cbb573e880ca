"""What is sold: services, their attributes and their products with prices."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.pricing import catalog
from haneul.services.pricing.catalog import Product
from haneul.services.pricing.errors import errors
from haneul.services.pricing.names import LOCATIONS
from haneul.services.pricing.types import Types, types_of

FORMAT = "aws_v1"
MAX_PAGE = 100
MAX_VALUES = 10_000
Match = Callable[[Product], bool]


@operation()
async def describe_services(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeServices. Raises InvalidParameterException, NotFoundException, InvalidNextTokenException."""
    _check_format(request)
    named = request.get("ServiceCode")
    codes = [known(named)] if named else list(catalog.codes())
    start = position(request, 1)[0]
    size = request.get("MaxResults") or MAX_PAGE
    types = await types_of(call)
    shown = codes[start : start + size]
    services = [{"ServiceCode": code, "AttributeNames": _attribute_names(code, types)} for code in shown]
    more = start + size < len(codes)
    return {
        "Services": services,
        "FormatVersion": FORMAT,
        "NextToken": tokens.seal_page(start + size) if more else None,
    }


@operation()
async def get_attribute_values(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetAttributeValues. Raises InvalidParameterException, NotFoundException, InvalidNextTokenException."""
    code, name = known(request["ServiceCode"]), request["AttributeName"]
    types = await types_of(call)
    if name.lower() not in {one.lower() for one in _attribute_names(code, types)}:
        raise errors.NotFoundException(f"Attribute {name} is not found for service {code}")
    start = position(request, 1)[0]
    size = request.get("MaxResults") or MAX_VALUES
    values = await asyncio.to_thread(_values, code, name.lower(), types)
    return {
        "AttributeValues": [{"Value": value} for value in values[start : start + size]],
        "NextToken": tokens.seal_page(start + size) if start + size < len(values) else None,
    }


@operation()
async def get_products(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetProducts. Raises InvalidParameterException, NotFoundException, InvalidNextTokenException."""
    _check_format(request)
    code = known(request["ServiceCode"])
    filters = [_match(one) for one in request.get("Filters") or ()]
    start = position(request, 2)
    size = request.get("MaxResults") or MAX_PAGE
    types = await types_of(call)
    return await asyncio.to_thread(_page, code, filters, _regions(request), start, size, types)


def known(code: str) -> str:
    """The service code, if it has prices. Raises InvalidParameterException, NotFoundException."""
    if not re.fullmatch(r"[A-Za-z0-9]+", code):
        raise errors.InvalidParameterException("ServiceCode can only contain a-z, A-Z, 0-9")
    if code not in catalog.codes():
        raise errors.NotFoundException(f"Service code {code} is not found")
    return code


def position(request: Mapping[str, Any], members: int) -> list[int]:
    """Where the page begins: whole numbers, all 0 without a token. Raises InvalidNextTokenException."""
    token = request.get("NextToken")
    if not token:
        return [0] * members
    found = tokens.open_page(token)
    if found is None or len(found) != members or not all(isinstance(part, int) and part >= 0 for part in found):
        raise errors.InvalidNextTokenException("The pagination token is invalid. Try again without a pagination token.")
    return [int(part) for part in found]


def _check_format(request: Mapping[str, Any]) -> None:
    if request.get("FormatVersion") not in (None, FORMAT):
        raise errors.InvalidParameterException(f"Input Parameters are invalid. FormatVersion must be {FORMAT}")


def _page(
    code: str, filters: list[Match], regions: list[str], start: list[int], size: int, types: Types
) -> dict[str, Any]:
    """`size` products from a place on: which of the regions, and which product in it."""
    found: list[str] = []
    token = None
    for number, region in enumerate(regions[start[0] :], start[0]):
        first = start[1] if number == start[0] else 0
        for index, product in enumerate(catalog.products(code, region, types)):
            if index < first or not all(match(product) for match in filters):
                continue
            if len(found) == size:
                token = tokens.seal_page(number, index)
                break
            found.append(json.dumps(product.shown()))
        if token is not None:
            break
    return {"FormatVersion": FORMAT, "PriceList": found, "NextToken": token}


def _regions(request: Mapping[str, Any]) -> list[str]:
    """The regions that a request can be about: a filter on one saves looking through all."""
    for one in request.get("Filters") or ():
        if one["Type"] in ("TERM_MATCH", "EQUALS") and one["Field"].lower() in ("regioncode", "location"):
            wanted = one["Value"].lower()
            return [region for region, place in sorted(LOCATIONS.items()) if wanted in (region, place.lower())]
    return sorted(LOCATIONS)


def read(product: Product, field: str) -> list[str]:
    """What a product says about a field (lower case); its kinds of term are several."""
    if field == "sku":
        return [product.sku]
    if field == "productfamily":
        return [product.family]
    if field == "termtype":
        return ["OnDemand", "Reserved"] if product.type else ["OnDemand"]
    return [value for name, value in product.attributes.items() if name.lower() == field]


def _match(one: Mapping[str, Any]) -> Match:
    """A filter. Fields are told apart without case, and so are values but for EQUALS."""
    kind, field, value = one["Type"], one["Field"].lower(), one["Value"]
    if kind == "EQUALS":
        return lambda product: value in read(product, field)
    lower = value.lower()
    if kind == "CONTAINS":
        return lambda product: any(lower in told.lower() for told in read(product, field))
    if kind in ("ANY_OF", "NONE_OF"):
        wanted = {part.strip().lower() for part in value.split(",")}
        any_of = kind == "ANY_OF"
        return lambda product: any(told.lower() in wanted for told in read(product, field)) == any_of
    if kind != "TERM_MATCH":
        raise errors.InvalidParameterException(f"Input Parameters are invalid. Unknown filter type {kind}")
    return lambda product: any(told.lower() == lower for told in read(product, field))


def _attribute_names(code: str, types: Types) -> list[str]:
    names = {"productFamily", "termType"}
    for product in catalog.products(code, "us-east-1", types):
        names |= product.attributes.keys()
    return sorted(names)


def _values(code: str, field: str, types: Types) -> list[str]:
    if field in ("regioncode", "location"):
        return sorted(LOCATIONS if field == "regioncode" else LOCATIONS.values())
    return sorted({value for product in _anywhere(code, types) for value in read(product, field) if value})


def _anywhere(code: str, types: Types) -> Iterator[Product]:
    """One region's products stand for all but their places."""
    yield from catalog.products(code, "us-east-1", types)
