"""Become somebody harmless, promise to die with the cloud, and turn into the program named.

Run by path with `python -I -S`:

    launch.py PARENT_PID SIGNAL IDENTITY program arguments...

IDENTITY: "self" (as the cloud is), a number (that uid and gid), or "namespace" (a user namespace in which root is
nobody: for data that only root can reach). Standard library only, and little of it: this costs 12 ms a start.
"""

import ctypes
import os
import signal
import sys

_NEWUSER = 0x10000000
_PDEATHSIG = 1
_NO_NEW_PRIVS = 38
_NOBODY = 65534


def main(parent: int, name: str, identity: str, program: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if identity == "namespace":
        if libc.unshare(_NEWUSER) != 0:
            sys.exit("launch: this machine allows no user namespace (unshare failed)")
        for path, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{_NOBODY} {uid} 1"),
            ("gid_map", f"{_NOBODY} {gid} 1"),
        ):
            with open(f"/proc/self/{path}", "w") as file:
                file.write(text)
    elif identity != "self":
        os.setgroups([])
        os.setgid(int(identity))
        os.setuid(int(identity))
    # After the change of user, which clears it.
    libc.prctl(_PDEATHSIG, getattr(signal, name), 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("launch: the cloud is gone")
    os.umask(0o077)
    os.execv(program[0], program)  # noqa: S606 - an argument list, no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
