"""Which engines run machines here: found out by booting probes, kept until the host boots or something is installed."""

from __future__ import annotations

import json
from pathlib import Path

from haneul.engines.errors import EngineError, EngineMissing
from haneul.engines.machines import qemu, uml
from haneul.engines.machines.install import installed
from haneul.engines.machines.keeping import boot_id
from haneul.engines.machines.port import DIRECT, Available, Machine

_GOOD = {
    "kvm": "Guests run on KVM: any image, at the processor's speed.",
    "uml": "User Mode Linux starts here: images that `haneul images build` makes run natively.",
    "tcg": "QEMU emulates a processor: any image runs, several times slower.",
}


def look(folder: Path) -> Available:
    """What can run machines here; seconds, the first time."""
    found = told(folder)
    if found is not None:
        return found
    trouble = {"kvm": qemu.probe_kvm(folder), "uml": uml.probe(folder), "tcg": qemu.probe(folder)}
    record = {"key": _key(folder), "trouble": trouble}
    if any(not why for why in trouble.values()):
        fresh = folder / "probes.fresh"
        fresh.write_text(json.dumps(record))
        fresh.rename(folder / "probes.json")
    return _available(trouble)


def told(folder: Path) -> Available | None:
    """What was found out before and still holds; None when nobody has looked."""
    try:
        record = json.loads((folder / "probes.json").read_text())
        return _available(record["trouble"]) if record["key"] == _key(folder) else None
    except (OSError, ValueError, KeyError):
        return None


def _key(folder: Path) -> list[str]:
    return [boot_id(), *installed(folder)]


def _available(trouble: dict[str, str]) -> Available:
    good = tuple(name for name in _GOOD if not trouble[name])
    return Available(good, {name: trouble[name] or text for name, text in _GOOD.items()})


def choose(able: Available, machine: Machine) -> str:
    """The engine that shall run the machine. Raises EngineMissing, EngineError."""
    simple = machine.boot == DIRECT and all(disk.format == "raw" for disk in machine.disks)
    for one in able.engines:
        if machine.engine in ("", "uml" if one == "uml" else "qemu") and (simple or one != "uml"):
            return one
    if machine.engine == "uml" and "uml" in able.engines:
        return "uml"  # which says what of the machine it can't do
    why = {name: text for name, text in able.why.items() if machine.engine in ("", "uml" if name == "uml" else "qemu")}
    if not able.engines or (not simple and "engines install" in why.get("tcg", "")):
        raise EngineMissing("What runs this machine", f"haneul engines install machines{'' if simple else ' qemu'}")
    raise EngineError(f"no engine here boots machine {machine.id}: {' '.join(why.values())}")
