"""What takes time here: jobs ripen and are forgotten a day later, vaults are inventoried once a day."""

from __future__ import annotations

import csv
import io

import orjson

from haneul.kit.instants import iso8601
from haneul.service import Call, Step
from haneul.services.glacier.jobs import describe
from haneul.services.glacier.notifications import ARCHIVE_DONE, INVENTORY_DONE
from haneul.services.glacier.state import ARCHIVES, VAULTS, Archive, Job, Vault
from haneul.services.glacier.vaults import INVENTORY_EVERY, arn
from haneul.wire.errors import AwsError

KEPT_FOR = 86_400.0
INLINE_BYTES = 90_000


def ripen(call: Call, job: Job) -> Step:
    """An unripe job waits, a ripe one succeeds and tells its topic, an old one is deleted."""
    now = call.now()
    if job.status == "InProgress":
        if now < job.ripe:
            return Step(job, job.ripe - now)
        job.completed = now
        job.status = "Succeeded"
        if job.action == "InventoryRetrieval":
            _fill_inventory(call, job)
        _tell(call, job)
        return Step(job, KEPT_FOR)
    assert job.completed is not None
    left = job.completed + KEPT_FOR - now
    return Step(job, left) if left > 0 else Step(None)


def take_inventory(call: Call, vault: Vault) -> Step:
    """Count what is in a vault, once a day."""
    now = call.now()
    last = vault.inventoried if vault.inventoried is not None else vault.created
    if now - last >= INVENTORY_EVERY:
        archives = _archives(call, vault.name)
        vault.inventoried, vault.archives, vault.size = now, len(archives), sum(a.size for a in archives)
        last = now
    return Step(vault, last + INVENTORY_EVERY - now)


def _archives(call: Call, vault: str) -> list[Archive]:
    with call.read() as tx:
        return list(ARCHIVES.scan(tx, call.scope, vault))


def _fill_inventory(call: Call, job: Job) -> None:
    """The inventory as of now. It is kept in the job's own row, or fails when it would not fit."""
    chosen = [a for a in _archives(call, job.vault) if _between(a, job)]
    chosen.sort(key=lambda archive: archive.created)
    if job.limit is not None:
        chosen = chosen[: int(job.limit)]
    text = _as_csv(chosen) if job.format == "CSV" else _as_json(call, job, chosen)
    if len(text) > INLINE_BYTES:
        writer = call.cloud.blobs.create()
        writer.write(text)
        job.pieces = [(writer.commit(), len(text))]
        job.size = len(text)
    else:
        job.inventory = text


def _between(archive: Archive, job: Job) -> bool:
    when = iso8601(archive.created)
    return (job.first is None or when >= job.first) and (job.last is None or when < job.last)


def _as_json(call: Call, job: Job, archives: list[Archive]) -> bytes:
    return orjson.dumps(
        {
            "VaultARN": arn(call, job.vault),
            "InventoryDate": iso8601(call.now()),
            "ArchiveList": [
                {
                    "ArchiveId": a.id,
                    "ArchiveDescription": a.description,
                    "CreationDate": iso8601(a.created),
                    "Size": a.size,
                    "SHA256TreeHash": a.tree_hash,
                }
                for a in archives
            ],
        }
    )


def _as_csv(archives: list[Archive]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("ArchiveId", "ArchiveDescription", "CreationDate", "Size", "SHA256TreeHash"))
    for a in archives:
        writer.writerow((a.id, a.description, iso8601(a.created), a.size, a.tree_hash))
    return out.getvalue().encode()


def _tell(call: Call, job: Job) -> None:
    """Publish the finished job to the topics that want it; a topic that isn't there is its owner's business."""
    event = ARCHIVE_DONE if job.action == "ArchiveRetrieval" else INVENTORY_DONE
    with call.read() as tx:
        vault = VAULTS.get(tx, call.scope, job.vault)
    topics = {job.topic} if job.topic else set()
    if vault is not None and vault.topic and event in vault.events:
        topics.add(vault.topic)
    message = orjson.dumps({k: v for k, v in describe(call, job).items() if v is not None}).decode()
    for topic in sorted(topics):
        try:
            call.invoke("sns", "Publish", {"TopicArn": topic, "Message": message})
        except AwsError:
            continue
