"""New volumes: what they are made of, settled before their row is written; the step makes the bytes."""

from __future__ import annotations

from haneul.converge import wake
from haneul.service import Scope
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.instances.state import IMAGE
from haneul.services.ec2.volumes import tiers, types
from haneul.services.ec2.volumes.state import SNAPSHOT, VOLUME, Snapshot, Volume
from haneul.services.ec2.vpc.places import zones_of
from haneul.services.ec2.vpc.state import ACCOUNTS
from haneul.state.store import Reader, Writer

LIMIT = 5000
"""Volumes of an account in a region."""


def make(
    tx: Writer,
    scope: Scope,
    now: float,
    *,
    zone: str,
    size: int | None = None,
    snapshot: str = "",
    type: str = "gp2",
    iops: int | None = None,
    throughput: int | None = None,
    encrypted: bool | None = None,
    key: str = "",
    multi_attach: bool = False,
    tags: dict[str, str] | None = None,
) -> Volume:
    """A volume's row, in state creating; its step is woken. `encrypted` None: as the snapshot is, or the account says.
    Raises InvalidSnapshot.NotFound, InvalidParameterValue and what `types.settle` raises."""
    if zone not in zones_of(scope.region):
        raise coded("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    source = None
    if snapshot:
        owner, source = find(tx, scope, snapshot)
        if source.state != "completed" and owner.account != "amazon":
            raise errors.IncorrectState(f"The snapshot '{snapshot}' is not 'completed'")
        if tiers.archived(source, now):
            raise errors.IncorrectState(f"The snapshot '{snapshot}' is archived: restore it first.")
    if size is None:
        if source is None:
            raise missing("size/snapshot")
        size = source.size
    if source is not None and size < source.size:
        raise invalid(f"The size of a volume can't be smaller than its snapshot's: {source.size} GiB")
    found_iops, found_throughput = types.settle(type, size, iops, throughput)
    if multi_attach and type not in types.MULTI_ATTACH:
        raise invalid(f"Multi-Attach is not supported for {type} volumes.")
    sealed, key = _encryption(tx, scope, source, encrypted, key)
    if sum(1 for _ in VOLUME.table.scan(tx, scope, limit=LIMIT)) >= LIMIT:
        raise errors.VolumeLimitExceeded("You have reached the maximum number of volumes in this region.")
    volume = Volume(
        id=VOLUME.new_id(),
        zone=zone,
        size=size,
        type=type,
        state="creating",
        created=now,
        snapshot=snapshot,
        iops=found_iops,
        throughput=found_throughput,
        encrypted=sealed,
        key=key,
        data_key=source.data_key if source is not None and sealed and key == source.key else "",
        multi_attach=multi_attach,
        tags=tags or {},
    )
    VOLUME.table.put(tx, scope, volume)
    wake(tx, "ec2.volume", scope, (volume.id,), now)
    return volume


def find(tx: Reader, scope: Scope, snapshot: str) -> tuple[Scope, Snapshot]:
    """A snapshot that this account may use, and whose it is: its own, one shared with it, or everybody's.
    Raises InvalidSnapshot.NotFound."""
    SNAPSHOT.check([snapshot])
    own = SNAPSHOT.find(tx, scope, snapshot)
    if own is not None:
        return scope, own
    for owner, row in SNAPSHOT.table.everywhere(tx):
        if row.id != snapshot or owner.region != scope.region:
            continue
        if usable(row, scope.account) or _of_shared_image(tx, owner, snapshot, scope.account):
            return owner, row
    raise SNAPSHOT.missing([snapshot])


def usable(row: Snapshot, account: str) -> bool:
    """Whether a foreign account may make volumes of it."""
    return "all" in row.shared or account in row.shared


def _of_shared_image(tx: Reader, owner: Scope, snapshot: str, account: str) -> bool:
    """Whether a foreign account may launch an image of it."""
    images = (one for one in IMAGE.table.scan(tx, owner) if "all" in one.shared or account in one.shared)
    return any((one.get("Ebs") or {}).get("SnapshotId") == snapshot for image in images for one in image.mappings)


def encrypts_by_default(tx: Reader, scope: Scope) -> bool:
    row = ACCOUNTS.get(tx, scope, "account")
    return row is not None and bool(row.settings.get("ebs-encryption"))


def default_key(tx: Reader, scope: Scope) -> str:
    """The KMS key of volumes that name none: the account's choice, or AWS' own for EBS (by its alias until `keys.own`
    has looked it up)."""
    row = ACCOUNTS.get(tx, scope, "account")
    chosen = "" if row is None else row.settings.get("ebs-key") or row.settings.get("ebs-own-key")
    return str(chosen or f"arn:aws:kms:{scope.region}:{scope.account}:alias/aws/ebs")


def _encryption(
    tx: Reader, scope: Scope, source: Snapshot | None, encrypted: bool | None, key: str
) -> tuple[bool, str]:
    if key and not encrypted:
        raise errors.InvalidParameterDependency("The parameter KmsKeyId requires the parameter Encrypted to be set.")
    if source is not None and source.encrypted:
        return True, key or source.key
    if encrypted or encrypts_by_default(tx, scope):
        return True, key or default_key(tx, scope)
    return False, ""
