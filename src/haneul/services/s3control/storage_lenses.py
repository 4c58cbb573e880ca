"""Storage Lens: configurations of what is counted, and their tags. The daily export is lens_exports.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul import converge
from haneul.service import Call, operation
from haneul.services.s3 import tagging
from haneul.services.s3.state import find_bucket
from haneul.services.s3control import lens_exports, pages
from haneul.services.s3control.account_blocks import own_account
from haneul.services.s3control.errors import errors
from haneul.services.s3control.lens_rows import LENSES, Lens, lens_arn
from haneul.services.s3control.tag_lists import and_tagging, given_tags
from haneul.state.store import Reader

RESOURCE = "arn:aws:s3:{region}:{account}:storage-lens/{ConfigId}"
DEFAULT = "default-account-dashboard"
MAX_LENSES = 20
_ID = re.compile(r"[a-zA-Z0-9._-]{1,64}")
_BUCKET = re.compile(r"arn:aws:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_UNCOUNTED = (
    *("ActivityMetrics", "AdvancedCostOptimizationMetrics", "AdvancedDataProtectionMetrics"),
    *("DetailedStatusCodesMetrics", "AdvancedPerformanceMetrics"),
)


@operation(
    resource=RESOURCE, action=and_tagging("s3:PutStorageLensConfiguration", "s3:PutStorageLensConfigurationTagging")
)
def put_storage_lens_configuration(call: Call, request: Mapping[str, Any]) -> None:
    """PutStorageLensConfiguration. Raises InvalidConfigId, InvalidRequest, and 501 for what an export here lacks."""
    own_account(call, request)
    identity, configuration = request["ConfigId"], request["StorageLensConfiguration"]
    _check(call, identity, configuration)
    tags = request.get("Tags")
    with call.write() as tx:
        known = LENSES.get(tx, call.scope, identity)
        if known is None and sum(1 for _ in LENSES.scan(tx, call.scope)) >= MAX_LENSES:
            raise errors.TooManyConfigurations("You are attempting to create more configurations than are allowed.")
        _check_destination(call, tx, configuration)
        kept = {} if known is None else known.tags
        made = Lens(
            id=identity,
            configuration=configuration,
            tags=kept if tags is None else given_tags(request),
        )
        LENSES.put(tx, call.scope, made)
        if lens_exports.destination(configuration) is not None:
            due = lens_exports.next_midnight(call.now())
            converge.wake(tx, "s3control.storage_lens", call.scope, (identity,), due=due)


@operation(resource=RESOURCE)
def get_storage_lens_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetStorageLensConfiguration. Raises NoSuchConfiguration."""
    with call.read() as tx:
        lens = _lens(call, tx, request)
    return {"StorageLensConfiguration": {**lens.configuration, "StorageLensArn": lens_arn(call.scope, lens.id)}}


@operation(resource="*")
def list_storage_lens_configurations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListStorageLensConfigurations of this home region."""
    own_account(call, request)
    with call.read() as tx:
        found = (
            (lens.id, {"Id": lens.id, "StorageLensArn": lens_arn(call.scope, lens.id), "HomeRegion": call.region,
                       "IsEnabled": lens.configuration["IsEnabled"]})
            for lens in LENSES.scan(tx, call.scope, after_key=pages.after(request))
        )  # fmt: skip
        page, token = pages.take(request, found)
    return {"StorageLensConfigurationList": page, "NextToken": token}


@operation(resource=RESOURCE)
def delete_storage_lens_configuration(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteStorageLensConfiguration. Raises NoSuchConfiguration."""
    if request["ConfigId"] == DEFAULT:
        raise errors.DefaultConfigurationDeleteForbidden("The Default configuration cannot be deleted.")
    with call.write() as tx:
        LENSES.delete(tx, call.scope, _lens(call, tx, request).id)


@operation(resource=RESOURCE)
def put_storage_lens_configuration_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutStorageLensConfigurationTagging, in place of all that were there."""
    tags = given_tags(request)
    with call.write() as tx:
        LENSES.put(tx, call.scope, msgspec.structs.replace(_lens(call, tx, request), tags=tags))
    return {}


@operation(resource=RESOURCE)
def get_storage_lens_configuration_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetStorageLensConfigurationTagging."""
    with call.read() as tx:
        return {"Tags": tagging.to_set(_lens(call, tx, request).tags)}


