"""What CreateTable and UpdateTable are asked for, checked in AWS's words, and made into rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from haneul.services.dynamodb.errors import invalid, invalid_parameter
from haneul.services.dynamodb.names import is_name, name_error
from haneul.services.dynamodb.state import Index, TableRow, Throughput

_TAG = re.compile(r"[\w\s+\-=.:/@]*\Z")
MOST_UNITS = 1_000_000_000_000
LOCAL_LIMIT = 5
GLOBAL_LIMIT = 20
KEY_PARTS = 4
PROJECTED_LIMIT = 100
ON_DEMAND_READS = 12_000
ON_DEMAND_WRITES = 4_000
"""The warm throughput that every on-demand table has from the start."""
_UNDEFINED = "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], AttributeDefinitions: [{}]"
_SAME_NAME = "Both the Hash Key and the Range Key element in the KeySchema have the same name"


def check_table_name(name: str) -> None:
    if is_name(name):
        return
    if not 3 <= len(name) <= 255:
        raise invalid("TableName must be at least 3 characters long and at most 255 characters long")
    raise name_error(name)


def attributes(definitions: Sequence[Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in definitions:
        name = each["AttributeName"]
        if name in found:
            raise invalid_parameter(f"Duplicate AttributeName in AttributeDefinitions: {name}")
        found[name] = each["AttributeType"]
    return found


def throughput(told: Mapping[str, int] | None, billing: str) -> Throughput:
    """A table's provisioned throughput. Raises ValidationException."""
    if billing == "PAY_PER_REQUEST":
        if told is not None:
            raise invalid_parameter(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            )
        return Throughput()
    if told is None:
        raise invalid_parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    for member in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if told[member] > MOST_UNITS:
            raise invalid(f"Given value {told[member]} for {member} is out of bounds")
    return Throughput(told["ReadCapacityUnits"], told["WriteCapacityUnits"])


def table_keys(schema: Sequence[Mapping[str, str]], defined: Mapping[str, str]) -> tuple[str, str | None]:
    """(hash, range) of a table's KeySchema. Raises ValidationException."""
    if len(schema) > 2:
        raise invalid(
            f"1 validation error detected: Value '{_told(schema)}' at 'keySchema' failed to satisfy constraint: "
            "Member must have length less than or equal to 2"
        )
    names = [each["AttributeName"] for each in schema]
    if len(names) > len(defined) and any(name not in defined for name in names):
        raise invalid("Invalid KeySchema: Some index key attribute have no definition")
    if len(names) == 2 and names[0] == names[1] and len(defined) == 1:
        raise invalid("Invalid KeySchema: Some index key attribute have no definition")
    _check_defined(names, defined)
    if schema[0]["KeyType"] != "HASH":
        raise invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) == 2:
        if names[0] == names[1]:
            raise invalid(_SAME_NAME)
        if schema[1]["KeyType"] != "RANGE":
            raise invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    return names[0], names[1] if len(names) == 2 else None


def _told(schema: Sequence[Mapping[str, str]]) -> str:
    told = (f"KeySchemaElement(attributeName={e['AttributeName']}, keyType={e['KeyType']})" for e in schema)
    return f"[{', '.join(told)}]"


def _check_defined(names: Sequence[str], defined: Mapping[str, str]) -> None:
    if any(name not in defined for name in names):
        raise invalid_parameter(_UNDEFINED.format(", ".join(names), ", ".join(defined)))


def local_index(told: Mapping[str, Any], table: TableRow, number: int) -> Index:
    """A local secondary index. Raises ValidationException."""
    schema = told["KeySchema"]
    name = told["IndexName"]
    names = [each["AttributeName"] for each in schema]
    _check_defined(names, table.attributes)
    if len(schema) > 2:
        raise invalid_parameter(f"Index KeySchema has more than two elements for index: {name}")
    if len(names) == 2 and names[0] == names[1]:
        raise invalid(_SAME_NAME)
    if schema[0]["KeyType"] != "HASH":
        raise invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) == 2 and schema[1]["KeyType"] != "RANGE":
        raise invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if len(schema) != 2:
        raise invalid_parameter(f"Index KeySchema does not have a range key for index: {name}")
    if names[0] != table.hash:
        raise invalid_parameter(
            f"Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. "
            f"index hash key: {names[0]}, table hash key: {table.hash}"
        )
    kind, projected = projection(told["Projection"])
    return Index(name, number, True, (names[0],), (names[1],), kind, projected)


