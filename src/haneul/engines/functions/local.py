"""The engine itself: a pool of sandboxed environments on this machine, warm while they are used, bounded by memory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.engines.functions import runtimes
from haneul.engines.functions.cgroups import Groups
from haneul.engines.functions.environment import Environment
from haneul.engines.functions.port import Busy, Outcome, Plan, Work
from haneul.engines.functions.runtimes import Runtime

IDLE = 300.0
LOOK = 10.0
API_PORT = 9001
_HERE = Path(__file__).parent
log = logging.getLogger("haneul.functions")
_ETC = {
    "/etc/passwd": "root:x:0:0::/root:/sbin/nologin\nsbx_user1051:x:65534:65534::/home/sbx_user1051:/sbin/nologin\n",
    "/etc/group": "root:x:0:\nsbx_user1051:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}


class LocalEngine:
    """FunctionEngine on this machine. `port` is the cloud's own, reachable from inside as it is from outside."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.groups = Groups()
        self.isolated = True
        self.warnings: list[str] = []
        self._folder = folder
        self._root = folder / "root"
        self._root.mkdir(parents=True, exist_ok=True)
        self._forkers: dict[str, tuple[socket.socket, subprocess.Popen[bytes]]] = {}
        self._starting: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._idle: dict[str, list[Environment]] = defaultdict(list)
        self._all: set[Environment] = set()
        self._wanted: dict[str, tuple[Plan, int]] = {}
        self._budget = 2 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
        self._copies: dict[Path, Path] = {}
        self._reaper = asyncio.get_running_loop().create_task(self._reap())
        if not self.groups.available:
            self._warn("control groups can't be made here: functions' memory is limited by RLIMIT_DATA only")

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            log.warning("%s", text)

    def runtimes(self) -> frozenset[str]:
        return frozenset(runtimes.installed())

    async def invoke(self, plan: Plan, work: Work) -> Outcome:
        environment = self._take(plan)
        if environment is None:
            environment = await self._make(plan)
        try:
            return await environment.invoke(work)
        except asyncio.CancelledError:
            environment.kill()
            raise
        finally:
            self._put(environment)

    async def warm(self, plan: Plan, count: int) -> None:
        if count <= 0:
            self._wanted.pop(plan.key, None)
            return
        self._wanted[plan.key] = (plan, count)
        missing = count - sum(1 for one in self._all if one.plan.key == plan.key)
        for _ in range(missing):
            self._put(await self._make(plan))

    def forget(self, name: str) -> None:
        for key in [key for key, (plan, _) in self._wanted.items() if plan.name == name]:
            del self._wanted[key]
        for environment in [one for one in self._all if one.plan.name == name]:
            environment.stale = True
            if environment in self._idle[environment.plan.key]:
                self._idle[environment.plan.key].remove(environment)
                environment.kill()

    def _take(self, plan: Plan) -> Environment | None:
        idle = self._idle[plan.key]
        while idle:
            environment = idle.pop()
            if not environment.ended:
                return environment
        return None

    def _put(self, environment: Environment) -> None:
        if environment.stale:
            environment.kill()
        elif not environment.ended and environment not in self._idle[environment.plan.key]:
            self._idle[environment.plan.key].append(environment)

    def ended(self, environment: Environment) -> None:
        """An environment tells that it is gone."""
        self._all.discard(environment)
        idle = self._idle.get(environment.plan.key)
        if idle is not None and environment in idle:
            idle.remove(environment)
        if not self.groups.remove(environment.cgroups):
            asyncio.get_running_loop().call_later(0.2, self.groups.remove, environment.cgroups)

    async def _make(self, plan: Plan) -> Environment:
        self._room_for(plan)
        try:
            return await self._fork(plan)
        except EngineError as error:
            if not self.isolated or ("unshare" not in str(error) and "mount" not in str(error)):
                raise
            self._warn(f"functions run WITHOUT isolation, with resource limits alone: {error}")
            self.isolated = False
            return await self._fork(plan)

    def _room_for(self, plan: Plan) -> None:
        """End environments that idle longest until this one fits. Raises Busy."""
        taken = sum(one.plan.memory for one in self._all)
        idle = sorted((one for group in self._idle.values() for one in group), key=lambda one: one.used)
        while taken + plan.memory > self._budget and idle:
            victim = idle.pop(0)
            self._idle[victim.plan.key].remove(victim)
            victim.kill()
            taken -= victim.plan.memory
        if taken and taken + plan.memory > self._budget:
            raise Busy

    async def _fork(self, plan: Plan) -> Environment:
        runtime = (await asyncio.to_thread(runtimes.installed))[plan.runtime]
        control = await self._forker(runtime)
        environment = Environment(self, plan)
        self._all.add(environment)
        try:
            spec = self._spec(environment, runtime)
            if not self.isolated:
                spec["environment"]["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{await environment.listen()}"
            await environment.start(control, spec)
        except BaseException:
            self._all.discard(environment)
            environment.kill()
            raise
        return environment

    def _spec(self, environment: Environment, runtime: Runtime) -> dict[str, Any]:
        plan = environment.plan
        if self.groups.available:
            environment.cgroups = self.groups.make(environment.id, plan.memory)
        limits = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 1024}
        if not self.groups.available:
            limits |= {"RLIMIT_DATA": plan.memory << 20, "RLIMIT_NPROC": 1024}
        task, opt = ("/var/task", "/opt") if self.isolated else self._copied(plan)
        variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
            "LD_LIBRARY_PATH": f"/lib64:/usr/lib64:{task}:{task}/lib:{opt}/lib",
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": task,
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{API_PORT}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "_HANDLER": plan.handler,
        }
        files = dict(_ETC)
        command: list[str] = []
        paths: list[str] = []
        binds = [(str(plan.code), "/var/task")] if self.isolated else []
        if plan.opt is not None and self.isolated:
            binds.append((str(plan.opt), "/opt"))
        if plan.runtime.startswith("python"):
            version = plan.runtime.removeprefix("python")
            paths = [task, f"{opt}/python/lib/python{version}/site-packages", f"{opt}/python", "/var/runtime"]
            if tuple(map(int, version.split("."))) >= (3, 9):
                binds += [(where, f"/var/runtime/{name}") for where, name in runtimes.sdk()]
        elif plan.runtime.startswith("nodejs"):
            script = str(_HERE / "bootstrap.mjs")
            binds.append((script, "/var/runtime/bootstrap.mjs"))
            variables["NODE_PATH"] = f"{opt}/nodejs/node_modules:/var/runtime/node_modules:{task}"
            command = [runtime.program, "/var/runtime/bootstrap.mjs" if self.isolated else script]
        else:
            inside = (plan.code / "bootstrap").exists()
            command = [f"{task}/bootstrap" if inside else f"{opt}/bootstrap"]
        links, system = _system()
        return {
            "isolated": self.isolated,
            "ports": [API_PORT, self.port],
            "root": str(self._root),
            "links": links,
            "files": files,
            "binds": [*system, *((folder, folder) for folder in runtime.folders), *binds],
            "tmp": plan.tmp,
            "cgroups": [str(folder / "cgroup.procs") for folder in environment.cgroups],
            "limits": limits,
            "task": task,
            "environment": variables | dict(plan.environment),
            "command": command,
            "paths": paths,
        }

    def _copied(self, plan: Plan) -> tuple[str, str]:
        """Without namespaces: copies that a process which is nobody can read, since it can't see the cloud's data."""
        places = []
        for folder in (plan.code, plan.opt):
            if folder is None:
                places.append("/opt")
                continue
            if folder not in self._copies:
                target = Path(tempfile.mkdtemp(prefix="haneul-function-"))
                shutil.copytree(folder, target, dirs_exist_ok=True)
                target.chmod(0o755)
                self._copies[folder] = target
            places.append(str(self._copies[folder]))
        return places[0], places[1]

    async def _forker(self, runtime: Runtime) -> socket.socket:
        """The warm interpreter that forks environments of this runtime, started when it is first wanted."""
        warm = runtime.name.startswith("python")
        name = runtime.name if warm else "others"
        async with self._starting[name]:
            found = self._forkers.get(name)
            if found is not None and found[1].poll() is None:
                return found[0]
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            program = runtime.program if warm else _own_python()
            argv = [program, "-I", "-S", "-B", str(_HERE / "forker.py"), "warm" if warm else "plain"]
            process = await asyncio.to_thread(
                daemons.start, argv, "self", self._folder / "forker.log", death="SIGKILL", stdin=theirs.fileno()
            )
            theirs.close()
            self._forkers[name] = (ours, process)
            return ours

    async def _reap(self) -> None:
        """End what has idled for long, but for what is to be kept warm."""
        while True:
            await asyncio.sleep(LOOK)
            limit = time.monotonic() - IDLE
            for key, idle in list(self._idle.items()):
                keep = self._wanted[key][1] if key in self._wanted else 0
                for environment in [one for one in idle if one.used < limit][: max(0, len(idle) - keep)]:
                    idle.remove(environment)
                    environment.kill()
                if not idle:
                    del self._idle[key]

    def close(self) -> None:
        """End everything, and wait for it."""
        self._reaper.cancel()
        for environment in list(self._all):
            environment.kill()
        for control, process in self._forkers.values():
            control.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        folders = [folder for environment in self._all for folder in environment.cgroups]
        deadline = time.monotonic() + 3
        while not self.groups.remove(folders) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.groups.close()
        for copy in self._copies.values():
            shutil.rmtree(copy, ignore_errors=True)


def _own_python() -> str:
    import sys

    return os.path.realpath(sys.executable)


def _system() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The machine's programs and libraries as every environment sees them: links to keep, folders to show."""
    links, binds = [], [("/usr", "/usr")]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        path = Path(name)
        if path.is_symlink():
            links.append((os.readlink(name), name))
        elif path.is_dir():
            binds.append((name, name))
    for name in ("/etc/ld.so.cache", "/etc/ssl/certs", "/etc/alternatives", "/etc/pki"):
        if Path(name).exists():
            binds.append((name, name))
    return links, binds
