"""VPC links. They are told as AWS tells them, and lead where the integration's own address leads from this machine:
an ARN of a load balancer leads nowhere as long as there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigatewayv2 import names
from haneul.services.apigatewayv2.errors import bad
from haneul.services.apigatewayv2.paging import page
from haneul.services.apigatewayv2.state import ITEMS, ROOT, Item, find, given, items, new_id, put


def describe(row: Item) -> dict[str, Any]:
    return {
        "VpcLinkId": row.id,
        "CreatedDate": int(row.created),
        "VpcLinkStatus": "AVAILABLE",
        "VpcLinkStatusMessage": "VPC link is ready to route traffic",
        "VpcLinkVersion": "V2",
        **row.held,
    }


@operation(resource=names.resource)
def create_vpc_link(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    if not request["SubnetIds"]:
        raise bad("At least one subnet is required")
    held = given(request, "Name", "SubnetIds") | {"SecurityGroupIds": list(request.get("SecurityGroupIds") or ())}
    held["Tags"] = dict(request.get("Tags") or {})
    with call.write() as tx:
        row = put(tx, call.scope, "link", ROOT, new_id(6), held, call.now())
    return describe(row)


@operation(resource=names.resource)
def get_vpc_link(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(find(tx, call.scope, "link", ROOT, request["VpcLinkId"]))


@operation(resource=names.resource)
def get_vpc_links(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "link")
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def update_vpc_link(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = find(tx, call.scope, "link", ROOT, request["VpcLinkId"])
        row.held = row.held | given(request, "Name")
        ITEMS.put(tx, call.scope, row)
    return describe(row)


@operation(resource=names.resource)
def delete_vpc_link(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteVpcLink. Raises BadRequestException while an integration goes through it."""
    with call.write() as tx:
        row = find(tx, call.scope, "link", ROOT, request["VpcLinkId"])
        for api in items(tx, call.scope, "api"):
            if any(one.held.get("ConnectionId") == row.id for one in items(tx, call.scope, "integration", api.id)):
                raise bad(f"Cannot delete vpc link. Vpc link '{row.id}', is referenced in [Integration:{api.id}]")
        ITEMS.delete(tx, call.scope, "link", ROOT, row.id)
    return {}
