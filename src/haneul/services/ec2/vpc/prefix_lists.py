"""Prefix lists: blocks of addresses by one id, in versions; routes and rules name them, and follow every change."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import realise
from haneul.services.ec2.vpc.state import GROUP, PREFIX_LIST, ROUTE_TABLE, RULE, PrefixList
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:prefix-list/{PrefixListId}"
LARGEST = 1000
"""Entries of one list, as AWS allows."""
AT_ONCE = 100
_FILTERS = {"owner-id": "OwnerId", "prefix-list-id": "PrefixListId", "prefix-list-name": "PrefixListName"}


@operation("arn:aws:ec2:{region}:{account}:prefix-list/*")
def create_managed_prefix_list(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateManagedPrefixList. Raises InvalidParameterValue, PrefixListMaxEntriesExceeded."""
    family, size = request["AddressFamily"], _size(request["MaxEntries"])
    if family not in ("IPv4", "IPv6"):
        raise invalid(f"Value ({family}) for parameter addressFamily is invalid.")
    name = _name(request["PrefixListName"])
    entries = _added({}, family, request.get("Entries") or ())
    _within(entries, size)
    tags = tagging.of_new(request, "prefix-list")
    with call.write() as tx:
        made = idempotency.made_before(tx, call, request)
        if made is not None:
            return {"PrefixList": describe(call.scope, PREFIX_LIST.get(tx, call.scope, made[0]))}
        row = PrefixList(
            id=PREFIX_LIST.new_id(),
            name=name,
            family=family,
            created=call.now(),
            size=size,
            entries=entries,
            versions={1: entries},
            tags=tags,
        )
        PREFIX_LIST.table.put(tx, call.scope, row)
        idempotency.remember(tx, call, request, [row.id])
    return {"PrefixList": describe(call.scope, row) | {"State": "create-in-progress"}}


