"""Parameters described: what they are, without their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.ssm import names
from haneul.services.ssm.errors import invalid
from haneul.services.ssm.filters import check, fits
from haneul.services.ssm.reading import open_token
from haneul.services.ssm.state import PARAMETERS, VERSIONS, Version


@operation()
def describe_parameters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeParameters, in the order of names."""
    old, filters = request.get("Filters") or (), list(request.get("ParameterFilters") or ())
    if old and filters:
        raise invalid("You can use either Filters or ParameterFilters in a single request.")
    for chosen in old:
        option = "BeginsWith" if chosen["Key"] == "Name" else "Equals"
        filters.append({"Key": chosen["Key"], "Option": option, "Values": chosen["Values"]})
    check(filters)
    limit = request.get("MaxResults") or 50
    after = open_token(request.get("NextToken"))
    page: list[Version] = []
    with call.read() as tx:
        for parameter in PARAMETERS.scan(tx, call.scope, after_key=(after,) if after else None):
            version = VERSIONS.get(tx, call.scope, parameter.name, parameter.version)
            if version is not None and fits(parameter, version, filters):
                page.append(version)
                if len(page) > limit:
                    break
    more = {"NextToken": tokens.seal_page(page[limit - 1].name)} if len(page) > limit else {}
    return {"Parameters": [_metadata(call, version) for version in page[:limit]], **more}


def _metadata(call: Call, version: Version) -> dict[str, Any]:
    return {
        "Name": version.name,
        "ARN": names.arn_of(call.scope, version.name),
        "Type": version.kind,
        "KeyId": version.key,
        "LastModifiedDate": version.modified,
        "LastModifiedUser": version.user,
        "Description": version.description,
        "AllowedPattern": version.pattern,
        "Version": version.number,
        "Tier": version.tier,
        "Policies": version.policies,
        "DataType": version.data_type,
    }
