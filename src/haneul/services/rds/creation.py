"""A new instance's row from a request: defaults, limits, and AWS's refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.rds import classes, names, tags, versions
from haneul.services.rds.errors import errors, invalid, mixed, must, no_parameter_group, no_subnet_group
from haneul.services.rds.families import Engine, engine, family
from haneul.services.rds.parameters import find
from haneul.services.rds.state import INSTANCES, OPTION_GROUPS, PARAMETER_GROUPS, SUBNET_GROUPS, Instance
from haneul.services.rds.views import default_group, default_security_group
from haneul.state.store import Reader, Writer

LIMIT = 40
TOTAL_STORAGE = 100_000
"""GiB that an account's instances may be allocated in a region."""
_STORAGE: dict[str, tuple[int, int]] = {
    "gp2": (20, 65_536),
    "gp3": (20, 65_536),
    "io1": (100, 65_536),
    "io2": (100, 65_536),
    "standard": (5, 3_072),
}
_ECHOED = (
    "MaxAllocatedStorage", "Iops", "StorageThroughput", "KmsKeyId", "MonitoringRoleArn", "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod", "ProcessorFeatures", "CharacterSetName", "Timezone",
)  # fmt: skip
_FLAGS = {
    "AutoMinorVersionUpgrade": True,
    "MultiAZ": False,
    "StorageEncrypted": False,
    "CopyTagsToSnapshot": False,
    "DeletionProtection": False,
}
CERTIFICATE = "rds-ca-rsa2048-g1"
LOGS = {"postgres": {"postgresql", "upgrade", "iam-db-auth-error"}, "mysql": {"audit", "error", "general", "slowquery"}}


def instance(call: Call, tx: Reader, request: Mapping[str, Any], kind: Engine, version: str) -> Instance:
    """The row of a new instance with an empty server behind it, every member checked. Not yet stored."""
    name = names.identifier(request["DBInstanceIdentifier"], "DBInstanceIdentifier")
    resource = names.resource_id("db")
    klass = classes.check(request["DBInstanceClass"], aurora=kind.clustered)
    row = Instance(
        id=name,
        resource_id=resource,
        engine=kind.name,
        version=version,
        status="creating",
        created=call.now(),
        server=resource.lower(),
        klass=klass,
        master="",
        group=group_of(call, tx, request, kind.name, version),
        option_group=option_group_of(call, tx, request),
        wanted_port=port_of(request.get("Port"), kind),
        tags=tags.read(request.get("Tags")),
    )
    row.shape = shape_of(call, tx, request, kind, resource)
    return row


def shape_of(call: Call, tx: Reader, request: Mapping[str, Any], kind: Engine, resource: str) -> dict[str, Any]:
    """The members that come back as they went in, or as AWS fills them in."""
    backup, maintenance = windows_of(request, resource)
    public = request.get("PubliclyAccessible", "DBSubnetGroupName" not in request and not kind.clustered)
    shape: dict[str, Any] = {
        "PreferredBackupWindow": backup,
        "PreferredMaintenanceWindow": maintenance,
        "BackupRetentionPeriod": retention_of(request.get("BackupRetentionPeriod", 1)),
        "PubliclyAccessible": public,
        "LicenseModel": license_of(request.get("LicenseModel"), kind),
        "IAMDatabaseAuthenticationEnabled": request.get("EnableIAMDatabaseAuthentication", False),
        "PerformanceInsightsEnabled": request.get("EnablePerformanceInsights", False),
        "MonitoringInterval": monitoring_of(request),
        "CACertificateIdentifier": certificate_of(request.get("CACertificateIdentifier", CERTIFICATE)),
        "AvailabilityZone": zone_of(call, request, resource),
        "DBName": names.database(request.get("DBName"), kind.kind) or None,
        "EngineLifecycleSupport": request.get("EngineLifecycleSupport", "open-source-rds-extended-support"),
        "security_groups": list(request.get("VpcSecurityGroupIds") or [default_security_group(call.scope)]),
    }
    shape |= {name: request.get(name, default) for name, default in _FLAGS.items()}
    shape |= {name: request[name] for name in _ECHOED if name in request}
    logs = request.get("EnableCloudwatchLogsExports") or []
    if set(logs) - LOGS[kind.kind]:
        raise mixed(f"You cannot use the log types '{', '.join(sorted(set(logs)))}' with engine version {kind.name}.")
    if logs:
        shape["EnabledCloudwatchLogsExports"] = list(logs)
    if not kind.clustered:
        shape |= storage_of(request, kind)
    if shape["StorageEncrypted"] and "KmsKeyId" not in shape:
        shape["KmsKeyId"] = f"arn:aws:kms:{call.region}:{call.account}:alias/aws/rds"
    if "PromotionTier" in request or kind.clustered:
        tier = request.get("PromotionTier", 1)
        if not 0 <= tier <= 15:
            raise invalid(f"Invalid promotion tier: {tier}. Promotion tier must be from 0 through 15.")
        shape["PromotionTier"] = tier
    if subnets := request.get("DBSubnetGroupName"):
        shape["subnet_group"] = subnet_group_of(call, tx, subnets)
    return shape


