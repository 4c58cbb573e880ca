"""Machines for real, on every engine that this machine has: what a guest sees and does, and what stays when it, its
keeper or the cloud ends. The guests are of the image `minimal`, mostly with a shell as their first process."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from haneul.engines import daemons, machines, volumes
from haneul.engines.errors import EngineBusy, EngineError
from haneul.engines.machines import Disk, Machine, Machines, Nic, images
from haneul.engines.volumes import exports, sparse

pytestmark = pytest.mark.timeout(180)
KINDS = ("uml", "qemu")
_SHELL = "init=/bin/bash"
_PREPARED = ("mount -t proc p /proc; mount -t sysfs s /sys; mountpoint -q /dev || mount -t devtmpfs d /dev; "
             "stty -echo; PS1= PS2=")  # fmt: skip


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the engines and the image."""
    data = tmp_path_factory.mktemp("machines")
    try:
        machines.install(data, "all")
        images.ensure_image(data, "minimal")
    except EngineError as error:
        pytest.skip(str(error))
    return data


@pytest.fixture
def data(kit: Path, tmp_path: Path) -> Path:
    """A data folder of the test's own, that shares what is installed."""
    folder = tmp_path / "engines" / "machines"
    folder.mkdir(parents=True)
    (folder / "installed").symlink_to(kit / "engines" / "machines" / "installed")
    return tmp_path


@pytest.fixture
def engine(data: Path) -> Iterator[Machines]:
    engine = machines.open_engine(data)
    yield engine
    keepers = [keeper(data, name) for name in engine.names()]
    for name in engine.names():
        engine.remove(name)
    engine.close()
    assert engine.names() == []
    assert [pid for pid in keepers if pid and daemons.alive(pid)] == []
    assert processes(data) == []


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, engine: Machines) -> str:
    """ "uml", or what QEMU is here: "kvm" or "tcg"."""
    able = engine.available()
    found = [one for one in able.engines if (one == "uml") == (request.param == "uml")]
    if not found:
        pytest.skip(" ".join(why for one, why in able.why.items() if (one == "uml") == (request.param == "uml")))
    return found[0]


@pytest.fixture(scope="session")
def root(kit: Path) -> Disk:
    """A disk with the image on it; it lives through all the power cuts of this suite."""
    path = kit / "root.raw"
    sparse.copy(images.path_of(kit, "minimal"), path)
    return Disk("vol-root", path, device="/dev/xvda", serial="vol0root")


def machine(kind: str, *disks: Disk, arguments: str = _SHELL, **options: Any) -> Machine:
    return Machine(
        "i-1", disks, engine="uml" if kind == "uml" else "qemu", arguments=arguments, memory_mib=256, **options
    )


def blank(folder: Path, name: str, megabytes: int = 8) -> Disk:
    path = folder / f"{name}.raw"
    with path.open("wb") as file:
        file.truncate(megabytes << 20)
    return Disk(name, path, serial=name.replace("-", ""))


