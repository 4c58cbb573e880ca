"""What keys do with time: rotate, lose imported material that expires, and go when their deletion is due."""

from __future__ import annotations

import msgspec

from haneul.service import Call, Scope, Step
from haneul.services.kms.imports import without
from haneul.services.kms.keys import DAY, erase, rewrite
from haneul.services.kms.lookup import new_material
from haneul.services.kms.plane import ciphers
from haneul.services.kms.state import KEYS, PENDING_DELETION, PENDING_REPLICA_DELETION, Key


def step_key(call: Call, key: Key) -> Step:
    """One step of a key; the row it gives is written by the loop."""
    now = call.now()
    if key.state == PENDING_DELETION:
        if key.deletion is None or key.deletion > now:
            return Step(key, None if key.deletion is None else key.deletion - now)
        with call.write() as tx:
            erase(tx, key)
        _leave_family(call, key)
        return Step(None)
    expired = {material.id for material in key.materials if material.expires is not None and material.expires <= now}
    if expired:
        key = msgspec.structs.replace(key, **without(key, expired))
    if key.rotates and key.next_rotation is not None and key.next_rotation <= now:
        key = msgspec.structs.replace(key, next_rotation=now + key.rotation_days * DAY)
        new_material(call, key, ciphers.generate(key.spec), "AUTOMATIC")
        _share(call, key)
    moments = [material.expires for material in key.materials if material.expires is not None]
    if key.rotates and key.next_rotation is not None:
        moments.append(key.next_rotation)
    return Step(key, max(0.0, min(moments) - now) if moments else None)


def _share(call: Call, key: Key) -> None:
    """Give the replicas the primary's materials."""
    with call.write() as tx:
        for region in key.family:
            if region != key.region and (other := KEYS.get(tx, Scope(key.account, region), key.id)) is not None:
                rewrite(tx, other, materials=key.materials, next_number=key.next_number)


def _leave_family(call: Call, key: Key) -> None:
    """Tell the other regions that this one is gone; a primary that waited for its last replica may be deleted now."""
    family = [region for region in key.family if region != key.region]
    with call.write() as tx:
        for region in family:
            row = KEYS.get(tx, Scope(key.account, region), key.id)
            if row is None:
                continue
            changed = rewrite(tx, row, family=family)
            if changed.state == PENDING_REPLICA_DELETION and len(family) == 1:
                from haneul import converge

                deletion = call.now() + (changed.window or 30) * DAY
                rewrite(tx, changed, state=PENDING_DELETION, deletion=deletion)
                converge.wake(tx, "kms.key", Scope(key.account, region), (key.id,), deletion)
