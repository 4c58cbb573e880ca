"""Keeps one machine: makes its sandbox, starts it in there, holds its console and disks, and outlives the cloud.

Run by path with `python -I -S`, its plan as JSON on standard input; answers `{"pid": ...}` or `{"error": ...}` on
standard output once the machine's process runs. In a process namespace of its own it is process 1: when it ends,
for whatever reason, everything of the machine ends. Standard library only.
"""

# The sandbox is made of modes and paths that look odd from outside; answers are printed.
# ruff: noqa: ANN001, ANN002, ANN201, SIM115, PTH100, S103, S108, T201
# mypy: ignore-errors

import contextlib
import ctypes
import json
import os
import shutil
import stat
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# By path, so that nothing of the cloud is loaded: a keeper holds a few megabytes.
from watchman import Watchman

_libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
DETACH = 2
SET_DUMPABLE, NO_NEW_PRIVS = 4, 38
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
TUNSETIFF, TUNSETOWNER, TAP_NO_PI, VNET_HDR = 0x400454CA, 0x400454CC, 0x1002, 0x4000
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "net/tun": (10, 200),
           "kvm": (10, 232)}  # fmt: skip


def main():
    plan = json.loads(sys.stdin.buffer.read())
    said, say = os.pipe()
    go, let = os.pipe()
    try:
        disks = [hold(disk["path"], disk["read_only"], plan["uid"]) for disk in plan["disks"]]
        enter_namespaces(plan)
        child = os.fork()
    except OSError as error:
        print(json.dumps({"error": str(error)}))
        return
    if child == 0:
        os.close(said)
        os.close(let)
        # Nothing runs that no file tells of: without the word of a parent that lived long enough, we end.
        if os.read(go, 1):
            become(plan, disks, say)
        os._exit(1)
    os.close(say)
    write_pid(plan["folder"], child, plan["boot"])
    os.write(let, b"x")
    answer = b""
    while part := os.read(said, 4096):
        answer += part
    trouble = answer.decode(errors="replace") or "the keeper ended"
    print(json.dumps({"pid": child} if answer == b"ok" else {"error": trouble}))


def become(plan, disks, say):
    """Process 1 of the machine, from here to its end."""
    try:
        watchman = Watchman(plan, disks, prepare(plan))
        watchman.boot()
        os.write(say, b"ok")
    except Exception as error:
        os.write(say, str(error).encode()[:4000] or b"?")
        os._exit(1)
    os.close(say)
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    watchman.run()


def write_pid(folder, child, boot):
    """The keeper is known by its number, its start and the host's boot: no other process can be taken for it."""
    with open(f"/proc/{child}/stat") as file:
        started = file.read().rpartition(")")[2].split()[19]
    fresh = os.path.join(folder, "pid.fresh")
    with open(fresh, "w") as file:
        file.write(f"{child} {started} {boot}\n")
    os.rename(fresh, os.path.join(folder, "pid"))


def hold(path, read_only, uid):
    """A descriptor of a disk, opened while we may, belonging to whom the machine will be."""
    descriptor = os.open(path, os.O_RDONLY if read_only else os.O_RDWR)
    if os.geteuid() == 0 and uid and stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchown(descriptor, uid, uid)
    return descriptor


def enter_namespaces(plan):
    if not plan["sandbox"]:
        return
    if plan["netns"]:
        descriptor = os.open(plan["netns"], os.O_RDONLY)
        call("setns", descriptor, NEWNET)
        os.close(descriptor)
    for tap in plan["taps"]:
        own_tap(tap, plan["uid"])
    call("unshare", NEWNS | NEWUTS | NEWIPC | NEWPID | (0 if plan["netns"] else NEWNET))


def own_tap(name, uid):
    """The existing tap belongs to that user, who needs no privilege then to open it."""
    import fcntl

    if not os.path.exists(f"/proc/self/net/dev_snmp6/{name}") and name not in open("/proc/self/net/dev").read():
        raise OSError(f"there is no tap {name} in the machine's network namespace")
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP_NO_PI | VNET_HDR))
        fcntl.ioctl(descriptor, TUNSETOWNER, uid)
    finally:
        os.close(descriptor)


def prepare(plan):
    """Go where the machine shall be: its own root, its own user; returns where its run folder is from there."""
    os.setsid()
    os.umask(0o077)
    here = plan["run"]
    if plan["sandbox"]:
        own_root(plan)
        here = "/run/machine"
        os.setgroups([])
        os.setresgid(plan["uid"], plan["uid"], plan["uid"])
        os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    os.chdir(here)
    _libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    # The machine opens its disks as /proc/<us>/fd/N.
    _libc.prctl(SET_DUMPABLE, 1, 0, 0, 0)
    return here


def own_root(plan):
    """A root with the host's programs to read, the machine's memory and run folder to write, and nothing else."""
    root = plan["root"]
    mount("none", "/", flags=REC | PRIVATE)
    mount("root", root, "tmpfs", NOSUID, "mode=0755,size=4m")
    for name in ("usr", "bin", "sbin", "lib", "lib64", "lib32"):
        source, target = f"/{name}", f"{root}/{name}"
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        elif os.path.isdir(source):
            bind(source, target, read_only=True)
    os.mkdir(f"{root}/etc")
    with contextlib.suppress(OSError):
        shutil.copyfile("/etc/ld.so.cache", f"{root}/etc/ld.so.cache")
        os.chmod(f"{root}/etc/ld.so.cache", 0o644)
    for name in ("dev", "dev/net", "dev/shm", "proc", "run", "tmp"):
        os.mkdir(f"{root}/{name}")
    for name in ("etc", "dev", "dev/net", "dev/shm", "proc", "run", "tmp", "."):
        os.chmod(f"{root}/{name}", 0o755)
    for name, (major, minor) in DEVICES.items():
        if os.path.exists(f"/dev/{name}"):
            os.mknod(f"{root}/dev/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
            os.chmod(f"{root}/dev/{name}", 0o666)
    mount("memory", f"{root}/dev/shm", "tmpfs", NOSUID | NODEV, f"mode=1777,size={plan['memory_mib'] + 64}m")
    mount("proc", f"{root}/proc", "proc", NOSUID | NODEV)
    bind(plan["run"], f"{root}/run/machine")
    for source, target in plan["binds"]:
        bind(source, f"{root}{target}", read_only=True)
    os.chdir(root)
    if _libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b".") != 0:
        raise OSError(ctypes.get_errno(), "pivot_root")
    call("umount2", b".", DETACH)
    os.chdir("/")


def bind(source, target, read_only=False):
    os.makedirs(target, mode=0o755, exist_ok=True)
    mount(source, target, flags=BIND)
    if read_only:
        mount("none", target, flags=BIND | REMOUNT | RDONLY | NOSUID | NODEV)


def mount(source, target, kind=None, flags=0, data=None):
    texts = [None if text is None else str(text).encode() for text in (source, target, kind, data)]
    call("mount", *texts[:3], ctypes.c_ulong(flags), texts[3])


def call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", str(arguments[:2]))


if __name__ == "__main__":
    main()