def global_index(told: Mapping[str, Any], table: TableRow, number: int) -> Index:
    """A global secondary index. Raises ValidationException."""
    name = told["IndexName"]
    hashes, ranges = _global_keys(told["KeySchema"], table.attributes)
    kind, projected = projection(told["Projection"])
    index = Index(name, number, False, hashes, ranges, kind, projected)
    units = told.get("ProvisionedThroughput")
    if table.billing == "PAY_PER_REQUEST":
        if units is not None:
            raise invalid_parameter(
                f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
            )
    else:
        if units is None:
            raise invalid_parameter(f"ProvisionedThroughput is not specified for index: {name}")
        for member in ("ReadCapacityUnits", "WriteCapacityUnits"):
            if units[member] > MOST_UNITS:
                raise invalid(f"Given value {units[member]} for {member} is out of bounds for index {name}")
        index.throughput = Throughput(units["ReadCapacityUnits"], units["WriteCapacityUnits"])
    index.on_demand = on_demand(told.get("OnDemandThroughput"), table.billing)
    index.warm = warm(told.get("WarmThroughput"), None, table.billing, index.throughput, f"index {name}")
    return index


def _global_keys(
    schema: Sequence[Mapping[str, str]], defined: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = [each["AttributeName"] for each in schema]
    kinds = [each["KeyType"] for each in schema]
    _check_defined(names, defined)
    if kinds[0] != "HASH":
        raise invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    hashes = kinds.count("HASH")
    if kinds != ["HASH"] * hashes + ["RANGE"] * (len(kinds) - hashes):
        raise invalid("Invalid KeySchema: All HASH key elements must precede the RANGE key elements")
    if len(set(names)) != len(names):
        if len(names) == 2 and hashes == 1:
            raise invalid(_SAME_NAME)
        raise invalid_parameter(f"Duplicate attribute names in KeySchema: [{', '.join(names)}]")
    if hashes > KEY_PARTS or len(kinds) - hashes > KEY_PARTS:
        raise invalid_parameter(
            f"KeySchema of a global secondary index can have at most {KEY_PARTS} HASH and {KEY_PARTS} RANGE elements"
        )
    return tuple(names[:hashes]), tuple(names[hashes:])


def projection(told: Mapping[str, Any]) -> tuple[str, tuple[str, ...] | None]:
    kind = told.get("ProjectionType")
    names = told.get("NonKeyAttributes")
    if kind is None:
        raise invalid_parameter("Unknown ProjectionType: null")
    if names is not None and kind != "INCLUDE":
        raise invalid_parameter(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if kind == "INCLUDE" and not names:
        raise invalid_parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if names is not None and len(set(names)) != len(names):
        raise invalid_parameter(f"Duplicate attribute names in NonKeyAttributes: [{', '.join(names)}]")
    return kind, None if names is None else tuple(names)


def indexes(
    table: TableRow,
    locals_: Sequence[Mapping[str, Any]] | None,
    globals_: Sequence[Mapping[str, Any]] | None,
) -> list[Index]:
    """All indexes of a table to be created. Raises ValidationException, LimitExceededException."""
    found: list[Index] = []
    if locals_ is not None:
        if not locals_:
            raise invalid_parameter("List of LocalSecondaryIndexes is empty")
        if table.range is None:
            raise invalid_parameter(
                "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
            )
        for told in locals_:
            found.append(local_index(told, table, len(found) + 1))
        if len(locals_) > LOCAL_LIMIT:
            raise invalid_parameter(f"Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_LIMIT}")
    if globals_ is not None:
        if not globals_:
            raise invalid_parameter("List of GlobalSecondaryIndexes is empty")
        for told in globals_:
            found.append(global_index(told, table, len(found) + 1))
        if len(globals_) > GLOBAL_LIMIT:
            raise invalid_parameter(f"GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_LIMIT}")
    names = [index.name for index in found]
    for name in names:
        if names.count(name) > 1:
            raise invalid_parameter(f"Duplicate index name: {name}")
    check_projected(found)
    return found


def check_projected(found: Sequence[Index]) -> None:
    total = sum(len(index.attributes or ()) for index in found)
    if total > PROJECTED_LIMIT:
        raise invalid_parameter(
            f"Number of projected attributes exceeds the per-table limit of {PROJECTED_LIMIT} across all indexes"
        )


def check_used(table: TableRow) -> None:
    """Every attribute definition is some key's. Raises ValidationException."""
    used = [table.hash] + ([table.range] if table.range else [])
    if not table.indexes:
        if len(used) != len(table.attributes):
            raise invalid_parameter(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in "
                "AttributeDefinitions"
            )
        return
    for index in table.indexes:
        used += [name for name in (*index.hashes, *index.ranges) if name not in used]
    if set(table.attributes) - set(used):
        raise invalid_parameter(
            f"Some AttributeDefinitions are not used. AttributeDefinitions: [{', '.join(table.attributes)}], "
            f"keys used: [{', '.join(used)}]"
        )


def on_demand(told: Mapping[str, int] | None, billing: str) -> dict[str, int] | None:
    if told is None:
        return None
    if billing != "PAY_PER_REQUEST":
        raise invalid_parameter("OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST")
    kept = {name: value for name, value in told.items() if value != -1}
    for name, value in kept.items():
        if value < 1:
            raise invalid_parameter(f"{name} must be -1 or at least 1")
    return kept or None


def warm(
    told: Mapping[str, int] | None,
    before: Mapping[str, int] | None,
    billing: str,
    units: Throughput,
    what: str = "table",
) -> dict[str, int] | None:
    """Warm throughput: it only goes up, from what every table has. Raises ValidationException."""
    if told is None:
        return None
    floor = {"ReadUnitsPerSecond": ON_DEMAND_READS, "WriteUnitsPerSecond": ON_DEMAND_WRITES}
    if billing == "PROVISIONED":
        floor = {"ReadUnitsPerSecond": units.read, "WriteUnitsPerSecond": units.write}
    for member, least in floor.items():
        current = max(least, (before or {}).get(member, 0))
        if told.get(member, current) < current:
            raise invalid_parameter(
                f"Requested {member} for WarmThroughput for {what} is lower than current WarmThroughput: "
                f"{told[member]} is lower than {current}"
            )
    return {**(before or {}), **told}


def stream_view(told: Mapping[str, Any] | None) -> str | None:
    """The view type that a StreamSpecification turns on; None for off. Raises ValidationException."""
    if told is None:
        return None
    view: str | None = told.get("StreamViewType")
    if told["StreamEnabled"]:
        if view is None:
            raise invalid_parameter("StreamViewType is required when StreamEnabled is true")
        return view
    if view is not None:
        raise invalid_parameter("StreamViewType cannot be specified when StreamEnabled is false")
    return None


def tags(told: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Tags as a mapping. Raises ValidationException."""
    found: dict[str, str] = {}
    for tag in told or ():
        key, value = tag["Key"], tag["Value"]
        if key in found:
            raise invalid(f"One or more parameter values were invalid: Duplicate Tag Key: {key}")
        if not _TAG.match(key) or not _TAG.match(value):
            raise invalid(
                f"One or more parameter values were invalid: Tag {key!r} has characters that are not allowed; "
                "tags hold letters, white space, numbers and + - = . _ : / @"
            )
        if key.startswith("aws:"):
            raise invalid("One or more parameter values were invalid: Tag keys starting with 'aws:' are reserved")
        if not key or len(key) > 128:
            raise invalid(
                f"1 validation error detected: Value '{key}' at 'tags.1.member.key' failed to satisfy constraint: "
                f"Member must have length {'greater than or equal to 1' if not key else 'less than or equal to 128'}"
            )
        if len(value) > 256:
            raise invalid(
                f"1 validation error detected: Value '{value}' at 'tags.1.member.value' failed to satisfy constraint: "
                "Member must have length less than or equal to 256"
            )
        found[key] = value
    if len(found) > 50:
        raise invalid("One or more parameter values were invalid: Too many tags: a resource has at most 50")
    return found


def unsupported(request: Mapping[str, Any], *members: str) -> None:
    """Honest about what is not there. Raises a 501."""
    from haneul.wire.errors import AwsError

    for member in members:
        if request.get(member):
            raise AwsError("NotImplemented", f"{member} is not implemented.", 501)
