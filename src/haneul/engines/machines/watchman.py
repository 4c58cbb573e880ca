"""Process 1 of a machine: boots it, boots it again when its guest reboots, keeps its console, and ends with it.

Part of `keeper`, from inside the sandbox: it owns nothing but the machine. Standard library only.
"""

# A script of its own interpreter, like `keeper`: no type of the cloud's is there to name.
# ruff: noqa: ANN001, ANN201, ANN204
# mypy: ignore-errors

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import time

from monitor import Monitor

CONSOLE = 64 << 10
CLIENTS = 16
REBOOT = "/usr/bin/false"
"""What User Mode Linux turns into when its guest reboots, so that we notice: it runs its own argv[0] anew."""
HASTY, HASTE = 5, 5.0
"""So many boots in a row that lasted less than so many seconds are the end: the guest has no system that runs."""
ONE_RESET = 1.0
"""A kernel tries several ways to restart a PC, one after the other, and so does its firmware: all are one restart."""
MEMORY = "/dev/shm"  # noqa: S108 - of the sandbox, nobody else's
PDEATHSIG = 1
TICKS = os.sysconf("SC_CLK_TCK")


class Watchman:
    def __init__(self, plan, disks, here):
        self.plan = plan
        self.here = here
        self.uml = plan["kind"] == "uml"
        self.monitor = None
        self.process = None
        self.serial = None
        self.boots = 0
        self.hasty = 0
        self.began = 0.0
        self.stopping = False
        self.paused = False
        self.more = {}  # what was added while it ran: id -> argument, for the next boot
        self.held = {}  # id -> descriptor
        self.clients = set()
        self.poll = selectors.DefaultSelector()
        self.me = 1 if plan["sandbox"] else os.getpid()
        places = {}
        for disk, descriptor in zip(plan["disks"], disks, strict=True):
            self.held[disk["id"]] = descriptor
            places[disk["id"]] = f"/proc/{self.me}/fd/{descriptor}"
        self.argv = [place(argument, places) for argument in plan["argv"]]
        self.console = os.open("console", os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        self.written = os.fstat(self.console).st_size
        self.tail = bytearray(os.pread(self.console, CONSOLE, max(0, self.written - CONSOLE)))
        self.listen_to_children()
        self.listen("serial", socket.SOCK_STREAM, self.on_client)
        self.listen("control", socket.SOCK_SEQPACKET, self.on_control)

    def listen_to_children(self):
        wake, waker = socket.socketpair()
        waker.setblocking(False)
        wake.setblocking(False)
        self.waker = waker
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno())
        self.poll.register(wake, selectors.EVENT_READ, self.on_child)

    def listen(self, name, kind, answer):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(name)
        listener.listen(8)
        listener.setblocking(False)
        self.poll.register(listener, selectors.EVENT_READ, answer)

    def boot(self):
        shutil.rmtree("uml", ignore_errors=True)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        argv = [REBOOT, *self.argv[1:], *self.more.values()] if self.uml else self.argv
        here, there = socket.socketpair()
        with open("errors", "ab" if self.boots else "wb") as errors:
            self.process = subprocess.Popen(
                [one.replace("{monitor}", str(there.fileno())) for one in argv],
                executable=self.argv[0],
                stdin=theirs,
                stdout=theirs,
                stderr=errors,
                env=self.plan["environment"],
                cwd=self.here,
                pass_fds=() if self.uml else (there.fileno(),),
                preexec_fn=None if self.plan["sandbox"] else die_along,  # noqa: PLW1509 - no threads here
            )
        theirs.close()
        there.close()
        self.serial = ours
        self.poll.register(ours, selectors.EVENT_READ, self.on_serial)
        self.boots += 1
        self.paused = False
        self.began = time.monotonic()
        if self.uml:
            here.close()
        else:
            self.meet(here)

    def meet(self, here):
        """QEMU's monitor answers, or what QEMU said instead is raised."""
        try:
            self.monitor = Monitor(here, self.on_event)
        except OSError:
            self.process.wait()
            with open("errors", errors="replace") as errors:
                raise OSError(errors.read()[-1000:].strip() or "QEMU did not start") from None
        self.poll.register(here, selectors.EVENT_READ, self.on_monitor)

    def on_monitor(self, here):
        try:
            self.monitor.messages()
        except OSError:
            self.poll.unregister(here)

    def on_event(self, name, data):
        """A guest that reboots stays in its process; one that has no system that runs does so for ever."""
        now = time.monotonic()
        if name == "RESET" and now - self.began > ONE_RESET:
            self.hasty = self.hasty + 1 if now - self.began < HASTE else 0
            self.boots, self.began = self.boots + 1, now
            if self.hasty >= HASTY:
                self.process.kill()

    def run(self):
        while True:
            for key, _ in self.poll.select():
                key.data(key.fileobj)

    def on_child(self, wake):
        with contextlib.suppress(BlockingIOError):
            wake.recv(512)
        status = self.process.poll()
        if self.plan["sandbox"]:
            self.reap()
        if status is None:
            return
        while self.on_serial(self.serial):
            pass
        self.hasty = self.hasty + 1 if time.monotonic() - self.began < HASTE else 0
        if self.uml and status == 1 and not self.stopping and self.hasty < HASTY:
            self.boot()
            return
        with open("exit", "w") as file:
            json.dump({"status": status, "boots": self.boots}, file)
        os._exit(0)

    def reap(self):
        """Orphans of the machine come to process 1."""
        with contextlib.suppress(ChildProcessError):
            while True:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if found is None or found.si_pid == self.process.pid:
                    return
                os.waitpid(found.si_pid, 0)

    def on_serial(self, serial):
        """What the guest says goes to the console file, of which the end is kept, and to everybody who listens."""
        try:
            data = serial.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            with contextlib.suppress(KeyError, ValueError):
                self.poll.unregister(serial)
            serial.close()
            return False
        self.keep(data)
        for client in list(self.clients):
            try:
                client.send(data)
            except BlockingIOError:
                pass  # who doesn't read misses some
            except OSError:
                self.leave(client)
        return True

    def keep(self, data):
        os.write(self.console, data)
        self.written += len(data)
        self.tail += data
        del self.tail[:-CONSOLE]
        if self.written > 4 * CONSOLE:
            fresh = os.open("console.fresh", os.O_CREAT | os.O_RDWR | os.O_TRUNC | os.O_APPEND, 0o600)
            os.write(fresh, self.tail)
            os.rename("console.fresh", "console")
            os.close(self.console)
            self.console, self.written = fresh, len(self.tail)

    def on_client(self, listener):
        client, _ = listener.accept()
        if len(self.clients) >= CLIENTS:
            client.close()
            return
        client.setblocking(False)
        self.clients.add(client)
        self.poll.register(client, selectors.EVENT_READ, self.on_keys)

    def on_keys(self, client):
        try:
            data = client.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.leave(client)
            return
        with contextlib.suppress(OSError):
            self.serial.send(data)

    def leave(self, client):
        self.clients.discard(client)
        with contextlib.suppress(KeyError, ValueError):
            self.poll.unregister(client)
        client.close()

    def on_control(self, listener):
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            with client:
                client.settimeout(10)
                text, descriptors, _, _ = socket.recv_fds(client, 65536, 1)
                if not text:
                    return
                request = json.loads(text)
                try:
                    answer = getattr(self, f"do_{request.pop('do')}")(descriptors, **request)
                except ValueError as error:
                    answer = {"error": str(error)}
                except (OSError, KeyError, AttributeError, IndexError) as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                client.send(json.dumps(answer).encode())

    def do_hold(self, descriptors, id):
        """Keep a disk's descriptor; says as which path the machine opens it."""
        self.do_drop([], id)
        self.held[id] = descriptors[0]
        return {"path": f"/proc/{self.me}/fd/{descriptors[0]}"}

    def do_drop(self, descriptors, id):
        self.more.pop(id, None)
        found = self.held.pop(id, None)
        if found is not None:
            os.close(found)
        return {}

    def do_remember(self, descriptors, id, argument):
        """The next boot has this too."""
        self.more[id] = argument
        return {}

    def do_forget(self, descriptors, id, prefix):
        """The next boot has no argument that begins like this."""
        self.more.pop(id, None)
        self.argv = [one for one in self.argv if not one.startswith(prefix)]
        return {}

    def do_stopping(self, descriptors):
        """The guest's next reboot is its end."""
        self.stopping = True
        return {}

    def do_monitor(self, descriptors, execute, arguments=None):
        """Say something to QEMU; what it answers."""
        return {"return": self.monitor.run(execute, arguments)}

    def do_pausing(self, descriptors, paused):
        self.paused = paused
        return {}

    def do_status(self, descriptors):
        return {"boots": self.boots, "paused": self.paused}

    def do_stats(self, descriptors):
        """Sums over the machine's processes; what ended is in its parent's figures."""
        sums = {"ticks": 0, "memory": 0, "read": 0, "written": 0}
        for number in os.listdir("/proc") if self.plan["sandbox"] else [str(self.process.pid)]:
            if number.isdigit() and number != "1":
                with contextlib.suppress(OSError, ValueError):
                    add(sums, number)
        if self.uml and self.plan["sandbox"]:
            # Its memory is a file there, which many processes map.
            there = os.statvfs(MEMORY)
            sums["memory"] = (there.f_blocks - there.f_bfree) * there.f_frsize
        return {**sums, "cpu": sums["ticks"] / TICKS}

    def do_mconsole(self, descriptors, command, timeout=5.0):
        """Say something to User Mode Linux' management console; what it answers."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.bind("")
            client.settimeout(timeout)
            text = command.encode()[:511]
            client.sendto(struct.pack("<III512s", 0xCAFEBABE, 2, len(text), text), "uml/mconsole")
            said, more, failed = b"", 1, 0
            while more:
                failed, more, length, data = struct.unpack("<III512s", client.recv(1024).ljust(524, b"\0")[:524])
                said += data[:length]
            return {"failed": failed, "text": said.rstrip(b"\0").decode(errors="replace")}


def die_along():
    """Without a process namespace that ends with us, the machine is told to."""
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def add(sums, number):
    with open(f"/proc/{number}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    sums["ticks"] += sum(int(one) for one in fields[11:15])
    with open(f"/proc/{number}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                sums["memory"] += int(line.split()[1]) << 10
    with open(f"/proc/{number}/io") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name in ("read_bytes", "write_bytes"):
                sums["read" if name == "read_bytes" else "written"] += int(value)


def place(argument, places):
    """The argument with {disk:ID} replaced by where the machine finds that disk."""
    for name, path in places.items():
        argument = argument.replace("{disk:" + name + "}", path)
    return argument
