"""Custom domain names, and the stages that their paths lead to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigatewayv2 import names
from haneul.services.apigatewayv2.errors import bad, conflict, errors
from haneul.services.apigatewayv2.paging import page
from haneul.services.apigatewayv2.state import (
    HOUSE,
    ITEMS,
    PLACES,
    ROOT,
    Item,
    Place,
    find,
    given,
    items,
    new_id,
    put,
    touched,
)
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

ZONES = {"us-east-1": "Z1UJRXOUMOOFQ8", "us-west-2": "Z2OJLYMUO9EFXC", "eu-west-1": "ZLY8HYME6SFDD"}
_SELECTION = "$request.basepath"
_MODES = ("API_MAPPING_ONLY", "ROUTING_RULE_ONLY", "ROUTING_RULE_THEN_API_MAPPING")


def domain_key(name: str) -> str:
    """Under what the plane finds a domain's stamp."""
    return f"/domain/{name}"


def describe(row: Item) -> dict[str, Any]:
    return {"ApiMappingSelectionExpression": _SELECTION, "DomainName": row.id, **row.held}


def _configured(call: Call, name: str, wanted: Any, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The one configuration that a domain has. Raises BadRequestException."""
    if not wanted or len(wanted) != 1:
        raise bad("DomainNameConfigurations must have exactly one configuration")
    one = given(wanted[0], "CertificateArn", "CertificateName", "EndpointType", "SecurityPolicy", "IpAddressType",
                "OwnershipVerificationCertificateArn")  # fmt: skip
    if not one.get("CertificateArn"):
        raise bad("A certificate ARN must be specified in the domain name configuration")
    if one.setdefault("EndpointType", "REGIONAL") != "REGIONAL":
        raise bad("Only REGIONAL endpoint type is supported by this API")
    one.setdefault("SecurityPolicy", "TLS_1_2")
    one.setdefault("IpAddressType", "ipv4")
    return one | {
        "ApiGatewayDomainName": (before or {}).get("ApiGatewayDomainName")
        or f"d-{new_id(10)}.execute-api.{call.region}.amazonaws.com",
        "DomainNameStatus": "AVAILABLE",
        "HostedZoneId": ZONES.get(call.region, ZONES["us-east-1"]),
    }


def _routing(mode: str | None) -> str:
    if mode not in (None, *_MODES):
        raise bad("Invalid routing mode specified")
    if mode not in (None, "API_MAPPING_ONLY"):
        raise AwsError("NotImplemented", "Routing rules of custom domain names are not implemented.", 501)
    return "API_MAPPING_ONLY"


async def _knows(call: Call, operation_name: str, **request: str) -> bool:
    """Whether API Gateway's first API has something: AWS keeps domain names of both in one list."""
    if "apigateway" not in call.cloud.services:
        return False
    try:
        answer = call.invoke("apigateway", operation_name, request)
        if inspect.isawaitable(answer):
            await answer
    except AwsError as error:
        if error.code == "NotFoundException":
            return False
        raise
    return True


@operation(resource=names.resource)
async def create_domain_name(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDomainName. Raises ConflictException when the name is taken."""
    name = request["DomainName"].lower()
    if not re.fullmatch(r"(\*\.)?([a-z0-9\-]+\.)+[a-z0-9\-]+", name):
        raise bad("Invalid domain name specified")
    held: dict[str, Any] = {
        "DomainNameArn": names.arn(call.region, f"/domainnames/{name}"),
        "DomainNameConfigurations": [_configured(call, name, request.get("DomainNameConfigurations"), None)],
        "RoutingMode": _routing(request.get("RoutingMode")),
        "Tags": dict(request.get("Tags") or {}),
    }
    held |= given(request, "MutualTlsAuthentication")
    if await _knows(call, "GetDomainName", domainName=name):
        raise conflict("The domain name you provided already exists.")

    def make(tx: Any) -> Item:
        if PLACES.get(tx, HOUSE, name) is not None:
            raise conflict("The domain name you provided already exists.")
        PLACES.put(tx, HOUSE, Place(id=name, account=call.scope.account, region=call.scope.region))
        return put(tx, call.scope, "domain", ROOT, name, held, call.now())

    return describe(await call.transact(make))


def _domain(tx: Reader, call: Call, request: Mapping[str, Any]) -> Item:
    return find(tx, call.scope, "domain", ROOT, request["DomainName"].lower())


@operation(resource=names.resource)
def get_domain_name(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(_domain(tx, call, request))


@operation(resource=names.resource)
def get_domain_names(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "domain")
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def update_domain_name(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = _domain(tx, call, request)
        held = row.held | given(request, "MutualTlsAuthentication")
        if request.get("RoutingMode"):
            held["RoutingMode"] = _routing(request["RoutingMode"])
        if request.get("DomainNameConfigurations"):
            before = held["DomainNameConfigurations"][0]
            held["DomainNameConfigurations"] = [_configured(call, row.id, request["DomainNameConfigurations"], before)]
        if not (held.get("MutualTlsAuthentication") or {}).get("TruststoreUri"):
            held.pop("MutualTlsAuthentication", None)
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return describe(row)


@operation(resource=names.resource)
def delete_domain_name(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = _domain(tx, call, request)
        ITEMS.delete_all(tx, call.scope, "mapping", row.id)
        ITEMS.delete(tx, call.scope, "domain", ROOT, row.id)
        PLACES.delete(tx, HOUSE, row.id)
        touched(tx, domain_key(row.id))
    return {}


# API mappings


def _describe_mapping(row: Item) -> dict[str, Any]:
    return {"ApiMappingId": row.id, **row.held}


async def _check_target(call: Call, held: Mapping[str, Any]) -> None:
    """Raise BadRequestException for an API or stage that there isn't, here or among the REST APIs."""
    api, stage = held["ApiId"], held["Stage"]
    with call.read() as tx:
        is_ours = ITEMS.get(tx, call.scope, "api", ROOT, api) is not None
        has_stage = ITEMS.get(tx, call.scope, "stage", api, stage) is not None
    if not is_ours:
        if not await _knows(call, "GetRestApi", restApiId=api):
            raise bad(f"Invalid API identifier specified: {api}")
        has_stage = await _knows(call, "GetStage", restApiId=api, stageName=stage)
    if not has_stage:
        raise bad("Invalid stage identifier specified")


def _check(tx: Reader, call: Call, domain: Item, held: Mapping[str, Any], own: str = "") -> None:
    key = held["ApiMappingKey"]
    if not re.fullmatch(r"([A-Za-z0-9$_.+!*'()\-]+(/[A-Za-z0-9$_.+!*'()\-]+)*)?", key) or len(key) > 300:
        raise bad("An ApiMapping key may contain only letters, numbers and one of $-_.+!*'()")
    for row in items(tx, call.scope, "mapping", domain.id):
        if row.held["ApiMappingKey"] == key and row.id != own:
            raise conflict("ApiMapping key already exists for this domain name")


@operation(resource=names.resource)
async def create_api_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateApiMapping, of an API of any kind. Raises ConflictException for a key that is taken."""
    held = {"ApiId": request["ApiId"], "Stage": request["Stage"]}
    held["ApiMappingKey"] = request.get("ApiMappingKey") or ""
    if held["ApiMappingKey"] == "(none)":
        held["ApiMappingKey"] = ""
    with call.read() as tx:
        _domain(tx, call, request)
    await _check_target(call, held)

    def make(tx: Writer) -> Item:
        domain = _domain(tx, call, request)
        _check(tx, call, domain, held)
        touched(tx, domain_key(domain.id))
        return put(tx, call.scope, "mapping", domain.id, new_id(6), held, call.now())

    return _describe_mapping(await call.transact(make))


def _mapping(tx: Reader, call: Call, request: Mapping[str, Any]) -> Item:
    row = ITEMS.get(tx, call.scope, "mapping", _domain(tx, call, request).id, request["ApiMappingId"])
    if row is None:
        raise errors.NotFoundException("The api mapping resource specified in the request was not found.")
    return row


@operation(resource=names.resource)
def get_api_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return _describe_mapping(_mapping(tx, call, request))


@operation(resource=names.resource)
def get_api_mappings(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "mapping", _domain(tx, call, request).id)
    return page([_describe_mapping(row) for row in rows], request)


@operation(resource=names.resource)
async def update_api_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    changes = given(request, "ApiId", "ApiMappingKey", "Stage")
    with call.read() as tx:
        held = _mapping(tx, call, request).held | changes
    await _check_target(call, held)

    def change(tx: Writer) -> Item:
        domain = _domain(tx, call, request)
        row = _mapping(tx, call, request)
        row.held = row.held | changes
        _check(tx, call, domain, row.held, row.id)
        ITEMS.put(tx, call.scope, row)
        touched(tx, domain_key(domain.id))
        return row

    return _describe_mapping(await call.transact(change))


@operation(resource=names.resource)
def delete_api_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = _mapping(tx, call, request)
        ITEMS.delete(tx, call.scope, "mapping", row.parent, row.id)
        touched(tx, domain_key(row.parent))
    return {}


def claims(tx: Reader, name: str) -> bool:
    """Whether this host name is a custom domain of somebody's."""
    if "." not in name:
        return False
    return PLACES.get(tx, HOUSE, name) is not None or PLACES.get(tx, HOUSE, "*." + name.partition(".")[2]) is not None
