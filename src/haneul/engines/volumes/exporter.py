"""Starts one exporter: a qemu-storage-daemon that shows an image's bytes as a raw file.

Run by path with `python -I -S`, its plan as JSON on standard input; answers `{"pid": ...}` or `{"error": ...}` on
standard output. The daemon has namespaces of its own, a root of its own where we are root, and no privilege: the one
mount that it asks for is done for it from here. The file is found at /proc/<pid>/root/<file>, so when the daemon ends,
for whatever reason, the mount has ended too. Standard library only.
"""

# The sandbox is made of modes and paths that look odd from outside; answers are printed.
# ruff: noqa: ANN001, ANN002, ANN201, S103, S606, T201
# mypy: ignore-errors

import ctypes
import fcntl
import json
import os
import re
import select
import signal
import socket
import stat
import struct
import sys
import traceback

_libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE, DETACH = 1, 2, 4, 32, 4096, 16384, 1 << 18, 2
NO_NEW_PRIVS = 38
PROCESSOR = {  # as the kernel numbers it: the audit architecture; mount, pivot_root, seccomp, pidfd_getfd
    "x86_64": (0xC000003E, 165, 155, 317, 438),
    "aarch64": (0xC00000B7, 40, 41, 277, 438),
}
ARCHITECTURE, MOUNT, PIVOT_ROOT, SECCOMP, PIDFD_GETFD = PROCESSOR[os.uname().machine]
RECEIVE, SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_*
DEVICES = {"null": (1, 3), "random": (1, 8), "urandom": (1, 9), "fuse": (10, 229)}
PATIENCE = 30.0


def main():
    plan = json.loads(sys.stdin.buffer.read())
    try:
        print(json.dumps({"pid": start(plan)}))
    except OSError as error:
        print(json.dumps({"error": str(error)}))


