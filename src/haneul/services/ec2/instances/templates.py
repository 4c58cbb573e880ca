"""Launch templates: their lives, and what RunInstances makes of one (`merged`). Versions are in `template_versions`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors, missing
from haneul.services.ec2.instances import template_data
from haneul.services.ec2.instances.state import (
    TEMPLATE,
    TEMPLATE_NAMES,
    TEMPLATE_VERSIONS,
    LaunchTemplate,
    LaunchTemplateName,
    LaunchTemplateVersion,
)
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

Request = Mapping[str, Any]
LIMITS = (1, 200)
TEMPLATES = 5000
"""Of an account in a region."""
MARKS = ("aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version")
"""Tags that instances made from a template have."""
_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
_SSM = "resolve:ssm:"
_FILTERS = {"create-time": "CreateTime", "launch-template-name": "LaunchTemplateName"}


def arn(call: Call, request: Request) -> str:
    """The template that a request names by id or name, for IAM."""
    identifier = request.get("LaunchTemplateId")
    if not identifier and request.get("LaunchTemplateName"):
        with call.read() as tx:
            named = TEMPLATE_NAMES.get(tx, call.scope, request["LaunchTemplateName"])
        identifier = named.id if named is not None else ""
    return TEMPLATE.arn(call.scope, identifier or "*")


@operation("arn:aws:ec2:{region}:{account}:launch-template/*")
def create_launch_template(call: Call, request: Request) -> dict[str, Any]:
    """CreateLaunchTemplate, with its first version. Raises InvalidLaunchTemplateName.AlreadyExistsException."""
    name = request["LaunchTemplateName"]
    if not _NAME.fullmatch(name):
        raise malformed_name()
    check_description(request)
    tags = tagging.of_new(request, "launch-template")
    with call.write() as tx:
        made = idempotency.made_before(tx, call, request)
        if made:
            return {"LaunchTemplate": describe(TEMPLATE.get(tx, call.scope, made[0]))}
        if TEMPLATE_NAMES.get(tx, call.scope, name) is not None:
            raise coded("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
        if sum(1 for _ in TEMPLATE_NAMES.scan(tx, call.scope, limit=TEMPLATES)) >= TEMPLATES:
            raise errors.LaunchTemplateLimitExceeded(
                f"You have reached the maximum number of launch templates ({TEMPLATES}) for this region."
            )
        row = LaunchTemplate(
            id=TEMPLATE.new_id(), name=name, created=call.now(), creator=call.principal.arn, made=1, tags=tags
        )
        add_version(tx, call, row, 1, request)
        TEMPLATE_NAMES.put(tx, call.scope, LaunchTemplateName(name=name, id=row.id))
        TEMPLATE.table.put(tx, call.scope, row)
        idempotency.remember(tx, call, request, [row.id])
    return {"LaunchTemplate": describe(row)}


@operation()
def describe_launch_templates(call: Call, request: Request) -> dict[str, Any]:
    """DescribeLaunchTemplates: those that are named in the order of their names, all in the order in which they were
    made. Raises the NotFound error of what is named."""
    ids, names = request.get("LaunchTemplateIds") or (), request.get("LaunchTemplateNames") or ()
    with call.read() as tx:
        if ids or names:
            rows = TEMPLATE.get_all(tx, call.scope, ids) + _named(tx, call.scope, names)
            rows = list({row.id: row for row in rows}.values())
        else:
            rows = list(TEMPLATE.table.scan(tx, call.scope))
    named = bool(ids or names)
    items = [
        (f"{index:06d}" if named else f"{row.created:017.6f}{row.id}", describe(row)) for index, row in enumerate(rows)
    ]
    return listing.paged(request, "LaunchTemplates", items, _FILTERS, LIMITS)


@operation(arn)
def modify_launch_template(call: Call, request: Request) -> dict[str, Any]:
    """ModifyLaunchTemplate: another default version."""
    if request.get("LaunchTemplateId") and request.get("LaunchTemplateName"):
        raise errors.InvalidParameterCombination(
            "Either provide launch template ID or launch template name to modify the template."
        )
    with call.write() as tx:
        row = find(tx, call.scope, request)
        wanted = request.get("DefaultVersion")
        if wanted:
            number = _number(row, wanted)
            if number is None or TEMPLATE_VERSIONS.get(tx, call.scope, row.id, number) is None:
                raise coded(
                    "InvalidLaunchTemplateId.VersionNotFound",
                    f"The launch template version {wanted} is not found for the specified launch template.",
                )
            row.default = number
            TEMPLATE.table.put(tx, call.scope, row)
    return {"LaunchTemplate": describe(row)}


@operation(arn)
def delete_launch_template(call: Call, request: Request) -> dict[str, Any]:
    """DeleteLaunchTemplate, with all of its versions."""
    with call.write() as tx:
        row = find(tx, call.scope, request)
        TEMPLATE_VERSIONS.delete_all(tx, call.scope, row.id)
        TEMPLATE_NAMES.delete(tx, call.scope, row.name)
        TEMPLATE.table.delete(tx, call.scope, row.id)
    return {"LaunchTemplate": describe(row)}


def merged(tx: Reader, call: Call, request: Request) -> dict[str, Any]:
    """A launch's request with its template's data beneath it. Its LaunchTemplate is then the version that it came to:
    {LaunchTemplateId, Version}. Raises InvalidLaunchTemplateId.NotFound, InvalidLaunchTemplateName.NotFoundException,
    InvalidLaunchTemplateId.VersionNotFound, InvalidParameterCombination, InvalidAMIID.Malformed."""
    found = _joined(tx, call.scope, request)
    return {**found, "ImageId": image_of(call, found.get("ImageId"))}


def seen(call: Call, request: Request) -> Request:
    """What IAM decides about: the request with its template's data, as far as there is such a template."""
    if not request.get("LaunchTemplate"):
        return request
    try:
        with call.read() as tx:
            return _joined(tx, call.scope, request)
    except AwsError:
        return request  # the operation itself will say what is wrong with it