@operation(resource=RESOURCE)
def delete_storage_lens_configuration_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteStorageLensConfigurationTagging: all of them."""
    with call.write() as tx:
        LENSES.put(tx, call.scope, msgspec.structs.replace(_lens(call, tx, request), tags={}))
    return {}


def _lens(call: Call, tx: Reader, request: Mapping[str, Any]) -> Lens:
    own_account(call, request)
    found = LENSES.get(tx, call.scope, request["ConfigId"])
    if found is None:
        raise errors.NoSuchConfiguration("The specified configuration does not exist.")
    return found


def _check(call: Call, identity: str, configuration: Mapping[str, Any]) -> None:
    if not _ID.fullmatch(identity) or configuration["Id"] != identity:
        raise errors.InvalidConfigId("The configuration ID is not valid.")
    if configuration.get("StorageLensArn") not in (None, lens_arn(call.scope, identity)):
        raise errors.InvalidStorageLensArn("The S3 Storage Lens ARN is not required in input.")
    include, exclude = configuration.get("Include"), configuration.get("Exclude")
    if include is not None and exclude is not None:
        raise errors.InvalidIncludeExcludeContainers("An Include and an Exclude container can't be given both.")
    for name, container in (("Include", include), ("Exclude", exclude)):
        if container is None:
            continue
        if not container.get("Buckets") and not container.get("Regions"):
            raise getattr(errors, f"Empty{name}Container")(f"The {name.lower()} container cannot be empty.")
        if len(container.get("Buckets") or ()) > 50:
            raise errors.TooManyBuckets("The buckets container cannot have more than 50 buckets.")
        if len(container.get("Regions") or ()) > 50:
            raise errors.TooManyRegions("The Regions container cannot have more than 50 Regions.")
    groups = (configuration["AccountLevel"].get("StorageLensGroupLevel") or {}).get("SelectionCriteria") or {}
    if groups.get("Include") and groups.get("Exclude"):
        raise errors.InvalidIncludeExcludeElements("Only one Include or Exclude element is allowed.")
    _refuse(configuration)


def _refuse(configuration: Mapping[str, Any]) -> None:
    """What an export here would lack is refused, so that nobody waits for it."""
    if configuration.get("AwsOrg"):
        raise errors.NotImplemented("Dashboards of an organization are not there.")
    export = configuration.get("DataExport") or {}
    if configuration.get("ExpandedPrefixesDataExport"):
        raise errors.NotImplemented("Exports of expanded prefixes are not there.")
    for name in ("CloudWatchMetrics", "StorageLensTableDestination"):
        if (export.get(name) or {}).get("IsEnabled"):
            raise errors.NotImplemented(f"Exports to {name} are not there.")
    there = export.get("S3BucketDestination")
    if there is None:
        return
    if there["Format"] != "CSV":
        raise errors.NotImplemented(f"Exports of the format {there['Format']} are not written.")
    account = configuration["AccountLevel"]
    for level in (account, account["BucketLevel"]):
        for name in _UNCOUNTED:
            if (level.get(name) or {}).get("IsEnabled"):
                raise errors.NotImplemented(f"{name} are not counted, so no export could have them.")


def _check_destination(call: Call, tx: Reader, configuration: Mapping[str, Any]) -> None:
    there = lens_exports.destination(configuration)
    if there is None:
        return
    bucket = find_bucket(tx, there["Arn"].removeprefix("arn:aws:s3:::")) if _BUCKET.fullmatch(there["Arn"]) else None
    if bucket is None or bucket.owner != call.account or there["AccountId"] != call.account:
        raise errors.InvalidDestination("The destination must be a bucket of the account.")
    encryption = there.get("Encryption")
    if encryption is not None and len([one for one in encryption.values() if one is not None]) != 1:
        raise errors.InvalidEncryptionMethod("Only one encryption method can be specified.")
