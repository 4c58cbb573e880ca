"""Forks execution environments from a warm interpreter: run by path with any Python from 3.8 on, standard library only.

Standard input is a socket of packets; each carries three descriptors: a channel, and where the environment's output
goes (twice). The environment's specification is read from the channel by the fork itself, so that this process never
holds anybody's secrets. The channel gets the listening sockets made inside, then how it ended; its end means: kill.
"""

# It runs on old interpreters too, so it has neither annotations nor new idioms.
# ruff: noqa: ANN001, ANN201, UP031, S108, S606, PTH100
# mypy: ignore-errors

import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import traceback

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SECCOMP = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
FORBIDDEN = {
    # ptrace, mount, umount2, pivot_root, setns, unshare, keys, bpf, perf, modules, kexec, io_uring, userfaultfd ...
    "x86_64": (101, 165, 166, 155, 308, 272, 248, 249, 250, 321, 298, 175, 313, 246, 320, 425, 426, 427, 323, 304),
    "aarch64": (117, 40, 39, 41, 268, 97, 217, 218, 219, 280, 241, 105, 273, 104, 294, 425, 426, 427, 282, 265),
}
NOBODY = 65534
libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))


def mount(source, target, kind, flags, data=""):
    check(
        libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, data.encode() or None),
        "mount " + target,
    )