def start(plan):
    """The exporter's number; that of a running one, which a launcher that outlived its cloud has just started."""
    lock = os.open(os.path.join(plan["place"], "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    running = there(plan)
    if running:
        return running
    ours, theirs = socket.socketpair()
    image = hold(plan)
    plan["log"] = os.open(os.path.join(plan["place"], "log"), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    secret, fill = os.pipe()
    os.write(fill, plan.pop("key").encode())
    os.close(fill)
    if os.geteuid() == 0:
        os.fchown(secret, plan["uid"], plan["uid"])
        call("unshare", NEWPID | NEWNET | NEWIPC | NEWUTS)
    child = os.fork()
    if child == 0:
        ours.close()
        try:
            become(plan, image, secret, theirs)
        except BaseException:
            theirs.send(traceback.format_exc().encode()[-2000:])
        os._exit(1)
    theirs.close()
    write_pid(plan["place"], child, plan["boot"])
    try:
        ours.send(b"go")  # nothing runs that no file tells of
        serve(plan, child, ours)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    return child


def hold(plan):
    """The image, opened while we may, belonging to whom the daemon will be."""
    descriptor = os.open(plan["image"], os.O_RDONLY if plan["read_only"] else os.O_RDWR)
    if os.geteuid() == 0 and stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchown(descriptor, plan["uid"], plan["uid"])
    return descriptor


def there(plan):
    """Who is written down as the exporter, if that is who it was; 0 otherwise."""
    try:
        with open(os.path.join(plan["place"], "pid")) as file:
            number, begun, boot = file.read().split()
        return int(number) if boot == plan["boot"] and began(int(number)) == begun else 0
    except (OSError, ValueError):
        return 0


def began(pid):
    """When a process began, as the kernel counts; "" of one that has ended."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def write_pid(place, child, boot):
    fresh = os.path.join(place, "pid.fresh")
    with open(fresh, "w") as file:
        file.write(f"{child} {began(child)} {boot}\n")
    os.rename(fresh, os.path.join(place, "pid"))


# The daemon's side.


def become(plan, image, secret, parent):
    if parent.recv(2) != b"go":
        os._exit(1)
    os.setsid()
    os.umask(0o077)
    if os.geteuid() == 0:
        own_root(plan)
        os.setgroups([])
        os.setresgid(plan["uid"], plan["uid"], plan["uid"])
        os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    else:
        own_namespace(plan)
    call("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)
    socket.send_fds(parent, [b"listener"], [listen()])
    null = os.open("/dev/null", os.O_RDWR)
    for number, descriptor in enumerate((null, plan["log"], plan["log"])):
        os.dup2(descriptor, number)
    for descriptor in (image, secret):
        os.set_inheritable(descriptor, True)
    words = {"{image}": f"/proc/self/fd/{image}", "{secret}": f"/proc/self/fd/{secret}"}
    argv = [re.sub(r"\{image\}|\{secret\}", lambda found: words[found.group()], one) for one in plan["argv"]]
    os.execve(argv[0], argv, plan["environment"])


def own_root(plan):
    """A root with the host's programs to read, the file to be mounted on, and nothing else."""
    call("unshare", NEWNS)
    root = plan["root"]
    mount("none", "/", flags=REC | PRIVATE)
    mount("root", root, "tmpfs", NOSUID, "mode=0755,size=1m")
    for name in ("usr", "bin", "sbin", "lib", "lib64", "lib32"):
        source, target = f"/{name}", f"{root}/{name}"
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        elif os.path.isdir(source):
            bind(source, target)
    for name in ("etc", "dev", "proc", "run", "tmp"):
        os.mkdir(f"{root}/{name}")
    for name in ("etc", "dev", "proc", "."):
        os.chmod(f"{root}/{name}", 0o755)
    for name in ("run", "tmp"):
        os.chmod(f"{root}/{name}", 0o1777)
    if os.path.exists("/etc/ld.so.cache"):
        with open("/etc/ld.so.cache", "rb") as old, open(f"{root}/etc/ld.so.cache", "wb") as new:
            new.write(old.read())
        os.chmod(f"{root}/etc/ld.so.cache", 0o644)
    for name, (major, minor) in DEVICES.items():
        os.mknod(f"{root}/dev/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
        os.chmod(f"{root}/dev/{name}", 0o666)
    with open(f"{root}/{plan['file']}", "w"):
        pass
    os.chmod(f"{root}/{plan['file']}", 0o644)
    mount("proc", f"{root}/proc", "proc", NOSUID | NODEV)
    for source, target in plan["binds"]:
        bind(source, f"{root}{target}")
    os.chdir(root)
    if _libc.syscall(PIVOT_ROOT, b".", b".") != 0:
        raise OSError(ctypes.get_errno(), "pivot_root")
    call("umount2", b".", DETACH)
    os.chdir("/")


def own_namespace(plan):
    """Without root: a user namespace, in which we may mount what only we see."""
    uid, gid = os.getuid(), os.getgid()
    call("unshare", NEWUSER | NEWNS | NEWNET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    mount("none", "/", flags=REC | PRIVATE)


def listen():
    """From now on, whoever has the descriptor returned answers our calls of mount."""
    steps = struct.pack(
        "HBBIHBBIHBBIHBBIHBBIHBBI",
        *(0x20, 0, 0, 4),  # load the architecture
        *(0x15, 0, 2, ARCHITECTURE),
        *(0x20, 0, 0, 0),  # load the number of the call
        *(0x15, 1, 0, MOUNT),
        *(0x06, 0, 0, 0x7FFF0000),  # allowed
        *(0x06, 0, 0, 0x7FC00000),  # asked for
    )
    held = ctypes.create_string_buffer(steps, len(steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps) // 8, ctypes.addressof(held)))
    descriptor = _libc.syscall(SECCOMP, 1, 8, program)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return descriptor


# Our side.


def serve(plan, child, ours):
    """Mount for the daemon what it asks for, once; then see that its file is there."""
    said, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
    if not descriptors:
        raise OSError(0, said.decode(errors="replace") or "the exporter ended")
    listener, process = descriptors[0], os.pidfd_open(child)
    mounted = answered = False
    while not answered:
        options = asked(plan, listener, process)
        if options is None:
            continue
        if not mounted:
            mount_for(plan, child, process, options[1])
            mounted = True
        try:
            fcntl.ioctl(listener, SEND, struct.pack("QqiI", options[0], 0, 0, 0))
            answered = True
        except FileNotFoundError:
            continue  # a signal came in between, and the call is made again
    os.close(listener)
    try:
        os.stat(plan["file"])  # answered by the daemon, or by nobody when it has ended
    except OSError:
        raise OSError(0, complaint(plan)) from None


def asked(plan, listener, process):
    """(number, address of the options) of a call of mount; None when it was taken back. Raises OSError when the
    daemon ends, or patience does."""
    watched = select.poll()
    for one in (listener, process):
        watched.register(one, select.POLLIN)
    ready = dict(watched.poll(PATIENCE * 1000))
    if not ready.get(listener, 0) & select.POLLIN:
        raise OSError(0, complaint(plan))
    try:
        found = fcntl.ioctl(listener, RECEIVE, bytes(80))
    except FileNotFoundError:
        return None
    return struct.unpack_from("Q", found)[0], struct.unpack_from("Q", found, 32 + 4 * 8)[0]


def mount_for(plan, child, process, options):
    """With the daemon's own device and options, in its own file system: we are there from now on."""
    with open(f"/proc/{child}/mem", "rb") as memory:
        memory.seek(options)
        text = memory.read1(1024).split(b"\0")[0].decode()
    number = int(re.search(r"fd=(\d+)", text).group(1))
    device = _libc.syscall(PIDFD_GETFD, process, number, 0)
    if device < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    if os.geteuid() != 0:
        enter(child, "user", NEWUSER)
    enter(child, "mnt", NEWNS)
    mount("haneul", plan["file"], "fuse", NOSUID | NODEV, text.replace(f"fd={number}", f"fd={device}"))
    os.close(device)


def enter(child, name, kind):
    descriptor = os.open(f"/proc/{child}/ns/{name}", os.O_RDONLY)
    call("setns", descriptor, kind)
    os.close(descriptor)


def complaint(plan):
    """What the daemon said, read by the descriptor from before we went into its file system."""
    said = os.pread(plan["log"], 4096, 0).decode(errors="replace").strip()
    return said[-400:] or "the exporter ended"


def bind(source, target):
    os.makedirs(target, mode=0o755, exist_ok=True)
    mount(source, target, flags=BIND)
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
