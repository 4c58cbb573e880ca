"""Custom domain names, and the stages that their paths lead to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, conflict
from haneul.services.apigateway.methods import copy
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import HOUSE, ITEMS, PLACES, ROOT, Item, Place, find, items, new_id, put, touched
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

ZONES = {"us-east-1": "Z1UJRXOUMOOFQ8", "us-west-2": "Z2OJLYMUO9EFXC", "eu-west-1": "ZLY8HYME6SFDD"}
EDGE_ZONE = "Z2FDTNDATAQYW2"
NONE = "(none)"
_RULES = (
    Rule("/certificateName"),
    Rule("/certificateArn"),
    Rule("/regionalCertificateName"),
    Rule("/regionalCertificateArn"),
    Rule("/securityPolicy"),
    Rule("/endpointAccessMode"),
    Rule("/ownershipVerificationCertificateArn", "replace remove"),
    Rule("/endpointConfiguration/types/[]", "add replace remove"),
    Rule("/endpointConfiguration/ipAddressType"),
    Rule("/mutualTlsAuthentication/truststoreUri", "add replace remove"),
    Rule("/mutualTlsAuthentication/truststoreVersion", "add replace remove"),
    Rule("/policy"),
    Rule("/routingMode"),
)
_MAPPING_RULES = (Rule("/basePath"), Rule("/restapiId"), Rule("/stage"))


@operation(resource=names.resource)
def create_domain_name(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDomainName. Raises BadRequestException when the name is taken."""
    name = request["domainName"].lower()
    if not re.fullmatch(r"(\*\.)?([a-z0-9\-]+\.)+[a-z0-9\-]+", name):
        raise bad("Invalid domain name specified")
    endpoint = dict(request.get("endpointConfiguration") or {})
    endpoint["types"] = list(endpoint.get("types") or ["EDGE"])
    endpoint.setdefault("ipAddressType", "ipv4")
    if endpoint["types"] == ["PRIVATE"]:
        raise AwsError("NotImplemented", "Private custom domain names need VPC endpoints, which are not here.", 501)
    region = call.region
    edge = endpoint["types"] == ["EDGE"]
    wanted = ("certificateArn", "certificateName", "certificateBody") if edge else (
        "regionalCertificateArn", "regionalCertificateName",
    )  # fmt: skip
    if not any(request.get(key) for key in wanted):
        raise bad("Invalid request input")
    held = {
        key: request[key]
        for key in (
            "certificateName", "certificateArn", "regionalCertificateName", "regionalCertificateArn",
            "ownershipVerificationCertificateArn", "mutualTlsAuthentication", "endpointAccessMode",
        )
        if request.get(key) is not None
    }  # fmt: skip
    held |= {
        "domainName": name,
        "domainNameArn": names.arn(region, f"/domainnames/{name}"),
        "endpointConfiguration": endpoint,
        "domainNameStatus": "AVAILABLE",
        "securityPolicy": request.get("securityPolicy") or "TLS_1_2",
        "routingMode": request.get("routingMode") or "BASE_PATH_MAPPING_ONLY",
        "tags": dict(request.get("tags") or {}),
    }
    if edge:
        held["distributionDomainName"] = f"d{new_id(13)}.cloudfront.net"
        held["distributionHostedZoneId"] = EDGE_ZONE
        held["certificateUploadDate"] = int(call.now())
    else:
        held["regionalDomainName"] = f"d-{new_id(10)}.execute-api.{region}.amazonaws.com"
        held["regionalHostedZoneId"] = ZONES.get(region, "Z1UJRXOUMOOFQ8")
    with call.write() as tx:
        if PLACES.get(tx, HOUSE, name) is not None:
            raise bad("The domain name you provided already exists.")
        row = put(tx, call.scope, "domain", ROOT, name, held, call.now())
        PLACES.put(tx, HOUSE, Place(id=name, account=call.scope.account, region=call.scope.region))
    return row.held


