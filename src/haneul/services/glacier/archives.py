"""Archives: bytes put away once, never changed; read back only by a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.glacier.errors import errors
from haneul.services.glacier.plane.intake import take
from haneul.services.glacier.state import ARCHIVES, Archive
from haneul.services.glacier.vaults import VAULT, check_account, find_vault
from haneul.state.store import Writer

ARCHIVE_BYTES = 4 << 30
_PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))


@operation(resource=VAULT)
async def upload_archive(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UploadArchive: up to 4 GB in one request, checked against its tree hash."""
    with call.read() as tx:
        find_vault(call, tx, request)
    description = check_description(request)
    wanted = request.get("checksum")
    if not wanted:
        raise errors.MissingParameterValueException("Required parameter missing: x-amz-sha256-tree-hash")
    taken = await take(call.cloud.blobs, request["body"], ARCHIVE_BYTES)
    if taken is None:
        raise errors.InvalidParameterValueException(f"An archive sent in one request has at most {ARCHIVE_BYTES} bytes")
    if taken.size == 0:
        call.cloud.blobs.delete(taken.blob)
        raise errors.InvalidParameterValueException("Invalid Content-Length: 0")
    if taken.tree_hash != wanted.lower():
        call.cloud.blobs.delete(taken.blob)
        raise errors.InvalidParameterValueException(
            f"Checksum mismatch: expected {wanted} but received {taken.tree_hash}"
        )
    archive = Archive(
        vault=request["vaultName"],
        id=new_id(),
        description=description,
        created=call.now(),
        size=taken.size,
        tree_hash=taken.tree_hash,
        pieces=[(taken.blob, taken.size)],
    )

    def keep(tx: Writer) -> None:
        find_vault(call, tx, request)
        ARCHIVES.put(tx, call.scope, archive)

    await call.transact(keep)
    call.meter("TimedStorage-Bytes", archive.size)
    return stored(call, archive)


@operation(resource=VAULT)
def delete_archive(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteArchive. Deleting it again is no error; jobs that already hold it keep their copy."""
    check_account(call, request)
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        archive = ARCHIVES.get(tx, call.scope, vault.name, request["archiveId"])
        if archive is not None:
            ARCHIVES.delete(tx, call.scope, vault.name, archive.id)
            call.meter("TimedStorage-Bytes", -archive.size)
    return {}


def stored(call: Call, archive: Archive) -> dict[str, Any]:
    """What is answered to an upload that became an archive."""
    return {
        "location": f"/{call.account}/vaults/{archive.vault}/archives/{archive.id}",
        "checksum": archive.tree_hash,
        "archiveId": archive.id,
    }


def new_id() -> str:
    """An archive's, upload's or job's id: opaque, URL-safe, as long as AWS's."""
    return tokens.secret(69)


def check_description(request: Mapping[str, Any]) -> str:
    """A description is up to 1,024 printable ASCII characters."""
    text: str = request.get("archiveDescription") or ""
    if len(text) > 1024 or not _PRINTABLE.issuperset(text):
        raise errors.InvalidParameterValueException("Invalid archive description")
    return text
