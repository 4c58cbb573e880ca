"""The port on Linux: namespaces, veths and taps by iproute2, filters by nftables, leases and names by dnsmasq.

What holds is remembered only to make less of it anew: after a restart everything is compared with the kernel again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Set
from functools import partial
from pathlib import Path

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.engines.networks import filter as rules
from haneul.engines.networks import flows, kernel, resolver, slices, strays, tracked, wires
from haneul.engines.networks.install import installed
from haneul.engines.networks.names import device, short
from haneul.engines.networks.port import Counters, Eni, Passage, VpcPlan
from haneul.engines.networks.validity import check

_SETTINGS = {
    "ip_forward": "1",
    "conf/all/rp_filter": "0",
    "conf/default/rp_filter": "0",
    "conf/all/send_redirects": "0",
    "conf/default/send_redirects": "0",
    "conf/default/proxy_arp": "1",
}

# The host dials guests' public addresses; no guest dials the host.
_EDGE = """table ip edge
delete table ip edge
table ip edge {
chain forward {
type filter hook forward priority 0; policy accept;
oifname host ct state new drop
}
}
"""


class KernelNetworks:
    def __init__(self, folder: Path) -> None:
        """`folder` holds the resolvers' files; its path names the cloud, so two on one machine never meet."""
        self._folder = folder
        self._cloud = short(str(folder.resolve()), 8)
        self._prefix = f"hn{self._cloud}-"
        self._internet = kernel.FOLDER / f"{self._prefix}internet"
        self._lock = threading.RLock()
        self._ready = False
        self._plans: dict[str, VpcPlan] = {}
        self._lines: dict[str, list[str]] = {}
        self._scripts: dict[str, str] = {}
        self._counted: set[str] = set()
        self._block = ""
        self._resolvers: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}

    def available(self) -> str:
        if os.geteuid() != 0:
            return "VPCs need root (CAP_NET_ADMIN) for network namespaces, and the cloud does not run as root"
        probe = kernel.FOLDER / f"{self._prefix}probe"
        try:
            kernel.tool("dnsmasq")
            kernel.create(probe)
            kernel.batch(probe, ["tuntap add dev probe mode tap"])
            kernel.run(probe, "nft", "-f", "-", stdin="table ip probe {\n}\n")
        except (EngineError, OSError) as error:
            return f"VPCs cannot be made on this machine: {error}"
        finally:
            with contextlib.suppress(EngineError, OSError):
                kernel.delete(probe)
        return ""

    def versions(self) -> list[str]:
        """The tools that are there; none where no network can be made, whatever is there."""
        return [] if self.available() else installed()

    def ensure(self, plan: VpcPlan) -> None:
        check(plan)
        with self._lock:
            self._world()
            namespace = self.netns_of(plan.id)
            if not kernel.exists(namespace):
                self._forget(plan.id)
                self._plans.pop(plan.id, None)
            if plan.id not in self._plans:
                # Also when it is there: whoever made it may have been killed half-way.
                kernel.create(namespace)
                _prepare(namespace)
            before = self._plans.get(plan.id)
            # The filter comes before the links: no packet is ever unjudged.
            self._filter(plan, namespace)
            self._count(plan, namespace)
            met: list[str] = []
            if before is None or plan != before:
                links, met = self._links(plan, namespace)
                self._wire(plan, namespace, links)
                self._publish(plan, before)
            self._plans[plan.id] = plan
            self._resolve(plan, namespace)
            for other in met:
                peer = self._plans[other]
                # Its routes through an earlier link went with that link.
                self._lines.pop(other, None)
                self._wire(peer, self.netns_of(other), _links(self.netns_of(other)))

    def remove(self, vpc: str) -> None:
        with self._lock:
            namespace = self.netns_of(vpc)
            self._stop_resolver(vpc)
            plan = self._plans.pop(vpc, None)
            guests = {self.guest_of(eni.id) for eni in plan.enis if eni.kind == "veth"} if plan else set()
            if kernel.exists(namespace):
                guests |= {self._mine(name) for name in self._aliases(namespace)}
                # A device can outlive its namespace's name while a process is inside; so they go first.
                gone = _links(namespace)
                kernel.batch(namespace, [f"link del {name}" for name in sorted(gone)], force=True)
            if plan:
                self._unpublish(plan)
            for guest in guests:
                kernel.delete(guest)
            kernel.delete(namespace)
            self._forget(vpc)

    def remove_all(self) -> None:
        with self._lock:
            for vpc in self._present():
                self.remove(vpc)
            kernel.batch(None, [f"link del {self._door()}"], force=True)
            if kernel.FOLDER.is_dir():
                for path in kernel.FOLDER.glob(f"{self._prefix}*"):
                    kernel.delete(path)

    def sweep(self, keep: Set[str]) -> list[str]:
        with self._lock:
            gone = [vpc for vpc in self._present() if vpc not in keep]
            for vpc in gone:
                self.remove(vpc)
            return gone

    def tap_of(self, eni: str) -> str:
        return device("t", eni)

    def netns_of(self, vpc: str) -> Path:
        return self._mine(vpc)

    def guest_of(self, eni: str) -> Path:
        return self._mine(eni)

    def publics(self) -> str:
        """One of the 32 blocks of 4,096 in 198.18.0.0/15, which is set aside for benchmarks and routed nowhere: one
        that no other cloud of this machine has when it is first asked for, and the same for ever after."""
        with self._lock:
            if not self._block:
                self._block = slices.chosen(self._folder, int(self._cloud, 16), self._door())
            return self._block

    def listen(self, vpc: str, address: str, port: int) -> socket.socket:
        return kernel.listening(self._entered(vpc), address, port)

    def connect(self, vpc: str, address: str, port: int, timeout: float = 5) -> socket.socket:
        return kernel.connected(self._entered(vpc), address, port, timeout)

    def counters(self, vpc: str, eni: str) -> Counters:
        return self._passed(vpc, self.tap_of(eni))

    def uplink(self, vpc: str) -> Counters:
        if rules.UPLINK not in _links(self._entered(vpc)):
            return Counters(0, 0)
        return self._passed(vpc, rules.UPLINK)

    def _passed(self, vpc: str, device: str) -> Counters:
        text = kernel.run(self._entered(vpc), "ip", "-j", "-s", "link", "show", "dev", device)
        stats = json.loads(text)[0]["stats64"]
        return Counters(stats["rx"]["bytes"], stats["tx"]["bytes"])

    def flows(self, vpc: str) -> list[Passage]:
        namespace = self._entered(vpc)
        if vpc not in self._counted:
            return []
        return flows.parse(kernel.run(namespace, "nft", "-j", "list", "table", "ip", flows.TABLE))

    def close(self) -> None:
        """End the resolvers; the networks stay for the next start."""
        with self._lock:
            for vpc in list(self._resolvers):
                self._stop_resolver(vpc)

    def _mine(self, identity: str) -> Path:
        return kernel.FOLDER / f"{self._prefix}{identity}"

    def _entered(self, vpc: str) -> Path:
        namespace = self.netns_of(vpc)
        if not kernel.exists(namespace):
            raise EngineError(f"no network of {vpc} is here")
        return namespace

    def _door(self) -> str:
        return device("h", self._cloud)

    def _present(self) -> list[str]:
        if not kernel.FOLDER.is_dir():
            return []
        found = kernel.FOLDER.glob(f"{self._prefix}vpc-*")
        return sorted(path.name.removeprefix(self._prefix) for path in found)

    def _forget(self, vpc: str) -> None:
        self._lines.pop(vpc, None)
        self._scripts.pop(vpc, None)
        self._counted.discard(vpc)

    def _world(self) -> None:
        """The internet: a namespace that routes public addresses to their VPCs, and the host to all of them."""
        if self._ready and kernel.exists(self._internet):
            return
        kernel.create(self._internet)
        _prepare(self._internet)
        kernel.run(self._internet, "nft", "-f", "-", stdin=_EDGE)
        if self._door() not in [name for _, name in socket.if_nameindex()]:
            kernel.batch(None, [f"link add {self._door()} type veth peer name host netns {self._internet.name}"])
        block = self.publics()
        gateway, host = wires.offset(block, 1), wires.offset(block, 2)
        kernel.batch(
            None,
            [
                f"address replace {host}/32 dev {self._door()}",
                f"link set {self._door()} up",
                f"route replace {gateway}/32 dev {self._door()}",
                f"route replace {block} via {gateway} dev {self._door()}",
            ],
        )
        kernel.batch(
            self._internet,
            [
                "link set host up",
                f"address replace {gateway}/32 dev host",
                f"route replace {host}/32 dev host",
                f"route replace blackhole {block}",
            ],
        )
        self._ready = True

    def _filter(self, plan: VpcPlan, namespace: Path) -> None:
        script = rules.script(plan)
        if self._scripts.get(plan.id) == script:
            return
        kernel.run(namespace, "nft", "-f", "-", stdin=script)
        self._scripts[plan.id] = script
        before = self._plans.get(plan.id)
        if before is None:
            return
        old, new = _allowed(before), _allowed(plan)
        addresses = {address for address in set(old) & set(new) if old[address] - new[address]}
        if addresses:
            tracked.forget(namespace, addresses)

    def _count(self, plan: VpcPlan, namespace: Path) -> None:
        """Begin to count who talks with whom, or stop."""
        if plan.flows and plan.id not in self._counted:
            kernel.run(namespace, "nft", "-f", "-", stdin=flows.script())
            self._counted.add(plan.id)
        elif not plan.flows and plan.id in self._counted:
            kernel.run(namespace, "nft", "-f", "-", stdin=flows.OFF)
            self._counted.discard(plan.id)

    def _links(self, plan: VpcPlan, namespace: Path) -> tuple[set[str], list[str]]:
        """Make the devices that are missing, remove those that are not planned; also the peers newly met."""
        there = _links(namespace)
        ports = {device("t", eni.id): eni for eni in plan.enis if eni.kind != "none"}
        peers = {device("x", peering.id): peering for peering in plan.peerings}
        wanted = {*ports, *peers, *([rules.UPLINK] if plan.igw else [])}
        extra = there - wanted
        aliases = self._aliases(namespace, extra) if extra else []
        kernel.batch(namespace, [f"link del {name}" for name in sorted(extra)])
        for alias in aliases:
            kernel.delete(self._mine(alias))
        commands: list[str] = []
        for name in sorted(set(ports) - there):
            commands += self._port(name, ports[name])
        if plan.igw and rules.UPLINK not in there:
            far = device("i", plan.id)
            commands.append(f"link add {rules.UPLINK} type veth peer name {far} netns {self._internet.name}")
            commands.append(f"link set {rules.UPLINK} up")
        met: list[str] = []
        for name in sorted(set(peers) - there):
            other = self._plans.get(peers[name].vpc)
            if other is not None and any(half.id == peers[name].id for half in other.peerings):
                commands += [f"link add {name} type veth peer name {name} netns {self.netns_of(other.id).name}"]
                commands += [f"link set {name} up"]
                met.append(other.id)
        kernel.batch(namespace, commands)
        made = {line.split()[2] for line in commands if line.startswith("link set")}
        kernel.inside(namespace, partial(_answer_at_once, {*ports, *(made & set(peers))} - there))
        for name in sorted(set(ports) - there):
            self._guest(plan, ports[name])
        for other_id in met:
            names = [device("x", half.id) for half in plan.peerings if half.vpc == other_id]
            kernel.batch(self.netns_of(other_id), [f"link set {name} up" for name in names])
            kernel.inside(self.netns_of(other_id), partial(_answer_at_once, set(names)))
        return (there - extra) | made, met

    def _port(self, name: str, eni: Eni) -> list[str]:
        if eni.kind == "tap":
            return [f"tuntap add dev {name} mode tap", f"link set {name} up"]
        kernel.create(self.guest_of(eni.id))
        peer = f"peer name eth0 address {eni.mac} netns {self.guest_of(eni.id).name}"
        return [f"link add {name} type veth {peer}", f"link set {name} alias {eni.id}", f"link set {name} up"]

    def _guest(self, plan: VpcPlan, eni: Eni) -> None:
        if eni.kind != "veth":
            return
        cidr = next(subnet.cidr for subnet in plan.subnets if subnet.id == eni.subnet)
        size = cidr.partition("/")[2]
        lines = ["link set lo up", "link set eth0 up"]
        lines += [f"address add {address}/{size} dev eth0" for address in eni.addresses]
        kernel.batch(self.guest_of(eni.id), [*lines, f"route add default via {wires.offset(cidr, 1)}"])

    def _aliases(self, namespace: Path, names: set[str] | None = None) -> list[str]:
        """The interfaces behind a namespace's veths, as their devices' aliases tell."""
        listed = json.loads(kernel.run(namespace, "ip", "-j", "link", "show") or "[]")
        found = [one for one in listed if names is None or one["ifname"] in names]
        return [str(one["ifalias"]) for one in found if str(one.get("ifalias", "")).startswith("eni-")]

    def _wire(self, plan: VpcPlan, namespace: Path, links: set[str]) -> None:
        wanted = wires.lines(plan, links)
        before = self._lines.get(plan.id)
        if before is None:
            # After a restart what is there is unknown, so it is told anew; taps stay, packets wait some milliseconds.
            tables = ["main", *(str(wires.table(subnet.id)) for subnet in plan.subnets)]
            flush = ["rule flush", "rule add lookup main pref 32766", f"address flush dev {wires.ROUTER}"]
            kernel.batch(namespace, [*flush, *(f"route flush table {table}" for table in tables)], force=True)
            before = []
        old, new = set(before), set(wanted)
        kernel.batch(namespace, [wires.undo(line) for line in before if line not in new], force=True)
        kernel.batch(namespace, [line for line in wanted if line not in old])
        self._lines[plan.id] = wanted

    def _publish(self, plan: VpcPlan, before: VpcPlan | None) -> None:
        """Tell the internet where the plan's public addresses are."""
        far = device("i", plan.id)
        old, new = _publics(before) if before else set(), _publics(plan)
        kernel.batch(self._internet, [f"route del {address}/32 dev {far}" for address in sorted(old - new)], force=True)
        if before is None:
            kernel.batch(self._internet, [f"route flush dev {far}"], force=True)
        if plan.igw:
            first = [f"link set {far} up", f"address replace {wires.FAR}/32 dev {far}"]
            routes = [f"route replace {address}/32 via {wires.NEAR} dev {far} onlink" for address in sorted(new)]
            kernel.batch(self._internet, [*first, *routes])

    def _unpublish(self, plan: VpcPlan) -> None:
        if kernel.exists(self._internet):
            gone = [f"route del {address}/32 dev {device('i', plan.id)}" for address in sorted(_publics(plan))]
            kernel.batch(self._internet, gone, force=True)

    def _resolve(self, plan: VpcPlan, namespace: Path) -> None:
        """dnsmasq is started anew with every cloud and whenever what it says changes: it keeps nothing."""
        folder = self._folder / plan.id
        text = resolver.configuration(plan, str(folder / "pid"))
        running = self._resolvers.get(plan.id)
        if running and running[0] == text and running[1].poll() is None:
            return
        self._stop_resolver(plan.id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dnsmasq.conf").write_text(text)
        enter = [kernel.tool("nsenter"), f"--net={namespace}", kernel.tool("dnsmasq")]
        command = [*enter, "--keep-in-foreground", "--user=nobody", f"--conf-file={folder / 'dnsmasq.conf'}"]
        self._resolvers[plan.id] = (text, daemons.start(command, "self", folder / "log", death="SIGTERM"))

    def _stop_resolver(self, vpc: str) -> None:
        running = self._resolvers.pop(vpc, None)
        if running is not None:
            daemons.send(running[1].pid, signal.SIGTERM)
            running[1].wait(5)
        else:
            strays.stop(self._folder / vpc / "dnsmasq.conf")


def _prepare(namespace: Path) -> None:
    def write() -> None:
        for name, value in _SETTINGS.items():
            Path("/proc/sys/net/ipv4", name).write_text(value)
        with contextlib.suppress(OSError):
            Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")

    kernel.inside(namespace, write)
    router = [f"link add {wires.ROUTER} type bridge", f"link set {wires.ROUTER} up"]
    kernel.batch(namespace, ["link set lo up"])
    kernel.batch(namespace, router, force=True)


def _answer_at_once(names: set[str]) -> None:
    """Proxy ARP waits up to 0.8 s by default; called inside the namespace."""
    for name in names:
        Path("/proc/sys/net/ipv4/neigh", name, "proxy_delay").write_text("0")


def _links(namespace: Path) -> set[str]:
    """The devices that the engine made in a VPC's namespace."""
    names: list[str] = kernel.inside(namespace, lambda: [name for _, name in socket.if_nameindex()])
    return {name for name in names if name not in ("lo", wires.ROUTER)}


def _publics(plan: VpcPlan) -> set[str]:
    if not plan.igw:
        return set()
    return {public for eni in plan.enis for _, public in eni.publics} | {
        address for nat in plan.nats for address in (nat.public, *nat.more)
    }


def _allowed(plan: VpcPlan) -> dict[str, set[object]]:
    """By address, all that its groups let pass, references resolved: what leaves this set ends tracked connections."""
    groups = {group.id: group for group in plan.groups}
    members: dict[str, list[str]] = {}
    for eni in plan.enis:
        for group_id in eni.groups:
            members.setdefault(group_id, []).extend(eni.addresses)
    atoms: dict[str, set[object]] = {}
    for group in groups.values():
        atoms[group.id] = {
            (side, rule.protocol, rule.ports, rule.icmp, source)
            for side, listed in (("in", group.ingress), ("out", group.egress))
            for rule in listed
            for source in (*rule.cidrs, *(a for other in rule.groups for a in members.get(other, ())))
        }
    none: set[object] = set()
    return {a: none.union(*(atoms.get(g, none) for g in eni.groups)) for eni in plan.enis for a in eni.addresses}