def master(row: Instance, request: Mapping[str, Any], kind: Engine) -> None:
    """Who may log in: a user, and a password given or one to be kept in Secrets Manager."""
    if "MasterUsername" not in request:
        raise must("MasterUsername")
    row.master = names.user(request["MasterUsername"], kind.kind)
    if request.get("ManageMasterUserPassword"):
        if request.get("MasterUserPassword"):
            raise mixed("You can't specify MasterUserPassword when ManageMasterUserPassword is enabled.")
        row.work["manage"] = request.get("MasterUserSecretKmsKeyId", "")
        return
    if not request.get("MasterUserPassword"):
        raise must("MasterUserPassword")
    row.password = names.password(request["MasterUserPassword"], 128 if kind.kind == "postgres" else 41)


def add(call: Call, tx: Writer, row: Instance) -> None:
    """Store a new instance, unless its name is taken or the account has its fill."""
    if INSTANCES.get(tx, call.scope, row.id) is not None:
        raise errors.DBInstanceAlreadyExists("DB instance already exists")
    rows = list(INSTANCES.scan(tx, call.scope))
    if len(rows) >= LIMIT:
        raise errors.InstanceQuotaExceeded("DB Instance quota exceeded")
    if not row.cluster:
        total = sum(one.shape.get("AllocatedStorage", 0) for one in [*rows, row] if not one.cluster)
        if total > TOTAL_STORAGE:
            raise errors.StorageQuotaExceeded(
                f"The allocated storage of all instances would exceed the limit of {TOTAL_STORAGE} GiB"
            )
    INSTANCES.put(tx, call.scope, row)


def kind_of(request: Mapping[str, Any]) -> Engine:
    return engine(request["Engine"])


def version_of(call: Call, kind: Engine, wanted: str | None) -> str:
    return versions.resolve(call, kind, wanted)


def group_of(call: Call, tx: Reader, request: Mapping[str, Any], engine_name: str, version: str) -> str:
    name: str = (request.get("DBParameterGroupName") or default_group(engine_name, version)).lower()
    group = find(tx, call.scope, PARAMETER_GROUPS, name)
    if group is None:
        raise no_parameter_group(name)
    if group.family != family(engine_name, version):
        raise mixed(
            f"The parameter group {name} with DBParameterGroupFamily {group.family} cannot be used for this instance. "
            f"Please use a parameter group with DBParameterGroupFamily {family(engine_name, version)}"
        )
    return name


def option_group_of(call: Call, tx: Reader, request: Mapping[str, Any]) -> str:
    name = (request.get("OptionGroupName") or "").lower()
    if name and not name.startswith("default:") and OPTION_GROUPS.get(tx, call.scope, name) is None:
        raise errors.OptionGroupNotFoundFault(f"Specified OptionGroupName: {name} not found.")
    return name


def subnet_group_of(call: Call, tx: Reader, name: str) -> str:
    if name.lower() != "default" and SUBNET_GROUPS.get(tx, call.scope, name.lower()) is None:
        raise no_subnet_group(name)
    return name.lower()