@operation(resource=names.resource)
def get_domain_name(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return _domain(tx, call, request).held


def _domain(tx: Reader, call: Call, request: Mapping[str, Any]) -> Item:
    return find(tx, call.scope, "domain", ROOT, request["domainName"].lower())


@operation(resource=names.resource)
def get_domain_names(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return page([row.held for row in items(tx, call.scope, "domain")], request)


@operation(resource=names.resource)
def update_domain_name(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = _domain(tx, call, request)
        held = copy(row.held)
        patching.apply(held, patching.checked(call, request), _RULES)
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return row.held


@operation(resource=names.resource)
def delete_domain_name(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = _domain(tx, call, request)
        ITEMS.delete_all(tx, call.scope, "mapping", row.id)
        ITEMS.delete(tx, call.scope, "domain", ROOT, row.id)
        PLACES.delete(tx, HOUSE, row.id)
        touched(tx, call.scope, f"/domain/{row.id}")
    return {}


# Base path mappings


def _check(tx: Reader, call: Call, held: Mapping[str, Any]) -> None:
    if ITEMS.get(tx, call.scope, "api", ROOT, held["restApiId"]) is None:
        raise bad(f"Invalid REST API identifier specified: {held['restApiId']}")
    stage = held.get("stage")
    if stage and ITEMS.get(tx, call.scope, "stage", held["restApiId"], stage) is None:
        raise bad("Invalid stage identifier specified")
    path = held["basePath"]
    if path != NONE and not re.fullmatch(r"[A-Za-z0-9$_.+!*'()\-]+", path):
        raise bad(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level "
            "base path mapping, use API Gateway V2."
            if "/" in path
            else "Invalid base path specified"
        )


@operation(resource=names.resource)
def create_base_path_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateBasePathMapping. Raises ConflictException."""
    with call.write() as tx:
        domain = _domain(tx, call, request)
        held = {"basePath": request.get("basePath") or NONE, "restApiId": request["restApiId"]}
        if request.get("stage"):
            held["stage"] = request["stage"]
        _check(tx, call, held)
        if ITEMS.get(tx, call.scope, "mapping", domain.id, held["basePath"]) is not None:
            raise conflict("Base path already exists for this domain name")
        put(tx, call.scope, "mapping", domain.id, held["basePath"], held, call.now())
        touched(tx, call.scope, f"/domain/{domain.id}")
    return held


@operation(resource=names.resource)
def get_base_path_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        domain = _domain(tx, call, request)
        return find(tx, call.scope, "mapping", domain.id, request["basePath"]).held


@operation(resource=names.resource)
def get_base_path_mappings(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        domain = _domain(tx, call, request)
        return page([row.held for row in items(tx, call.scope, "mapping", domain.id)], request)


@operation(resource=names.resource)
def update_base_path_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        domain = _domain(tx, call, request)
        row = find(tx, call.scope, "mapping", domain.id, request["basePath"])
        held = {"restapiId": row.held["restApiId"]} | row.held
        patching.apply(held, patching.checked(call, request), _MAPPING_RULES)
        held["restApiId"] = held.pop("restapiId")
        held["basePath"] = held.get("basePath") or NONE
        if not held.get("stage"):
            held.pop("stage", None)
        _check(tx, call, held)
        ITEMS.delete(tx, call.scope, "mapping", domain.id, row.id)
        put(tx, call.scope, "mapping", domain.id, held["basePath"], held, row.created)
        touched(tx, call.scope, f"/domain/{domain.id}")
    return held


@operation(resource=names.resource)
def delete_base_path_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        domain = _domain(tx, call, request)
        row = find(tx, call.scope, "mapping", domain.id, request["basePath"])
        ITEMS.delete(tx, call.scope, "mapping", domain.id, row.id)
        touched(tx, call.scope, f"/domain/{domain.id}")
    return {}


def claims(tx: Reader, name: str) -> bool:
    """Whether this host name is a custom domain of somebody's."""
    if "." not in name:
        return False
    return PLACES.get(tx, HOUSE, name) is not None or PLACES.get(tx, HOUSE, "*." + name.partition(".")[2]) is not None