def until(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about in time")


def keeper(data: Path, name: str = "i-1") -> int:
    """The pid of a machine's first process, 0 when there is none."""
    with contextlib.suppress(OSError, ValueError):
        return int((data / "engines/machines/machines" / name / "pid").read_text().split()[0])
    return 0


def inhabitants(pid: int) -> list[int]:
    """The processes in the process namespace of this one."""
    space = os.readlink(f"/proc/{pid}/ns/pid_for_children")
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(path / "ns/pid") == space:
                found.append(int(path.name))
    return found


def processes(data: Path) -> list[str]:
    """What still runs with this folder on its command line or below it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(path / "cwd").startswith(str(data)) or str(data).encode() in (path / "cmdline").read_bytes():
                found.append(path.name)
    return [pid for pid in found if int(pid) != os.getpid()]


class Shell:
    """The guest's first process, on its serial console."""

    def __init__(self, engine: Machines, name: str = "i-1") -> None:
        self.socket = engine.serial(name)
        self.socket.settimeout(60)
        self.number = 0
        self.run(_PREPARED)

    def run(self, command: str) -> str:
        """What it prints."""
        self.number += 1
        self.socket.sendall(f"{{ {command}; }} 2>&1; echo ended:$((10*{self.number}))\n".encode())
        said = b""
        while (found := re.search(rb"ended:%d\r?\n" % (10 * self.number), said)) is None:
            part = self.socket.recv(65536)
            assert part, said.decode(errors="replace")
            said += part
        text = said[: found.start()].decode(errors="replace").replace("\r", "")
        return text.strip()

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def shell(engine: Machines) -> Iterator[Callable[[], Shell]]:
    """shell(): the guest's console, once it has a prompt."""
    opened: list[Shell] = []

    def connect() -> Shell:
        until(lambda: b"# " in engine.console("i-1"))
        opened.append(Shell(engine))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


def test_boots_the_image_and_keeps_its_console(engine: Machines, kind: str, root: Disk) -> None:
    """The image comes up to its last word by itself; starting what runs changes nothing."""
    engine.ensure_running(machine(kind, root, arguments=""))
    assert (engine.state("i-1"), engine.engine("i-1"), engine.running()) == ("running", kind, ["i-1"])
    until(lambda: b"Haneul: ready in" in engine.console("i-1"))
    stats = engine.stats("i-1")
    assert stats is not None and stats.cpu_seconds > 0 and stats.memory_bytes > 10 << 20
    assert stats.started <= time.time()
    engine.ensure_running(machine(kind, root, arguments=""))
    assert engine.boots("i-1") == 1
    engine.shutdown("i-1")
    assert (engine.state("i-1"), engine.stats("i-1"), engine.running(), engine.names()) == (
        "stopped",
        None,
        [],
        ["i-1"],
    )
    assert b"Haneul: ready in" in engine.console("i-1")
    engine.remove("i-1")
    assert (engine.state("i-1"), engine.console("i-1"), engine.names()) == ("absent", b"", [])


def test_disks_come_and_go_while_it_runs(
    engine: Machines, kind: str, root: Disk, tmp_path: Path, shell: Callable[[], Shell]
) -> None:
    """What the guest writes is in the file; a disk that is mounted is busy, one that is let go of is gone."""
    engine.ensure_running(machine(kind, root))
    guest = shell()
    extra = blank(tmp_path, "vol-1")
    named = engine.attach("i-1", extra)
    assert named == engine.attach("i-1", extra)
    assert [one.id for one in engine.disks("i-1")] == ["vol-root", "vol-1"]
    guest.run("for i in `seq 100`; do grep -q ' 8192 ' /proc/partitions && break; sleep 0.05; done")
    (device,) = re.findall(r" 8192 (\S+)", guest.run("cat /proc/partitions"))
    assert named in ("", f"/dev/{device}")
    if kind != "uml":
        assert guest.run(f"cat /sys/block/{device}/serial") == "vol1"
    assert guest.run(f"mkfs.ext4 -q /dev/{device} && mount /dev/{device} /mnt && echo here > /mnt/file && sync") == ""
    if kind == "uml":
        with pytest.raises(EngineBusy):
            engine.detach("i-1", "vol-1")
    guest.run("umount /mnt")
    engine.detach("i-1", "vol-1")
    engine.detach("i-1", "vol-1")
    assert " 8192 " not in guest.run("cat /proc/partitions")
    assert b"here\n" in extra.path.read_bytes()
    assert [one.id for one in engine.disks("i-1")] == ["vol-root"]
    engine.attach("i-1", extra)
    assert guest.run(f"sleep 0.3; mount -o ro /dev/{device} /mnt && cat /mnt/file") == "here"


def test_encrypted_volumes_are_disks_like_any_other(
    engine: Machines, kind: str, root: Disk, tmp_path: Path, shell: Callable[[], Shell]
) -> None:
    """From the start and while it runs, read and written by the machine's own user, grown where the engine can."""
    try:
        exports.check(tmp_path)
    except EngineError as error:
        pytest.skip(str(error))
    store, key = volumes.open_engine(tmp_path / "ebs"), bytes(range(32))
    try:
        for name in ("vol-1", "vol-2"):
            store.ensure_volume(name, 8 << 20, own_key=key)
        first, second = (Disk(one, store.ensure_open(one, key), serial=one[-1]) for one in ("vol-1", "vol-2"))
        engine.ensure_running(machine(kind, root, first))
        guest = shell()
        (device,) = re.findall(r" 8192 (\S+)", guest.run("cat /proc/partitions"))
        write = "mkfs.ext4 -q /dev/{0} && mount /dev/{0} /mnt && echo here > /mnt/file && sync && umount /mnt"
        assert guest.run(write.format(device)) == ""
        engine.attach("i-1", second)
        guest.run("for i in `seq 100`; do grep -c ' 8192 ' /proc/partitions | grep -q 2 && break; sleep 0.05; done")
        (other,) = set(re.findall(r" 8192 (\S+)", guest.run("cat /proc/partitions"))) - {device}
        assert guest.run(write.format(other)) == ""
        store.ensure_grown("vol-2", 16 << 20)
        if engine.resized("i-1", "vol-2"):
            guest.run("for i in `seq 100`; do grep -q ' 16384 ' /proc/partitions && break; sleep 0.05; done")
            assert f" 16384 {other}" in guest.run("cat /proc/partitions")
        engine.detach("i-1", "vol-2")
        store.ensure_closed("vol-2")
        assert b"here" not in (tmp_path / "ebs/engines/volumes/luks/vol-2").read_bytes()
        assert b"here\n" in store.ensure_open("vol-2", key).read_bytes()
    finally:
        engine.remove("i-1")
        store.close()


def test_read_only_disks_stay_as_they_are(
    engine: Machines, kind: str, root: Disk, tmp_path: Path, shell: Callable[[], Shell]
) -> None:
    """A guest that may only read a disk can't write to it, whatever it tries."""
    fixed = blank(tmp_path, "vol-1")
    engine.ensure_running(machine(kind, root, Disk("vol-1", fixed.path, read_only=True)))
    guest = shell()
    (device,) = re.findall(r" 8192 (\S+)", guest.run("cat /proc/partitions"))
    guest.run(f"echo written | dd of=/dev/{device} conv=notrunc; sync")
    assert fixed.path.read_bytes().count(0) == 8 << 20


def test_paused_guests_stand_still(engine: Machines, kind: str, root: Disk, shell: Callable[[], Shell]) -> None:
    """Nothing runs while it is paused, all goes on after; starting a paused machine resumes it."""
    engine.ensure_running(machine(kind, root))
    guest = shell()
    engine.pause("i-1")
    engine.pause("i-1")
    assert engine.state("i-1") == "paused"
    guest.socket.sendall(b"echo $((41+1))\n")
    guest.socket.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        assert b"42" not in guest.socket.recv(4096)
    engine.ensure_running(machine(kind, root))
    guest.socket.settimeout(60)
    assert engine.state("i-1") == "running"
    assert guest.run("echo back").endswith("back")


def test_reboots_stay_in_the_same_process(
    engine: Machines, kind: str, root: Disk, data: Path, tmp_path: Path, shell: Callable[[], Shell]
) -> None:
    """The keeper, the disks that were added and the console outlive a reboot; the guest's uptime doesn't."""
    engine.ensure_running(machine(kind, root))
    shell().close()
    engine.attach("i-1", blank(tmp_path, "vol-1"))
    pid, before = keeper(data), engine.console("i-1")
    engine.reboot("i-1")
    until(lambda: engine.boots("i-1") == 2)
    until(lambda: engine.console("i-1").count(b"# ") > before.count(b"# "))
    assert " 8192 " in Shell(engine).run("cat /proc/partitions")
    assert engine.console("i-1").startswith(before)
    assert (keeper(data), engine.state("i-1")) == (pid, "running")


def test_a_guest_that_ends_is_told(engine: Machines, kind: str, root: Disk, shell: Callable[[], Shell]) -> None:
    """`poweroff` inside is somebody's decision to be told; an end that was asked for is not."""
    ended: list[str] = []
    told = threading.Event()

    def tell(name: str) -> None:
        ended.append(name)
        told.set()

    engine.watch(tell)
    engine.ensure_running(machine(kind, root))
    shell().socket.sendall(b"sync; busybox poweroff -f\n")
    assert told.wait(60)
    assert (ended, engine.state("i-1"), engine.disks("i-1")) == (["i-1"], "stopped", [])
    engine.ensure_running(machine(kind, root))
    assert (engine.state("i-1"), engine.boots("i-1")) == ("running", 1)
    engine.power_off("i-1")
    assert ended == ["i-1"]


def test_the_next_cloud_finds_it(engine: Machines, kind: str, root: Disk, data: Path, tmp_path: Path) -> None:
    """A second engine on the same folder sees, asks, changes and ends what the first one started."""
    engine.ensure_running(machine(kind, root))
    until(lambda: b"# " in engine.console("i-1"))
    engine.close(keep=True)
    again = machines.open_engine(data)
    ended: list[str] = []
    again.watch(ended.append)
    assert (again.state("i-1"), again.running(), again.engine("i-1"), again.boots("i-1")) == (
        "running",
        ["i-1"],
        kind,
        1,
    )
    assert again.disks("i-1") == [root]
    pid = keeper(data)
    again.ensure_running(machine(kind, root))
    assert keeper(data) == pid
    again.attach("i-1", blank(tmp_path, "vol-1"))
    assert Shell(again).run("echo $((41+1))").endswith("42")
    again.close()
    assert (again.state("i-1"), ended) == ("stopped", [])


_CLOUD = """
import sys, time
from pathlib import Path
from haneul.engines import machines
from haneul.engines.machines import Disk, Machine
engine = machines.open_engine(Path(sys.argv[1]))
engine.ensure_running(Machine("i-1", [Disk("vol-root", Path(sys.argv[2]))], engine=sys.argv[3], memory_mib=256,
                              arguments="init=/bin/bash"))
print("started", flush=True)
time.sleep(600)
"""


def test_killed_clouds_leave_their_machines(engine: Machines, kind: str, root: Disk, data: Path) -> None:
    """kill -9 of the cloud and of all its children is no power cut for the guests."""
    name = "uml" if kind == "uml" else "qemu"
    command = [sys.executable, "-c", _CLOUD, str(data), str(root.path), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as cloud:
        assert cloud.stdout is not None and cloud.stdout.readline() == b"started\n"
        os.killpg(cloud.pid, signal.SIGKILL)
    until(lambda: b"# " in engine.console("i-1"))
    assert Shell(engine).run("echo $((41+1))").endswith("42")
    assert (engine.state("i-1"), engine.running()) == ("running", ["i-1"])


def test_a_killed_keeper_takes_everything_along(
    engine: Machines, kind: str, root: Disk, data: Path, shell: Callable[[], Shell]
) -> None:
    """No process of a machine goes on without the first one; a machine that died can be started again."""
    if os.geteuid() != 0:
        pytest.skip("without root there is no process namespace that ends with its first process")
    engine.ensure_running(machine(kind, root))
    shell().run("(sleep 600 & sleep 600 &)")
    pid = keeper(data)
    others = inhabitants(pid)
    assert len(others) > 1
    os.kill(pid, signal.SIGKILL)
    until(lambda: not [one for one in others if daemons.alive(one)], 20)
    assert engine.state("i-1") == "stopped"
    engine.ensure_running(machine(kind, root))
    assert engine.state("i-1") == "running"


def test_nobody_on_the_host_is_the_machine(engine: Machines, kind: str, root: Disk, data: Path) -> None:
    """Its processes have a user, a root folder and namespaces of their own, and no privileges."""
    if os.geteuid() != 0:
        pytest.skip("a sandbox of its own needs root")
    engine.ensure_running(machine(kind, root))
    until(lambda: b"# " in engine.console("i-1"))
    for pid in inhabitants(keeper(data)):
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        assert int(status["Uid"].split()[0]) >= 1_000_000_000
        assert (int(status["CapEff"], 16), int(status["CapPrm"], 16), status["NoNewPrivs"]) == (0, 0, "1")
        for space in ("net", "mnt", "ipc", "uts"):
            assert os.readlink(f"/proc/{pid}/ns/{space}") != os.readlink(f"/proc/self/ns/{space}")
        assert not Path(f"/proc/{pid}/root/root").exists() and not Path(f"/proc/{pid}/root/home").exists()


def test_listeners_at_the_console(engine: Machines, kind: str, root: Disk, shell: Callable[[], Shell]) -> None:
    """Several read the serial console at a time; one who never reads holds nobody up, and all see the same."""
    engine.ensure_running(machine(kind, root))
    guest, idle = shell(), engine.serial("i-1")
    with idle, engine.serial("i-1") as second:
        guest.run("for i in `seq 2500`; do echo line $i of many, so that nobody can hold it all; done")
        assert guest.run("echo $((41+1))") == "42"
        second.settimeout(10)
        assert second.recv(10)
    assert len(engine.console("i-1")) == machines.port.CONSOLE


def test_what_cannot_be_started(engine: Machines, kind: str, root: Disk, tmp_path: Path) -> None:
    """A missing file, a missing tap or a wrong format is said, and leaves nothing that runs."""
    with pytest.raises(EngineError, match="no file"):
        engine.ensure_running(machine(kind, root, Disk("vol-1", tmp_path / "none")))
    with pytest.raises(EngineError, match="does not run"):
        engine.attach("i-1", root)
    with pytest.raises(EngineError):
        engine.serial("i-1")
    assert engine.running() == []
    if kind == "uml":
        with pytest.raises(EngineError, match="raw disks only"):
            engine.ensure_running(machine(kind, Disk("vol-1", root.path, format="qcow2")))


@pytest.fixture
def wire() -> Iterator[Path]:
    """A network namespace with two taps, ours at 192.0.2.1 behind the one and 192.0.2.5 behind the other."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("taps need root and iproute2")
    name = f"hnl-test-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"there are no network namespaces here: {done.stderr.strip()}")
    for tap, address in (("t0", "192.0.2.1/30"), ("t1", "192.0.2.5/30")):
        for words in (f"tuntap add {tap} mode tap", f"address add {address} dev {tap}", f"link set {tap} up"):
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
    yield Path("/run/netns") / name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def test_interfaces_come_and_go_while_it_runs(
    engine: Machines, kind: str, root: Disk, wire: Path, shell: Callable[[], Shell]
) -> None:
    """Packets pass through a tap that was plugged in, as through one from the start, until it goes."""
    first, second = Nic("eni-1", "t0", "02:00:00:00:00:01"), Nic("eni-2", "t1", "02:00:00:00:00:02")
    engine.ensure_running(machine(kind, root, nics=[first], netns=wire))
    guest = shell()
    guest.run(f"ip link set {_named(guest, first)} name one; ip address add 192.0.2.2/30 dev one; ip link set one up")
    assert "1 packets received" in guest.run("busybox ping -c 1 -W 9 192.0.2.1")
    engine.attach_nic("i-1", second)
    engine.attach_nic("i-1", second)
    guest.run("for i in `seq 100`; do grep -q 02:00:00:00:00:02 /sys/class/net/*/address && break; sleep 0.05; done")
    guest.run(f"ip link set {_named(guest, second)} name two; ip address add 192.0.2.6/30 dev two; ip link set two up")
    assert "1 packets received" in guest.run("busybox ping -c 1 -W 9 192.0.2.5")
    guest.run("ip link set two down")
    engine.detach_nic("i-1", "eni-2")
    engine.detach_nic("i-1", "eni-2")
    assert second.mac not in guest.run("cat /sys/class/net/*/address")
    engine.attach_nic("i-1", second)
    before = engine.console("i-1").count(b"# ")
    engine.reboot("i-1")
    until(lambda: engine.console("i-1").count(b"# ") > before)
    again = Shell(engine)
    assert second.mac in again.run("cat /sys/class/net/*/address")
    again.close()


def _named(guest: Shell, nic: Nic) -> str:
    return guest.run(f"cd /sys/class/net; for one in *; do grep -q {nic.mac} $one/address && echo $one; done; cd /")


def test_disks_grow_while_they_are_attached(
    engine: Machines, kind: str, root: Disk, tmp_path: Path, shell: Callable[[], Shell]
) -> None:
    """The guest of QEMU sees more at once; that of User Mode Linux sees it when it boots, and the engine says so."""
    extra = blank(tmp_path, "vol-1")
    engine.ensure_running(machine(kind, root, extra))
    guest = shell()
    os.truncate(extra.path, 16 << 20)
    assert engine.resized("i-1", "vol-1") == (kind != "uml")
    if kind != "uml":
        guest.run("for i in `seq 100`; do grep -q ' 16384 ' /proc/partitions && break; sleep 0.05; done")
        assert " 16384 " in guest.run("cat /proc/partitions")


def test_ec2_shows_in_the_machine(engine: Machines, kind: str, root: Disk, shell: Callable[[], Shell]) -> None:
    """What cloud-init and the agents look at to know where they are."""
    if kind == "uml":
        pytest.skip("User Mode Linux has no firmware that could tell")
    uuid = "ec2a1b2c-1234-4abc-8def-0123456789ab"
    engine.ensure_running(machine(kind, root, uuid=uuid, product="t3.micro"))
    told = shell().run("cd /sys/class/dmi/id; cat sys_vendor product_name product_uuid product_serial bios_vendor")
    assert told.split("\n") == ["Amazon EC2", "t3.micro", uuid, uuid, "Amazon EC2"]


def test_any_disk_boots_on_qemu(engine: Machines, kind: str, tmp_path: Path) -> None:
    """A disk with a boot loader of its own: its first sector is run, by either firmware there is a picture of it."""
    if kind == "uml":
        pytest.skip("User Mode Linux boots file systems only")
    # mov dx, 0x3f8; mov al, "!"; out dx, al; hlt, in a loop
    code = bytes.fromhex("baf803b021eef4ebfd")
    sector = code.ljust(510, b"\0") + b"\x55\xaa"
    disk = blank(tmp_path, "vol-1")
    disk.path.write_bytes(sector + bytes(disk.path.stat().st_size - 512))
    engine.ensure_running(Machine("i-1", [disk], boot="disk", memory_mib=64))
    until(lambda: engine.console("i-1").endswith(b"!"))
    picture = engine.screenshot("i-1")
    assert picture is not None and picture.startswith(b"\x89PNG")
    with pytest.raises(EngineError):
        engine.ensure_running(Machine("i-2", [disk], boot="disk", engine="uml"))


def test_interrupted_plugging_is_begun_again(
    engine: Machines, kind: str, root: Disk, data: Path, tmp_path: Path, shell: Callable[[], Shell]
) -> None:
    """A cloud killed between the machine's having a disk and the record of it: the next one attaches and detaches."""
    engine.ensure_running(machine(kind, root))
    guest = shell()
    record = data / "engines/machines/machines/i-1/machine.json"
    before = record.read_text()
    extra = blank(tmp_path, "vol-1")
    engine.attach("i-1", extra)
    record.write_text(before)
    again = machines.open_engine(data)
    again.attach("i-1", extra)
    guest.run("for i in `seq 100`; do grep -q ' 8192 ' /proc/partitions && break; sleep 0.05; done")
    assert len(re.findall(" 8192 ", guest.run("cat /proc/partitions"))) == 1
    before = record.read_text()
    again.detach("i-1", "vol-1")
    record.write_text(before)
    engine.detach("i-1", "vol-1")
    assert [one.id for one in engine.disks("i-1")] == ["vol-root"]
    assert " 8192 " not in guest.run("cat /proc/partitions")