def port_of(value: int | None, kind: Engine) -> int:
    if value is None:
        return kind.port
    if not 1150 <= value <= 65535:
        raise invalid(f"Invalid database endpoint port: {value}. Port must be between 1150 and 65535.")
    return value


def windows_of(request: Mapping[str, Any], resource: str) -> tuple[str, str]:
    """Backup and maintenance windows: those asked for, the other one picked so that they don't overlap."""
    backup, maintenance = names.windows(resource)
    given = request.get("PreferredBackupWindow"), request.get("PreferredMaintenanceWindow")
    if given[0]:
        backup = names.backup_window(given[0])
    if given[1]:
        maintenance = names.maintenance_window(given[1])
    for seed in range(64):
        try:
            names.check_windows(backup, maintenance)
            return backup, maintenance
        except Exception:
            if given[0] and given[1]:
                raise
            other = names.windows(f"{resource}{seed}")
            backup, maintenance = (given[0] and backup) or other[0], (given[1] and maintenance) or other[1]
    names.check_windows(backup, maintenance)
    return backup, maintenance


def retention_of(value: int, least: int = 0) -> int:
    if not least <= value <= 35:
        raise invalid(f"Invalid backup retention period: {value}. Must be between {least} and 35.")
    return value


def license_of(value: str | None, kind: Engine) -> str:
    if value is not None and value != kind.license:
        raise mixed(f"License model '{value}' is not valid for engine '{kind.name}': use '{kind.license}'.")
    return kind.license


def monitoring_of(request: Mapping[str, Any]) -> int:
    interval: int = request.get("MonitoringInterval", 0)
    if interval not in (0, 1, 5, 10, 15, 30, 60):
        raise invalid(f"Invalid monitoring interval: {interval}. Valid values are 0, 1, 5, 10, 15, 30, 60.")
    if interval and not request.get("MonitoringRoleArn"):
        raise mixed("A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.")
    return interval


def certificate_of(name: str) -> str:
    if name not in versions.CERTIFICATES:
        raise errors.CertificateNotFound(f"Certificate not found: {name}")
    return name


def zone_of(call: Call, request: Mapping[str, Any], resource: str) -> str:
    zone: str | None = request.get("AvailabilityZone")
    if zone is None:
        return call.region + "abc"[sum(resource.encode()) % 3]
    if request.get("MultiAZ"):
        raise mixed("Requesting a specific availability zone is not valid for Multi-AZ instances.")
    if not zone.startswith(call.region) or len(zone) != len(call.region) + 1 or not zone[-1].isalpha():
        raise invalid(f"Invalid availability zone: {zone}")
    return zone


def storage_of(request: Mapping[str, Any], kind: Engine) -> dict[str, Any]:
    """Size and type, within RDS' limits. Raises InvalidParameterValue, InvalidParameterCombination."""
    if "AllocatedStorage" not in request:
        raise must("AllocatedStorage")
    size, iops = request["AllocatedStorage"], request.get("Iops")
    storage = request.get("StorageType") or ("io1" if iops else "gp2")
    if storage not in _STORAGE:
        raise invalid(f"Invalid storage type: {storage}")
    least, most = _STORAGE[storage]
    if not least <= size <= most:
        raise invalid(f"Invalid storage size for engine name {kind.name} and storage type {storage}: {size}")
    if storage in ("io1", "io2") and not iops:
        raise mixed(f"You must specify IOPS when the storage type is {storage}")
    if storage in ("gp2", "standard") and iops:
        raise mixed(f"You can't specify IOPS or storage throughput for engine {kind.name} and storage type {storage}.")
    maximum = request.get("MaxAllocatedStorage")
    if maximum is not None and maximum < size * 1.1:
        raise mixed("Max storage size must be greater than storage size")
    shape = {"AllocatedStorage": size, "StorageType": storage}
    if storage == "gp3" and "Iops" not in request:
        large = size >= 400
        shape |= {"Iops": 12_000 if large else 3_000, "StorageThroughput": 500 if large else 125}
    return shape