def receive(sock, size, count):
    """One message and its descriptors."""
    room = socket.CMSG_LEN(count * 4)
    data, ancillary, _, _ = sock.recvmsg(size, room)
    found = []
    for level, kind, blob in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.extend(struct.unpack("%di" % (len(blob) // 4), blob[: len(blob) // 4 * 4]))
    return data, found


def serve():
    """Fork one environment for each packet, until the cloud is gone."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, descriptors = receive(control, 64, 2)
        if not data:
            return
        if os.fork() == 0:
            control.close()
            try:
                keep(*descriptors)
            finally:
                os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def keep(channel_fd, output):
    """In the fork: start the environment in a new process namespace, watch both ends."""
    channel = socket.socket(fileno=channel_fd)
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)
    length = struct.unpack("!I", channel.recv(4, socket.MSG_WAITALL))[0]
    spec = json.loads(channel.recv(length, socket.MSG_WAITALL))
    try:
        if spec["isolated"]:
            isolate_processes()
    except OSError as error:
        tell(channel, {"error": str(error)})
        return
    signal.signal(signal.SIGCHLD, lambda *_: None)
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(read)
        os.close(write)
        become(spec, channel, output)
        os._exit(1)
    os.close(output)
    del spec
    watch(channel, child, read)


def watch(channel, child, read):
    while True:
        ready, _, _ = select.select([channel, read], [], [])
        if channel in ready:
            try:
                os.kill(child, signal.SIGKILL)
                os.killpg(child, signal.SIGKILL)
            except OSError:
                pass
        found, status, usage = os.wait4(child, 0 if channel in ready else os.WNOHANG)
        if found == child:
            try:
                os.killpg(child, signal.SIGKILL)
            except OSError:
                pass
            tell(channel, {"status": status, "memory": usage.ru_maxrss * 1024})
            return
        os.read(read, 512)


def tell(channel, message, descriptors=()):
    data = json.dumps(message).encode() + b"\n"
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("%di" % len(descriptors), *descriptors))]
    try:
        channel.sendmsg([data], rights if descriptors else [])
    except OSError:
        pass


def isolate_processes():
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        check(libc.unshare(NEWPID), "unshare")
        return
    check(libc.unshare(NEWUSER | NEWPID), "unshare")
    for path, text in (
        ("setgroups", "deny"),
        ("uid_map", "%d %d 1" % (NOBODY, uid)),
        ("gid_map", "%d %d 1" % (NOBODY, gid)),
    ):
        with open("/proc/self/" + path, "w") as file:
            file.write(text)


def become(spec, channel, output):
    """In the new process: limits, namespaces, root, user; then the runtime."""
    os.umask(0o022)
    try:
        os.setsid()
        privileged = os.getuid() == 0
        for path in spec["cgroups"]:
            with open(path, "w") as file:
                file.write("0")
        listeners = []
        if spec["isolated"]:
            check(libc.unshare(NEWNS | NEWIPC | NEWUTS | NEWNET), "unshare")
            listeners = [listen(port) for port in spec["ports"]]
            build_root(spec)
            socket.sethostname("169-254-76-1")
        limit(spec)
        tell(channel, {"ready": True}, [one.fileno() for one in listeners])
        for one in listeners:
            one.close()
        channel.close()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, 256)
        drop(privileged)
        os.chdir(spec["task"])
    except Exception as error:
        tell(channel, {"error": str(error) or type(error).__name__})
        os.write(2, ("sandbox: %s\n" % error).encode())
        return
    run(spec)


def listen(port):
    """A listening socket on this namespace's loopback, which is brought up first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh", b"lo", 1 | 64))
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(64)
    return sock


def build_root(spec):
    """A root of nothing but what is listed, read-only but for /tmp."""
    mount("none", "/", None, REC | PRIVATE)
    root = spec["root"]
    mount("none", root, "tmpfs", NOSUID | NODEV, "mode=0755,size=1m")
    for source, target in spec["links"]:
        os.symlink(source, root + target)
    for path, text in spec["files"].items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        with open(root + path, "w") as file:
            file.write(text)
    for source, target in spec["binds"]:
        bind(source, root + target)
    for name in ("null", "zero", "full", "random", "urandom"):
        device("/dev/" + name, root + "/dev/" + name)
    os.symlink("/proc/self/fd", root + "/dev/fd")
    for name in ("proc", "tmp"):
        os.makedirs(root + "/" + name, exist_ok=True)
    mount("proc", root + "/proc", "proc", NOSUID | NODEV)
    size = "size=%dm,nr_inodes=%d,mode=1777" % (spec["tmp"], 4096 + spec["tmp"] * 16)
    mount("none", root + "/tmp", "tmpfs", NOSUID | NODEV, size)
    os.chdir(root)
    check(libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    check(libc.umount2(b".", DETACH), "umount")
    os.chdir("/")
    mount("none", "/", None, REMOUNT | BIND | RDONLY | NOSUID | NODEV)


def bind(source, target):
    os.makedirs(target, exist_ok=True) if os.path.isdir(source) else device(source, target)
    if os.path.isdir(source):
        mount(source, target, None, BIND)
    mount("none", target, None, REMOUNT | BIND | RDONLY | NOSUID | NODEV)


def device(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w"):
        pass
    mount(source, target, None, BIND)


def limit(spec):
    for name, value in spec["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))


def drop(privileged):
    """Nobody, with no capability and no way to any, and without the calls that break out of sandboxes."""
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)
    if privileged:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    header, empty = struct.pack("=Ii", 0x20080522, 0), b"\0" * 24
    libc.capset(ctypes.create_string_buffer(header), ctypes.create_string_buffer(empty))
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)
    check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
    machine = os.uname().machine
    if machine in SECCOMP:
        filter_calls(SECCOMP[machine], FORBIDDEN[machine])


def filter_calls(architecture, numbers):
    """Seccomp: forbidden calls, and all of another architecture's, fail with EPERM."""
    denied = 0x00050000 | 1
    code = [(0x20, 0, 0, 4), (0x15, 1, 0, architecture), (0x06, 0, 0, denied), (0x20, 0, 0, 0)]
    if architecture == SECCOMP["x86_64"]:
        code += [(0x35, 0, 1, 0x40000000), (0x06, 0, 0, denied)]
    for number in numbers:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, denied)]
    code.append((0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
    check(libc.prctl(22, 2, ctypes.byref(head), 0, 0), "seccomp")


def run(spec):
    environment = spec["environment"]
    os.environ.clear()
    os.environ.update(environment)
    if spec["command"]:
        try:
            os.execve(spec["command"][0], spec["command"], environment)
        except OSError as error:
            os.write(2, ("%s: %s\n" % (spec["command"][0], error.strerror)).encode())
            os._exit(127)
    try:
        import bootstrap

        bootstrap.main(spec["paths"])
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    if sys.argv[1:] == ["warm"]:
        import bootstrap  # what a function is going to need is there before it is forked

        bootstrap.warm()
    serve()
