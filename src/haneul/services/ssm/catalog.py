"""Public parameters below /aws/service that this cloud can tell the truth about: regions, and images it has."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

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
_OURS = ("haneul-minimal-x86_64", "haneul-debian-13-x86_64")
"""Images that EC2 comes with, the one that is built and boots the fastest first."""
_AMAZON = "/aws/service/ami-amazon-linux-latest/"
_IMAGES = {
    f"{_AMAZON}al2023-ami-kernel-6.1-x86_64": ("al2023-ami-2*-kernel-6.1-x86_64", *_OURS),
    f"{_AMAZON}al2023-ami-kernel-default-x86_64": ("al2023-ami-2*-x86_64", *_OURS),
    f"{_AMAZON}al2023-ami-minimal-kernel-6.1-x86_64": ("al2023-ami-minimal-*-x86_64", *_OURS),
    f"{_AMAZON}al2023-ami-minimal-kernel-default-x86_64": ("al2023-ami-minimal-*-x86_64", *_OURS),
    f"{_AMAZON}amzn2-ami-hvm-x86_64-ebs": ("amzn2-ami-hvm-*-x86_64-ebs", *_OURS),
    f"{_AMAZON}amzn2-ami-hvm-x86_64-gp2": ("amzn2-ami-hvm-*-x86_64-gp2", *_OURS),
    f"{_AMAZON}amzn2-ami-kernel-5.10-hvm-x86_64-ebs": ("amzn2-ami-kernel-5.10-hvm-*-x86_64-ebs", *_OURS),
    f"{_AMAZON}amzn2-ami-kernel-5.10-hvm-x86_64-gp2": ("amzn2-ami-kernel-5.10-hvm-*-x86_64-gp2", *_OURS),
    "/aws/service/debian/release/13/latest/amd64": ("haneul-debian-13-x86_64",),
    "/aws/service/haneul/debian-13-x86_64": ("haneul-debian-13-x86_64",),
    "/aws/service/haneul/minimal-x86_64": ("haneul-minimal-x86_64",),
}
"""Parameter -> names of images, the first that is there. Whoever has Amazon Linux registers it under its own name; for
everybody else what this cloud comes with stands in for it, so that modules which look up "some Linux" work."""


def below(call: Call, prefix: str) -> Iterator[tuple[str, str]]:
    """Names and values below a path, in order."""
    found = {name: value for name, value in _all(call).items() if name.startswith(prefix)}
    for name in _IMAGES:
        if name.startswith(prefix) and (image := value_of_image(call, name)):
            found[name] = image
    yield from sorted(found.items())


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
    """The newest image whose name fits, of the account's own and those that EC2 comes with: never somebody else's, who
    could have called it so. None when there is none."""
    try:
        images = call.invoke("ec2", "DescribeImages", {"Owners": ["self", "amazon"]}).get("Images") or []
    except AwsError:
        return None
    for wanted in _IMAGES[name]:
        fitting = [image for image in images if fnmatchcase(image["Name"], wanted)]
        if fitting:
            return str(max(fitting, key=lambda image: image["CreationDate"])["ImageId"])
    return None
