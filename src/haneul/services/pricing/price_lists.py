"""Price lists: a service's prices in a region as one file, in the bulk format, JSON or CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.pricing import catalog
from haneul.services.pricing.catalog import Product
from haneul.services.pricing.desk import Desk
from haneul.services.pricing.errors import errors
from haneul.services.pricing.names import LOCATIONS
from haneul.services.pricing.products import MAX_PAGE, known, position
from haneul.services.pricing.types import Types, types_of
from haneul.wire.message import Request, Response

FORMATS = ("json", "csv")
HOST = "price-list-files"
_ARN = re.compile(r"arn:aws:pricing:::price-list/aws/([A-Za-z0-9]+)/USD/(\d{14})/([a-z0-9-]+)")
_PATH = re.compile(r"/offers/v1\.0/aws/([A-Za-z0-9]+)/(\d{14})/([a-z0-9-]+)/index\.(json|csv)")
_DISCLAIMER = (
    "Prices of the sheets that this cloud's meter uses, taken from AWS's public pages on the date of publication; "
    "without taxes, and binding for nobody."
)
_COLUMNS = ("SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate", "StartingRange")
_PRICE_COLUMNS = ("EndingRange", "Unit", "PricePerUnit", "Currency")
_LEASE_COLUMNS = ("LeaseContractLength", "PurchaseOption", "OfferingClass")


@operation()
def list_price_lists(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListPriceLists. Raises InvalidParameterException, NotFoundException, ResourceNotFoundException."""
    code = known(request["ServiceCode"])
    if request["CurrencyCode"] != "USD":
        raise errors.InvalidParameterException("Input Parameters are invalid. CurrencyCode must be USD")
    region = request.get("RegionCode")
    if region and region not in LOCATIONS:
        raise errors.ResourceNotFoundException(f"No price list is found for region {region}")
    regions = [region] if region else sorted(LOCATIONS)
    start = position(request, 1)[0]
    size = request.get("MaxResults") or MAX_PAGE
    return {
        "PriceLists": [_shown(code, one) for one in regions[start : start + size]],
        "NextToken": tokens.seal_page(start + size) if start + size < len(regions) else None,
    }


@operation()
def get_price_list_file_url(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetPriceListFileUrl. Raises InvalidParameterException, ResourceNotFoundException."""
    form = request["FileFormat"].lower()
    if form not in FORMATS:
        raise errors.InvalidParameterException(f"Input Parameters are invalid. FileFormat {form} is not supported")
    found = _ARN.fullmatch(request["PriceListArn"])
    if found is None or not _exists(found[1], found[2], found[3]):
        raise errors.ResourceNotFoundException(f"Price list {request['PriceListArn']} is not found")
    path = f"/offers/v1.0/aws/{found[1]}/{found[2]}/{found[3]}/index.{form}"
    ticket = _desk(call).ticket_for(path, call.now())
    return {"Url": f"http://{HOST}.localhost:{call.cloud.port}{path}?ticket={ticket}"}


async def answer(call: Call, request: Request, target: object) -> Response | None:
    """Serve a price list's file to whoever has the URL that GetPriceListFileUrl gave."""
    if request.method not in ("GET", "HEAD"):
        return Response(405, [("Content-Type", "text/plain")], b"Method not allowed\n")
    found = _PATH.fullmatch(request.path)
    if found is None or not _exists(found[1], found[2], found[3]):
        return Response(404, [("Content-Type", "text/plain")], b"There is no such price list.\n")
    if not _desk(call).lets(request.path, request.query.removeprefix("ticket="), call.now()):
        return Response(403, [("Content-Type", "text/plain")], b"This URL is not signed, or no longer good.\n")
    types = await types_of(call)
    write, kind = (_as_csv, "text/csv") if found[4] == "csv" else (_as_json, "application/json")
    body = await _desk(call).file(request.path, lambda: write(found[1], found[3], types))
    return Response(200, [("Content-Type", kind)], body)


def _desk(call: Call) -> Desk:
    desk: Desk = call.cloud.planes["pricing"]
    return desk


def _shown(code: str, region: str) -> dict[str, Any]:
    arn = f"arn:aws:pricing:::price-list/aws/{code}/USD/{catalog.version_of(code, region)}/{region}"
    return {"PriceListArn": arn, "RegionCode": region, "CurrencyCode": "USD", "FileFormats": list(FORMATS)}


def _exists(code: str, version: str, region: str) -> bool:
    return code in catalog.codes() and region in LOCATIONS and version == catalog.version_of(code, region)


def _as_json(code: str, region: str, types: Types) -> bytes:
    products: dict[str, Any] = {}
    terms: dict[str, dict[str, Any]] = {"OnDemand": {}}
    for product in catalog.products(code, region, types):
        products[product.sku] = {
            "sku": product.sku,
            "productFamily": product.family,
            "attributes": product.attributes,
        }
        for kind, found in product.terms().items():
            terms.setdefault(kind, {})[product.sku] = found
    file = {
        "formatVersion": "v1.0",
        "disclaimer": _DISCLAIMER,
        "offerCode": code,
        "version": catalog.version_of(code, region),
        "publicationDate": f"{catalog.dated(code, region)}T00:00:00Z",
        "products": products,
        "terms": terms,
        "attributesList": {},
    }
    return orjson.dumps(file, option=orjson.OPT_INDENT_2)


def _as_csv(code: str, region: str, types: Types) -> bytes:
    """Five lines about the file, one of column names, then a line for every price."""
    products = list(catalog.products(code, region, types))
    names = sorted({name for product in products for name in product.attributes})
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(("FormatVersion", "v1.0"))
    writer.writerow(("Disclaimer", _DISCLAIMER))
    writer.writerow(("Publication Date", f"{catalog.dated(code, region)}T00:00:00Z"))
    writer.writerow(("Version", catalog.version_of(code, region)))
    writer.writerow(("OfferCode", code))
    writer.writerow((*_COLUMNS, *_PRICE_COLUMNS, *_LEASE_COLUMNS, "Product Family", *names))
    for product in products:
        about = [product.family, *(product.attributes.get(name, "") for name in names)]
        for line in _prices(product):
            writer.writerow((*line, *about))
    return out.getvalue().encode()


def _prices(product: Product) -> Iterator[list[str]]:
    for kind, terms in product.terms().items():
        for term in terms.values():
            lease = [term["termAttributes"].get(name, "") for name in _LEASE_COLUMNS]
            for rate, price in term["priceDimensions"].items():
                yield [
                    *(product.sku, term["offerTermCode"], rate, kind, price["description"], term["effectiveDate"]),
                    *(price.get("beginRange", ""), price.get("endRange", "")),
                    *(price["unit"], price["pricePerUnit"]["USD"], "USD"),
                    *lease,
                ]