@operation(ARN)
async def modify_managed_prefix_list(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyManagedPrefixList: entries (a new version), the name, or the size. Raises PrefixListVersionMismatch."""
    added, removed = request.get("AddEntries") or (), request.get("RemoveEntries") or ()
    size = request.get("MaxEntries")
    if size is not None and (added or removed):
        raise mixed("You cannot modify the entries of a prefix list and modify the size of a prefix list at once.")

    def change(tx: Writer) -> realise.Changed:
        row = _own(tx, call.scope, request["PrefixListId"])
        _check_version(row, request.get("CurrentVersion"), needed=bool(added or removed))
        if request.get("PrefixListName"):
            row.name = _name(request["PrefixListName"])
        if size is not None:
            _within(row.entries, _size(size))
            row.size = size
        if added or removed:
            entries = _added(_removed(row.entries, removed), row.family, added)
            _within(entries, row.size)
            _advance(row, entries)
        row.state = "modify-complete"
        PREFIX_LIST.table.put(tx, call.scope, row)
        shown = describe(call.scope, row) | {"State": "modify-in-progress"}
        return {"PrefixList": shown}, _users(tx, call.scope, row.id)

    return await realise.apply(call, change)


@operation(ARN)
async def restore_managed_prefix_list_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreManagedPrefixListVersion: an earlier version's entries as a new version."""

    def change(tx: Writer) -> realise.Changed:
        row = _own(tx, call.scope, request["PrefixListId"])
        _check_version(row, request["CurrentVersion"], needed=True)
        entries = _version(row, request["PreviousVersion"])
        _within(entries, row.size)
        _advance(row, entries)
        row.state = "restore-complete"
        PREFIX_LIST.table.put(tx, call.scope, row)
        shown = describe(call.scope, row) | {"State": "restore-in-progress"}
        return {"PrefixList": shown}, _users(tx, call.scope, row.id)

    return await realise.apply(call, change)


@operation(ARN)
def delete_managed_prefix_list(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteManagedPrefixList: while a route or a rule names it, that fails (`delete-failed`) after the answer."""
    with call.write() as tx:
        row = _own(tx, call.scope, request["PrefixListId"])
        if _associations(tx, call.scope, row.id):
            row.state = "delete-failed"
            PREFIX_LIST.table.put(tx, call.scope, row)
        else:
            PREFIX_LIST.table.delete(tx, call.scope, row.id)
    return {"PrefixList": describe(call.scope, row) | {"State": "delete-in-progress"}}


@operation()
def describe_managed_prefix_lists(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeManagedPrefixLists: the account's own and AWS's."""
    return listing.describe(
        call,
        request,
        PREFIX_LIST,
        member="PrefixLists",
        ids="PrefixListIds",
        filters=_FILTERS,
        render=lambda _, row: describe(call.scope, row),
        limits=(1, 100),
    )


@operation()
def describe_prefix_lists(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribePrefixLists: AWS's own, with their blocks."""
    return listing.describe(
        call,
        request,
        PREFIX_LIST,
        member="PrefixLists",
        ids="PrefixListIds",
        filters={name: path for name, path in _FILTERS.items() if name != "owner-id"},
        render=lambda _, row: {
            "PrefixListId": row.id,
            "PrefixListName": row.name,
            "Cidrs": list(row.entries),
        },
        wanted=lambda row: bool(row.owner),
    )


@operation(ARN)
def get_managed_prefix_list_entries(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetManagedPrefixListEntries, of the current version or an earlier one."""
    with call.read() as tx:
        row = PREFIX_LIST.get(tx, call.scope, request["PrefixListId"])
    target = request.get("TargetVersion")
    entries = row.entries if target is None else _version(row, target)
    items = [(cidr, {"Cidr": cidr} | ({"Description": text} if text else {})) for cidr, text in entries.items()]
    return listing.paged(request, "Entries", items, {}, (1, 100))


@operation(ARN)
def get_managed_prefix_list_associations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetManagedPrefixListAssociations: the route tables and security groups that name it."""
    with call.read() as tx:
        row = PREFIX_LIST.get(tx, call.scope, request["PrefixListId"])
        found = _associations(tx, call.scope, row.id)
    items = [(one, {"ResourceId": one, "ResourceOwner": call.account}) for one in found]
    return listing.paged(request, "PrefixListAssociations", items, {}, (5, 255))


def describe(scope: Scope, row: PrefixList) -> dict[str, Any]:
    """A prefix list as every answer shows it; AWS's own have neither size nor version."""
    owner = row.owner or scope.account
    account = "aws" if row.owner else scope.account
    shown: dict[str, Any] = {
        "PrefixListId": row.id,
        "AddressFamily": row.family,
        "State": row.state,
        "PrefixListArn": f"arn:aws:ec2:{scope.region}:{account}:prefix-list/{row.id}",
        "PrefixListName": row.name,
        "OwnerId": owner,
        "Tags": tagging.render(row.tags),
    }
    if row.state == "delete-failed":
        shown["StateMessage"] = "The prefix list is referenced by other resources."
    if not row.owner:
        shown |= {"MaxEntries": row.size, "Version": row.version}
    return shown


def _own(tx: Reader, scope: Scope, identifier: str) -> PrefixList:
    row = PREFIX_LIST.get(tx, scope, identifier)
    if row.owner:
        raise errors.UnauthorizedOperation("You are not authorized to perform this operation.")
    return row


def _name(name: str) -> str:
    if not name or len(name) > 255 or name.lower().startswith("com.amazonaws"):
        raise invalid(f"Value ({name}) for parameter PrefixListName is invalid.")
    return name


def _size(size: int) -> int:
    if not 1 <= size <= LARGEST:
        raise invalid(f"Value ({size}) for parameter MaxEntries is invalid. It must be between 1 and {LARGEST}.")
    return size


def _within(entries: Mapping[str, str], size: int) -> None:
    if len(entries) > size:
        raise errors.PrefixListMaxEntriesExceeded(
            f"You've reached the maximum number of entries for the prefix list ({size})."
        )


def _check_version(row: PrefixList, version: int | None, *, needed: bool) -> None:
    if version is None and needed:
        raise errors.MissingParameter("The request must contain the parameter CurrentVersion")
    if version is not None and version != row.version:
        raise errors.PrefixListVersionMismatch("The prefix list has the incorrect version number.")


def _version(row: PrefixList, number: int) -> dict[str, str]:
    found = row.versions.get(number)
    if found is None:
        raise coded("InvalidPrefixListVersion.NotFound", f"The prefix list '{row.id}' has no version {number}.")
    return found


def _advance(row: PrefixList, entries: dict[str, str]) -> None:
    row.version += 1
    row.entries = entries
    row.versions = {**row.versions, row.version: entries}


def _removed(entries: Mapping[str, str], removed: Sequence[Mapping[str, str]]) -> dict[str, str]:
    left = dict(entries)
    for one in removed:
        if left.pop(one.get("Cidr") or "", None) is None:
            raise invalid(f"The entry {one.get('Cidr')} is not in the prefix list.")
    return left


def _added(entries: Mapping[str, str], family: str, added: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """An entry that is there already gets the new description."""
    if len(added) > AT_ONCE:
        raise errors.InvalidRequest(f"You can add at most {AT_ONCE} entries to a prefix list at once.")
    found = dict(entries)
    given: set[str] = set()
    for one in added:
        cidr = _block(one.get("Cidr") or "", family)
        if cidr in given:
            raise invalid(f"Duplicate CIDR {cidr} in the request.")
        given.add(cidr)
        found[cidr] = one.get("Description") or ""
    return found


def _block(text: str, family: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "/" not in text or f"IPv{network.version}" != family:
        raise invalid(f"The CIDR block {text} is not a valid {family} CIDR block.")
    return str(network)


def _associations(tx: Reader, scope: Scope, identifier: str) -> list[str]:
    tables = {
        table.id
        for table in ROUTE_TABLE.table.scan(tx, scope)
        if any(route.get("DestinationPrefixListId") == identifier for route in table.routes)
    }
    groups = {rule.group for rule in RULE.table.scan(tx, scope) if rule.prefixes == identifier}
    return sorted(tables | groups)


def _users(tx: Reader, scope: Scope, identifier: str) -> list[str]:
    """The VPCs whose routes or rules change with the list."""
    rows = [
        ROUTE_TABLE.find(tx, scope, one) if one.startswith("rtb-") else GROUP.find(tx, scope, one)
        for one in _associations(tx, scope, identifier)
    ]
    return sorted({row.vpc for row in rows if row is not None})
