"""What can be created: engine versions, orderable classes, certificates, limits, regions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from haneul.engines.errors import EngineError
from haneul.service import Call, operation
from haneul.services.rds import classes, listing, settings
from haneul.services.rds.errors import errors, invalid, mixed
from haneul.services.rds.families import ENGINES, Engine, family, major
from haneul.services.rds.plane import plane

# What RDS shows as its certificate authorities; the certificate behind all of them is the installation's own (ca.pem).
CERTIFICATES = {
    "rds-ca-rsa2048-g1": (1_621_900_800.0, 2_882_304_000.0),
    "rds-ca-rsa4096-g1": (1_621_900_800.0, 4_775_500_800.0),
    "rds-ca-ecc384-g1": (1_621_900_800.0, 4_775_500_800.0),
}


def available(call: Call, kind: Engine) -> list[str]:
    """The versions that this machine can run, oldest first; none when the engine isn't there."""
    try:
        found: list[str] = plane(call.cloud).engine(kind.name).versions()
    except EngineError:
        return []
    if kind.name == "mysql":
        return [f"8.0.mariadb_{version}" for version in found]  # as Aurora says 8.0.mysql_aurora.3.04.0
    return [version for version in found if settings.catalogue(family(kind.name, version)) is not None]


def resolve(call: Call, kind: Engine, wanted: str | None) -> str:
    """The version to run: the newest of the wanted major version. Raises InvalidParameterCombination."""
    there = available(call, kind)
    if not there:
        command = "haneul engines install mysql" if kind.kind == "mysql" else "haneul engines install postgres"
        raise mixed(f"Engine {kind.name} is not installed on this machine: run `{command}`")
    if wanted is None:
        return there[-1]
    if not re.fullmatch(r"\d+(\.\w+)*", wanted):
        raise mixed(f"Cannot find version {wanted} for {kind.name}")
    same = [version for version in there if major(kind.name, version) == major(kind.name, wanted)]
    if wanted in there:
        return wanted
    if not same:
        hint = f"; here are {', '.join(there)}"
        if kind.kind == "postgres" and wanted.partition(".")[0] in ("13", "14", "15", "16", "17", "18"):
            hint += f" (`haneul engines install postgres {wanted.partition('.')[0]}` adds it)"
        raise mixed(f"Cannot find version {wanted} for {kind.name}{hint}")
    return same[-1]


@operation()
def describe_db_engine_versions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBEngineVersions: what can really be created here."""
    wanted = listing.filters(
        request, ("db-parameter-group-family", "engine", "engine-mode", "engine-version", "status")
    )
    found = [
        one
        for one in _versions(call)
        if request.get("Engine", one["Engine"]) == one["Engine"]
        and _matches(request.get("EngineVersion"), one["EngineVersion"])
        and request.get("DBParameterGroupFamily", one["DBParameterGroupFamily"]) == one["DBParameterGroupFamily"]
        and one["Engine"] in wanted.get("engine", [one["Engine"]])
        and one["EngineVersion"] in wanted.get("engine-version", [one["EngineVersion"]])
        and one["DBParameterGroupFamily"] in wanted.get("db-parameter-group-family", [one["DBParameterGroupFamily"]])
        and "available" in wanted.get("status", ["available"])
    ]
    if request.get("DefaultOnly"):
        newest: dict[str, dict[str, Any]] = {}
        for one in found:
            newest[one["Engine"]] = one
        found = list(newest.values())
    return listing.page(
        request,
        "DBEngineVersions",
        found,
        lambda one: f"{one['Engine']}/{_sortable(one['EngineVersion'])}",
        lambda one: one,
    )


@operation()
def describe_db_major_engine_versions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBMajorEngineVersions."""
    pairs = {(one["Engine"], one["MajorEngineVersion"]) for one in _versions(call)}
    found = [
        (name, version)
        for name, version in pairs
        if request.get("Engine", name) == name and request.get("MajorEngineVersion", version) == version
    ]
    return listing.page(
        request,
        "DBMajorEngineVersions",
        found,
        lambda pair: f"{pair[0]}/{_sortable(pair[1])}",
        lambda pair: {"Engine": pair[0], "MajorEngineVersion": pair[1], "SupportedEngineLifecycles": []},
    )


def _matches(wanted: str | None, version: str) -> bool:
    return wanted is None or version == wanted or version.startswith(f"{wanted}.")


def _sortable(version: str) -> str:
    return ".".join(f"{int(part):04}" for part in re.findall(r"\d+", version))


