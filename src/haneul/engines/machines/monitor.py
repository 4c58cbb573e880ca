"""QEMU's monitor as its keeper speaks it: one command at a time, events in between. Standard library only."""

# A script of its own interpreter, like `keeper`: no type of the cloud's is there to name.
# ruff: noqa: ANN001, ANN201, ANN204
# mypy: ignore-errors

import json
import select
import time

PATIENCE = 20.0
LIMIT = 1 << 20


class Monitor:
    """One connection, for as long as QEMU lives; `heard(name, data)` is called for each event."""

    def __init__(self, socket, heard):
        self.socket = socket
        self.heard = heard
        self.rest = b""
        self.socket.setblocking(False)
        self.wait("QMP")
        self.run("qmp_capabilities")

    def run(self, execute, arguments=None):
        """What a command returns; ValueError with QEMU's words when it fails."""
        message = json.dumps({"execute": execute, "arguments": arguments or {}}).encode()
        self.socket.setblocking(True)
        self.socket.sendall(message)
        self.socket.setblocking(False)
        return self.wait("return")

    def wait(self, member):
        deadline = time.monotonic() + PATIENCE
        while True:
            for message in self.messages():
                if "error" in message:
                    raise ValueError(message["error"]["desc"])
                if member in message:
                    return message[member]
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise OSError("QEMU does not answer")

    def messages(self):
        """What has come that is no event; events are told on the way."""
        try:
            data = self.socket.recv(65536)
            if not data:
                raise OSError("QEMU has ended")
            self.rest += data
        except BlockingIOError:
            pass
        if len(self.rest) > LIMIT:
            raise OSError("QEMU says too much")
        found = []
        while b"\n" in self.rest:
            line, self.rest = self.rest.split(b"\n", 1)
            message = json.loads(line)
            if "event" in message:
                self.heard(message["event"], message.get("data", {}))
            else:
                found.append(message)
        return found
