"""Public parameters below /aws/service that this cloud can tell the truth about: regions, and images it has."""

from __future__ import annotations

from collections.abc import Iterator

from haneul.service import Call
from haneul.wire.errors import AwsError

PUBLISHED = 1_700_000_000.0
_REGIONS = "/aws/service/global-infrastructure/regions/"
_LONG_NAMES = {
    "af-south-1": "Africa (Cape Town)",
    "ap-east-1": "Asia Pacific (Hong Kong)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-northeast-2": "Asia Pacific (Seoul)",
    "ap-northeast-3": "Asia Pacific (Osaka)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "ca-central-1": "Canada (Central)",
    "eu-central-1": "Europe (Frankfurt)",
    "eu-north-1": "Europe (Stockholm)",
    "eu-south-1": "Europe (Milan)",
    "eu-west-1": "Europe (Ireland)",
    "eu-west-2": "Europe (London)",
    "eu-west-3": "Europe (Paris)",
    "me-south-1": "Middle East (Bahrain)",
    "sa-east-1": "South America (Sao Paulo)",
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
}
_IMAGES = {
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64": "al2023-ami-*-x86_64",
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64": "al2023-ami-*-x86_64",
    "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2": "amzn2-ami-hvm-*-x86_64-gp2",
}


def below(call: Call, prefix: str) -> Iterator[tuple[str, str]]:
    """Names and values below a path, in order."""
    for name, value in sorted(_all(call).items()):
        if name.startswith(prefix):
            yield name, value
    if prefix.startswith("/aws/service/ami"):
        for name in sorted(_IMAGES):
            if name.startswith(prefix) and (image := value_of_image(call, name)):
                yield name, image


def _all(call: Call) -> dict[str, str]:
    found = {_REGIONS + region: region for region in _LONG_NAMES}
    for region, name in _LONG_NAMES.items():
        found[f"{_REGIONS}{region}/longName"] = name
        found[f"{_REGIONS}{region}/domain"] = "amazonaws.com"
        found[f"{_REGIONS}{region}/partition"] = "aws"
    return found


def value(call: Call, name: str) -> str | None:
    if name in _IMAGES:
        return value_of_image(call, name)
    return _all(call).get(name)


def value_of_image(call: Call, name: str) -> str | None:
    """The newest image of this cloud's EC2 whose name fits; None when EC2 or the image isn't there."""
    wanted = {"Filters": [{"Name": "name", "Values": [_IMAGES[name]]}]}
    try:
        images = call.invoke("ec2", "DescribeImages", wanted).get("Images") or []
    except AwsError:
        return None
    newest = max(images, key=lambda image: image.get("CreationDate", ""), default=None)
    return None if newest is None else str(newest["ImageId"])
