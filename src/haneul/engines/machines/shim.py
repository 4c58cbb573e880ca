"""A small library that User Mode Linux is started with: it repairs two things in the kernel's use of ptrace.

- Processors with AMX have a register area larger than the one that kernels up to 6.1 keep, and the host takes only
  whole ones back: what is missing is filled in with what is there.
- The processes of a guest must die with their kernel, or they would go on as processes of the host.

It is compiled on the machine: by its C compiler, or by the tiny one that Debian packages.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.machines.packages import fetch, run, tool, unpack

SOURCE = r"""
extern long syscall(long number, ...);
struct part { void *base; unsigned long length; };
enum { PTRACE = 101, SETREGSET = 0x4205, GETREGSET = 0x4204, SETOPTIONS = 0x4200, XSTATE = 0x202,
       EXITKILL = 0x100000 };
static char area[65536];

long ptrace(unsigned long request, unsigned long pid, void *address, void *data)
{
    if (request >= 1 && request <= 3) { /* peeking: the kernel writes where libc returns */
        long word = 0, failed = syscall(PTRACE, request, pid, address, &word);
        return failed < 0 ? failed : word;
    }
    if (request == SETOPTIONS)
        return syscall(PTRACE, request, pid, address, (void *)((unsigned long)data | EXITKILL));
    if (request == SETREGSET && (unsigned long)address == XSTATE) {
        struct part *given = data;
        struct part whole = { area, sizeof area };
        unsigned long i;
        if (syscall(PTRACE, (long)GETREGSET, pid, address, &whole) == 0 && whole.length > given->length) {
            for (i = 0; i < given->length; i++)
                area[i] = ((char *)given->base)[i];
            return syscall(PTRACE, request, pid, address, &whole);
        }
    }
    return syscall(PTRACE, request, pid, address, data);
}
"""


def compile_shim(place: Path) -> None:
    """Make the library at `place`. Raises EngineError when there is no compiler and none can be fetched."""
    with tempfile.TemporaryDirectory(dir=place.parent) as work:
        source, made = Path(work) / "shim.c", Path(work) / "shim.so"
        source.write_text(SOURCE)
        options = ["-shared", "-nostdlib", "-o", str(made), str(source)]
        compiler = tool("cc") or tool("gcc") or tool("tcc")
        if compiler is not None:
            try:
                run([compiler, "-fPIC", "-O1", *options], Path(work))
            except EngineError:
                compiler = None
        if compiler is None:
            root = Path(work) / "tcc"
            root.mkdir()
            unpack([deb for deb in fetch(["tcc"], Path(work), everything=True) if deb.name.startswith("tcc_")], root)
            run([root / "usr" / "bin" / "tcc", *options], Path(work))
        made.chmod(0o755)
        made.rename(place)