def _joined(tx: Reader, scope: Scope, request: Request) -> dict[str, Any]:
    asked = request.get("LaunchTemplate")
    if not asked:
        return dict(request)
    row = find(tx, scope, asked)
    version = version_of(tx, scope, row, asked.get("Version") or "$Default")
    found = template_data.beneath(version.data, request)
    if version.data.get("InstanceRequirements") and not found.get("InstanceType"):
        raise errors.InvalidParameterCombination(
            "A launch template with instance requirements names no instance type: give InstanceType in the request, or "
            "launch by an EC2 Fleet, a Spot Fleet or an Auto Scaling group."
        )
    return {**found, "LaunchTemplate": {"LaunchTemplateId": row.id, "Version": str(version.number)}}


def marks_of(merged: Request) -> dict[str, str]:
    """The tags by which an instance tells the template that it came from."""
    asked = merged.get("LaunchTemplate")
    return dict(zip(MARKS, (asked["LaunchTemplateId"], asked["Version"]), strict=True)) if asked else {}


def image_of(call: Call, image: str | None) -> str | None:
    """The image id, also of "resolve:ssm:parameter". Raises InvalidAMIID.Malformed."""
    if not image or not image.startswith(_SSM):
        return image
    try:
        parameter = call.invoke("ssm", "GetParameter", {"Name": image.removeprefix(_SSM)})["Parameter"]
    except AwsError as error:
        raise coded(
            "InvalidAMIID.Malformed", f"The Systems Manager parameter of '{image}' can't be read: {error.code}"
        ) from error
    return str(parameter["Value"])


def find(tx: Reader, scope: Scope, asked: Request) -> LaunchTemplate:
    """The template that `asked` names by LaunchTemplateId or LaunchTemplateName."""
    identifier, name = asked.get("LaunchTemplateId"), asked.get("LaunchTemplateName")
    if identifier and name:
        raise errors.InvalidParameterCombination(
            "Specify either a launch template ID or a launch template name, but not both."
        )
    if identifier:
        return TEMPLATE.get(tx, scope, identifier)
    if not name:
        raise missing("launch template ID or launch template name")
    return by_name(tx, scope, name)


def by_name(tx: Reader, scope: Scope, name: str) -> LaunchTemplate:
    """Raises InvalidLaunchTemplateName.MalformedException, InvalidLaunchTemplateName.NotFoundException."""
    if not _NAME.fullmatch(name):
        raise malformed_name()
    named = TEMPLATE_NAMES.get(tx, scope, name)
    if named is None:
        raise coded(
            "InvalidLaunchTemplateName.NotFoundException",
            f"The specified launch template, with template name {name}, does not exist.",
        )
    return TEMPLATE.get(tx, scope, named.id)


def _named(tx: Reader, scope: Scope, names: Sequence[str]) -> list[LaunchTemplate]:
    """Those of these names, for a description. Raises InvalidLaunchTemplateName.NotFoundException, in other words."""
    rows = []
    for name in names:
        named = TEMPLATE_NAMES.get(tx, scope, name)
        if named is None:
            raise coded(
                "InvalidLaunchTemplateName.NotFoundException",
                "At least one of the launch templates specified in the request does not exist.",
            )
        rows.append(TEMPLATE.get(tx, scope, named.id))
    return rows


def version_of(tx: Reader, scope: Scope, row: LaunchTemplate, version: str) -> LaunchTemplateVersion:
    """A version by its number, "$Latest" or "$Default". Raises InvalidLaunchTemplateId.VersionNotFound."""
    number = _number(row, version)
    found = None if number is None else TEMPLATE_VERSIONS.get(tx, scope, row.id, number)
    if found is None:
        raise coded(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {version} for the launch template with ID {row.id}.",
        )
    return found


def add_version(tx: Writer, call: Call, row: LaunchTemplate, number: int, request: Request) -> LaunchTemplateVersion:
    """A new version with what the request says."""
    version = LaunchTemplateVersion(
        template=row.id,
        number=number,
        created=call.now(),
        creator=call.principal.arn,
        description=request.get("VersionDescription") or "",
        data=dict(request["LaunchTemplateData"]),
    )
    TEMPLATE_VERSIONS.put(tx, call.scope, version)
    return version


def check_description(request: Request) -> None:
    if len(request.get("VersionDescription") or "") > 255:
        raise errors.InvalidParameterValue("A version description must be at most 255 characters.")


def malformed_name() -> AwsError:
    return coded(
        "InvalidLaunchTemplateName.MalformedException",
        "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the "
        "following characters: - ( ) . / _.",
    )


def describe(row: LaunchTemplate) -> dict[str, Any]:
    """A LaunchTemplate."""
    return {
        "LaunchTemplateId": row.id,
        "LaunchTemplateName": row.name,
        "CreateTime": row.created,
        "CreatedBy": row.creator,
        "DefaultVersionNumber": row.default,
        "LatestVersionNumber": row.latest,
        "Operator": {"Managed": False},
        "Tags": tagging.render(row.tags) or None,
    }


def _number(row: LaunchTemplate, version: str) -> int | None:
    if version == "$Latest":
        return row.latest
    if version == "$Default":
        return row.default
    return int(version) if version.isascii() and version.isdigit() and len(version) < 16 else None