def _versions(call: Call) -> Iterator[dict[str, Any]]:
    for kind in ENGINES.values():
        there = available(call, kind)
        for version in there:
            postgres = kind.kind == "postgres"
            yield {
                "Engine": kind.name,
                "EngineVersion": version,
                "MajorEngineVersion": major(kind.name, version),
                "DBParameterGroupFamily": family(kind.name, version),
                "DBEngineDescription": kind.description,
                "DBEngineVersionDescription": f"{kind.description} {version}",
                "ValidUpgradeTarget": [_target(kind, version, later) for later in there if _later(later, version)],
                "ExportableLogTypes": ["iam-db-auth-error", "postgresql", "upgrade"]
                if postgres
                else ["audit", "error", "general", "slowquery"],
                "SupportsLogExportsToCloudwatchLogs": True,
                "SupportsReadReplica": not kind.clustered,
                "SupportedEngineModes": ["provisioned"] if kind.clustered else None,
                "SupportedFeatureNames": [],
                "Status": "available",
                "SupportsParallelQuery": False,
                "SupportsGlobalDatabases": kind.clustered,
                "SupportsBabelfish": False,
                "SupportsLimitlessDatabase": False,
                "SupportsCertificateRotationWithoutRestart": True,
                "SupportedCACertificateIdentifiers": sorted(CERTIFICATES),
                "SupportsLocalWriteForwarding": False,
                "SupportsIntegrations": False,
                "TagList": [],
            }


def earlier(one: str, other: str) -> bool:
    return _sortable(one) < _sortable(other)


def _later(one: str, other: str) -> bool:
    return _sortable(one) > _sortable(other)


def _target(kind: Engine, version: str, later: str) -> dict[str, Any]:
    return {
        "Engine": kind.name,
        "EngineVersion": later,
        "Description": f"{kind.description} {later}",
        "AutoUpgrade": False,
        "IsMajorVersionUpgrade": major(kind.name, later) != major(kind.name, version),
    }


@operation()
def describe_orderable_db_instance_options(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeOrderableDBInstanceOptions: every class for every version that can be created here."""
    listing.filters(request, ())
    if request["Engine"] not in ENGINES:
        raise invalid("Invalid DB engine")
    kind = ENGINES[request["Engine"]]
    names = [*classes.catalogue(), *([classes.SERVERLESS] if kind.clustered else [])]
    found = [
        (version, name)
        for version in available(call, kind)
        if _matches(request.get("EngineVersion"), version)
        for name in names
        if request.get("DBInstanceClass", name) == name
    ]
    if request.get("LicenseModel", kind.license) != kind.license:
        found = []
    return listing.page(
        request,
        "OrderableDBInstanceOptions",
        found,
        lambda pair: f"{_sortable(pair[0])}/{pair[1]}",
        lambda pair: _orderable(call, kind, *pair),
    )


def _orderable(call: Call, kind: Engine, version: str, name: str) -> dict[str, Any]:
    return {
        "Engine": kind.name,
        "EngineVersion": version,
        "DBInstanceClass": name,
        "LicenseModel": kind.license,
        "AvailabilityZones": [{"Name": call.region + letter} for letter in "abc"],
        "MultiAZCapable": not kind.clustered,
        "ReadReplicaCapable": not kind.clustered,
        "Vpc": True,
        "SupportsStorageEncryption": True,
        "StorageType": "aurora" if kind.clustered else "gp3",
        "SupportsIops": not kind.clustered,
        "SupportsEnhancedMonitoring": True,
        "SupportsIAMDatabaseAuthentication": kind.kind == "postgres",
        "SupportsPerformanceInsights": True,
        "MinStorageSize": None if kind.clustered else 20,
        "MaxStorageSize": None if kind.clustered else 65_536,
        "SupportedEngineModes": ["provisioned"],
        "SupportsStorageAutoscaling": not kind.clustered,
        "SupportsKerberosAuthentication": False,
        "OutpostCapable": False,
        "SupportedNetworkTypes": ["IPV4"],
        "SupportsGlobalDatabases": kind.clustered,
        "SupportsClusters": False,
        "SupportsDedicatedLogVolume": False,
        "SupportsHttpEndpoint": kind.clustered,
    }


@operation()
def describe_certificates(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeCertificates."""
    listing.filters(request, ())
    wanted = request.get("CertificateIdentifier")
    if wanted is not None and wanted not in CERTIFICATES:
        raise errors.CertificateNotFound(f"Certificate not found: {wanted}")
    found = [name for name in CERTIFICATES if wanted in (None, name)]
    output = listing.page(request, "Certificates", found, lambda name: name, lambda name: _certificate(call, name))
    return output | {"DefaultCertificateForNewLaunches": "rds-ca-rsa2048-g1"}


def _certificate(call: Call, name: str) -> dict[str, Any]:
    begin, end = CERTIFICATES[name]
    return {
        "CertificateIdentifier": name,
        "CertificateType": "CA",
        "ValidFrom": begin,
        "ValidTill": end,
        "CertificateArn": f"arn:aws:rds:{call.region}::cert:{name}",
        "CustomerOverride": False,
    }


@operation()
def describe_source_regions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSourceRegions: every region of this installation can be a source."""
    listing.filters(request, ())
    regions = (
        "us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-central-1", "eu-north-1", "eu-west-1",
        "eu-west-2", "eu-west-3", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1",
        "ap-southeast-2", "ca-central-1", "sa-east-1",
    )  # fmt: skip
    found = [one for one in regions if one != call.region and request.get("RegionName", one) == one]
    return listing.page(
        request,
        "SourceRegions",
        found,
        lambda one: one,
        lambda one: {
            "RegionName": one,
            "Endpoint": f"https://rds.{one}.amazonaws.com",
            "Status": "available",
            "SupportsDBInstanceAutomatedBackupsReplication": False,
        },
    )
