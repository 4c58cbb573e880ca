"""DescribeImageReferences: what of the account's still names an image: instances, launch templates, parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import invalid, missing
from haneul.services.ec2.instances.state import IMAGE, INSTANCE, TEMPLATE, TEMPLATE_VERSIONS
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

MOST = 10
"""Images of one request."""
DEPTH = 10
"""Versions of a launch template that are looked at, the newest first."""
Request = Mapping[str, Any]
Found = tuple[str, str, str]
"""Image, type of resource, ARN."""


@operation()
def describe_image_references(call: Call, request: Request) -> dict[str, Any]:
    """DescribeImageReferences. Recipes of Image Builder are never among them: it isn't here."""
    wanted = request.get("ImageIds") or ()
    IMAGE.check(wanted)
    if not wanted:
        raise missing("ImageIds")
    if len(wanted) > MOST:
        raise invalid(f"At most {MOST} images can be looked for at once.")
    kinds = _kinds(request)
    found: list[Found] = []
    with call.read() as tx:
        if "ec2:Instance" in kinds:
            found += _instances(tx, call, wanted, kinds["ec2:Instance"].get("state-name"))
        if "ec2:LaunchTemplate" in kinds:
            found += _templates(tx, call, wanted, kinds["ec2:LaunchTemplate"].get("version-depth"))
    if "ssm:Parameter" in kinds:
        found += _parameters(call, wanted)
    items = [
        ("\x00".join(one), {"ImageId": one[0], "ResourceType": one[1], "Arn": one[2]}) for one in dict.fromkeys(found)
    ]
    return listing.paged(request, "ImageReferences", items, {}, (1, 1000))


def _kinds(request: Request) -> dict[str, dict[str, Sequence[str]]]:
    """Type of resource -> its options."""
    asked = {
        one["ResourceType"]: {
            option["OptionName"]: option.get("OptionValues") or () for option in one.get("ResourceTypeOptions") or ()
        }
        for one in request.get("ResourceTypes") or ()
    }
    if request.get("IncludeAllResourceTypes"):
        return {"ec2:Instance": {}, "ec2:LaunchTemplate": {}, "ssm:Parameter": {}, **asked}
    if not asked:
        raise missing("ResourceTypes")
    return asked


def _instances(tx: Reader, call: Call, wanted: Sequence[str], states: Sequence[str] | None) -> Iterator[Found]:
    for row in INSTANCE.table.scan(tx, call.scope):
        if row.image in wanted and (not states or row.state in states):
            yield row.image, "ec2:Instance", INSTANCE.arn(call.scope, row.id)


def _templates(tx: Reader, call: Call, wanted: Sequence[str], depth: Sequence[str] | None) -> Iterator[Found]:
    given = (depth or [str(DEPTH)])[0]
    if not given.isdigit() or not 1 <= int(given) <= 10_000:
        raise invalid(f"Value ({given}) for parameter version-depth is invalid.")
    for row in TEMPLATE.table.scan(tx, call.scope):
        for version in TEMPLATE_VERSIONS.scan(tx, call.scope, row.id, reverse=True, limit=int(given)):
            if version.data.get("ImageId") in wanted:
                yield version.data["ImageId"], "ec2:LaunchTemplate", TEMPLATE.arn(call.scope, row.id)


def _parameters(call: Call, wanted: Sequence[str]) -> Iterator[Found]:
    """Parameters of Systems Manager whose data type says that they are images."""
    asked: dict[str, Any] = {"Path": "/", "Recursive": True, "MaxResults": 10}
    while True:
        try:
            page = call.invoke("ssm", "GetParametersByPath", asked)
        except AwsError:
            return
        for one in page["Parameters"]:
            if one.get("DataType") == "aws:ec2:image" and one["Value"] in wanted:
                yield one["Value"], "ssm:Parameter", one["ARN"]
        if not page.get("NextToken"):
            return
        asked["NextToken"] = page["NextToken"]
