"""The rows of instances and of what they are launched from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from haneul.services.ec2.errors import coded
from haneul.services.ec2.kinds import Kind
from haneul.state.table import Table
from haneul.wire.errors import AwsError


class Instance(msgspec.Struct, kw_only=True):
    """state: as AWS names it (pending, running, stopping, stopped, shutting-down, terminated). interfaces and volumes
    are found by their attachments. work: what the next step needs to know."""

    id: str
    state: str
    image: str
    type: str
    zone: str
    vpc: str
    subnet: str
    reservation: str
    index: int
    launched: float
    created: float
    key: str = ""
    profile: str = ""
    user_data: str = ""
    """In base64, as given."""
    root_device: str = "/dev/xvda"
    reason: tuple[str, str] = ("", "")
    """StateReason: its code and message."""
    transition: str = ""
    """StateTransitionReason."""
    options: dict[str, Any] = {}
    """What was asked for and is told again, by AWS's names (MetadataOptions, Placement, ...)."""
    client_token: str = ""
    work: dict[str, Any] = {}
    ended: float = 0.0
    metered: float = 0.0
    tags: dict[str, str] = {}

    @property
    def lives(self) -> bool:
        """Whether it has, or gets, a machine."""
        return self.state in ("pending", "running", "stopping", "shutting-down")


class Image(msgspec.Struct, kw_only=True):
    """An AMI. mappings: BlockDeviceMappings as AWS tells them. shared: account ids, and "all" for everybody."""

    id: str
    name: str
    state: str
    created: float
    root_device: str
    description: str = ""
    architecture: str = "x86_64"
    boot: str = "disk"
    """direct: a file system without a kernel; disk: a boot loader of its own."""
    mappings: list[dict[str, Any]] = []
    options: dict[str, Any] = {}
    shared: list[str] = []
    work: dict[str, Any] = {}
    tags: dict[str, str] = {}


class KeyPair(msgspec.Struct, kw_only=True):
    id: str
    name: str
    type: str
    public: str
    """One line as in authorized_keys."""
    fingerprint: str
    created: float
    tags: dict[str, str] = {}


class LaunchTemplate(msgspec.Struct, kw_only=True):
    id: str
    name: str
    created: float
    creator: str
    default: int = 1
    latest: int = 1
    made: int = 1
    """The highest number that a version of it ever had."""
    tags: dict[str, str] = {}


class LaunchTemplateName(msgspec.Struct, kw_only=True):
    """Names are taken once, and lead to ids."""

    name: str
    id: str


class LaunchTemplateVersion(msgspec.Struct, kw_only=True):
    template: str
    number: int
    created: float
    creator: str
    description: str = ""
    data: dict[str, Any] = {}


INSTANCE = Kind(
    "instance", "i", Table("ec2.instance", Instance, key=("id",)), "InvalidInstanceID.NotFound", "instance ID"
)
INSTANCES = INSTANCE.table
IMAGE = Kind("image", "ami", Table("ec2.image", Image, key=("id",)), "InvalidAMIID.NotFound", "image id")
IMAGES = IMAGE.table
KEY_PAIR = Kind("key-pair", "key", Table("ec2.key-pair", KeyPair, key=("id",)), "InvalidKeyPair.NotFound", "key pair")


class TemplateKind(Kind[LaunchTemplate]):
    """AWS's words for templates are their own."""

    def missing(self, identifiers: Sequence[str]) -> AwsError:
        return coded(self.absent, f"The {self.noun} {', '.join(identifiers)}, does not exist.")


TEMPLATE = TemplateKind(
    "launch-template",
    "lt",
    Table("ec2.launch-template", LaunchTemplate, key=("id",)),
    "InvalidLaunchTemplateId.NotFound",
    "specified launch template, with template ID",
)
TEMPLATE_VERSIONS = Table("ec2.launch-template-version", LaunchTemplateVersion, key=("template", "number"))
TEMPLATE_NAMES = Table("ec2.launch-template-name", LaunchTemplateName, key=("name",))
