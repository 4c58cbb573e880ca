"""CopyImage: the same image in this region, of snapshots of its own, sealed anew with a key where asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, tagging
from haneul.services.ec2.errors import coded, errors
from haneul.services.ec2.instances import image_names, image_notices, images
from haneul.services.ec2.instances.state import IMAGE, Image
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import creation, keys
from haneul.services.ec2.volumes.state import SNAPSHOT, Snapshot
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

COPIED = ("BootMode", "EnaSupport", "ImdsSupport", "KernelId", "Platform", "PlatformDetails", "RamdiskId",
           "SriovNetSupport", "TpmSupport", "UefiData", "UsageOperation", "VirtualizationType")  # fmt: skip


def _arns(call: Call, request: Mapping[str, Any]) -> list[str]:
    source = f"arn:aws:ec2:{request['SourceRegion']}::image/{request['SourceImageId']}"
    return [source, *(f"arn:aws:ec2:{call.region}::{kind}/*" for kind in ("image", "snapshot"))]


@operation(_arns)
def copy_image(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CopyImage from this or another region. Raises InvalidAMIID.NotFound, InvalidRequest when its storage isn't shared
    with the caller, InvalidParameterCombination."""
    name, text = request["Name"], request.get("Description") or ""
    image_names.check_name(name)
    image_names.check_description(text)
    tags = {kind: tagging.of_new(request, kind, "image", "snapshot") for kind in ("image", "snapshot")}
    key = keys.resolve(call, request.get("KmsKeyId"))
    if key and not request.get("Encrypted"):
        raise errors.InvalidParameterCombination("KmsKeyId requires Encrypted to be set.")
    with call.write() as tx:
        made = idempotency.made_before(tx, call, request)
        if made:
            return {"ImageId": made[0]}
        owner, source = images.find(tx, call, request["SourceImageId"], request["SourceRegion"])
        if source.state != "available":
            raise coded("InvalidAMIID.Unavailable", f"The image id '[{source.id}]' is no longer available")
        if request.get("CopyImageTags") and owner.account == call.account:
            tags["image"] = {one: value for one, value in source.tags.items() if not one.startswith("aws:")} | (
                tags["image"]
            )
        row = _row(call, source, name, text, tags["image"], request["SourceRegion"])
        copies = _Copies(tx, call, row, bool(request.get("Encrypted")), key, tags["snapshot"])
        row.mappings = [copies.mapping(owner, one) for one in source.mappings]
        row.work = {"snapshots": copies.made}
        IMAGE.table.put(tx, call.scope, row)
        image_notices.tell(tx, call.scope, row, call.now())
        wake(tx, "ec2.image", call.scope, (row.id,), call.now())
        idempotency.remember(tx, call, request, [row.id])
    return {"ImageId": row.id}


def _row(call: Call, source: Image, name: str, text: str, tags: dict[str, str], region: str) -> Image:
    kept = {one: source.options[one] for one in COPIED if source.options.get(one)}
    return Image(
        id=IMAGE.new_id(),
        name=name,
        state="pending",
        created=call.now(),
        root_device=source.root_device,
        description=text or f"[Copied {source.id} from {region}] {source.name}"[:255],
        architecture=source.architecture,
        boot=source.boot,
        options={"EnaSupport": True, **kept, "SourceImageId": source.id, "SourceImageRegion": region},
        tags=tags,
    )


class _Copies:
    """The snapshots of one copy."""

    def __init__(self, tx: Writer, call: Call, image: Image, encrypted: bool, key: str, tags: dict[str, str]) -> None:
        self.made: list[str] = []
        self._tx, self._call, self._image = tx, call, image
        self._encrypted, self._key, self._tags = encrypted, key, tags

    def mapping(self, owner: Scope, one: Mapping[str, Any]) -> dict[str, Any]:
        ebs = one.get("Ebs") or {}
        if not ebs.get("SnapshotId"):
            return dict(one)
        copy = self._snapshot(owner, ebs["SnapshotId"])
        kept = {name: value for name, value in ebs.items() if name != "KmsKeyId"}
        return {**one, "Ebs": {**kept, "SnapshotId": copy.id, "Encrypted": copy.encrypted}}

    def _snapshot(self, owner: Scope, identifier: str) -> Snapshot:
        """A copy's row, its step woken."""
        call, scope = self._call, self._call.scope
        source = SNAPSHOT.find(self._tx, owner, identifier)
        if source is None:
            raise SNAPSHOT.missing([identifier])
        if owner.account != call.account and not creation.usable(source, call.account):
            raise storage_denied()
        encrypted = source.encrypted or self._encrypted or creation.encrypts_by_default(self._tx, scope)
        copy = Snapshot(
            id=SNAPSHOT.new_id(),
            volume="vol-ffffffff",
            size=source.size,
            state="pending",
            created=call.now(),
            description=f"Copied for DestinationAmi {self._image.id} from SourceAmi "
            f"{self._image.options['SourceImageId']} for SourceSnapshot {source.id}. "
            f"Task created on {call.now() * 1000:,.0f}.",
            progress="0%",
            encrypted=encrypted,
            key=(self._key or creation.default_key(self._tx, scope)) if encrypted else "",
            work={"copy-of": source.id, "source-key": source.data_key},
            tags=self._tags,
        )
        SNAPSHOT.table.put(self._tx, scope, copy)
        wake(self._tx, "ec2.snapshot", scope, (copy.id,), call.now())
        self.made.append(copy.id)
        return copy


def storage_denied() -> AwsError:
    return errors.InvalidRequest("You do not have permission to access the storage of this ami")
