"""SQS's query protocol, which clients from before 2023 speak: its model names only JSON now, so the names of forms and
XML elements are put back here."""

from __future__ import annotations

from functools import cache
from typing import Any

from haneul.wire.message import Request
from haneul.wire.model import Model

_ITEMS = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BinaryList": "BinaryListValue",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
}
_MAPS = {
    "MessageBodyAttributeMap": ("MessageAttribute", "Name"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name"),
    "MessageSystemAttributeMap": ("Attribute", "Name"),
    "QueueAttributeMap": ("Attribute", "Name"),
    "TagMap": ("Tag", "Key"),
}


@cache
def former(model: Model) -> Model:
    """The model as the query protocol needs it."""
    shapes: dict[str, dict[str, Any]] = {}
    for name, shape in model.shapes.items():
        changed = shape
        if shape["type"] == "list":
            item = _ITEMS.get(name) or shape["member"]["shape"]
            changed = {**shape, "flattened": True, "member": {**shape["member"], "locationName": item}}
        elif shape["type"] == "map" and name in _MAPS:
            key = {**shape["key"], "locationName": _MAPS[name][1]}
            changed = {**shape, "key": key, "value": {**shape["value"], "locationName": "Value"}}
        elif shape["type"] == "structure":
            members = {
                member: {**ref, "locationName": _MAPS[ref["shape"]][0]} if ref["shape"] in _MAPS else ref
                for member, ref in shape["members"].items()
            }
            changed = {**shape, "members": members}
        shapes[name] = changed
    operations = {
        name: {
            "http": {"method": "POST", "requestUri": "/"},
            "input": operation.input,
            "errors": [{"shape": error} for error in operation.errors],
            **({} if operation.output is None else {"output": {**operation.output, "resultWrapper": f"{name}Result"}}),
        }
        for name, operation in model.operations.items()
    }
    metadata = {
        "protocol": "query",
        "protocols": ["query"],
        "awsQueryCompatible": {},
        "endpointPrefix": model.endpoint_prefix,
        "apiVersion": model.api_version,
        "xmlNamespace": model.xml_namespace,
        "serviceId": model.service_id,
    }
    return Model(model.name, {"metadata": metadata, "shapes": shapes, "operations": operations})


def with_queue(request: Request) -> Request:
    """A form without QueueUrl goes to the queue whose URL it was sent to."""
    if request.path.count("/") < 2 or b"QueueUrl=" in request.body or "QueueUrl=" in request.query:
        return request
    query = f"{request.query}&QueueUrl={request.path}" if request.query else f"QueueUrl={request.path}"
    return Request(request.method, request.path, query, request.headers, request.body, client=request.client)
