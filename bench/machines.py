"""python -m bench.machines: how long a launch takes until its guest answers ssh, a volume to come and go, and what a
guest's disk does beside the host's file. As root, on a quiet machine; packages come by apt.

    python -m bench.machines                      # User Mode Linux
    python -m bench.machines --engine qemu        # QEMU: KVM where guests run on it, else emulation
    python -m bench.machines --counts 1,8 --rounds 3
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.api.ec2.waiting import image, instance, reached, until
from tests.running import RunningCloud

from haneul.engines import machines
from haneul.engines.machines import images

_MB = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("uml", "qemu"), default="uml")
    parser.add_argument("--counts", default="1,4,8", help="how many are launched at once")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--image", type=Path, help="a built image `minimal`, instead of building it")
    options = parser.parse_args()
    cloud = RunningCloud("--log-level", "warning")
    machines.install(cloud.data, options.engine)
    if options.image:
        place = images.path_of(cloud.data, "minimal")
        place.parent.mkdir(parents=True)
        place.symlink_to(options.image.resolve())
    images.ensure_image(cloud.data, "minimal", print)
    cloud.start()
    try:
        bench = Bench(cloud)
        found = machines.open_engine(cloud.data).available().engines
        print(f"engine {found[0]}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
        bench.launches(1)  # the image becomes a snapshot
        for count in (int(one) for one in options.counts.split(",")):
            times = [bench.launches(count) for _ in range(options.rounds)]
            shown = ", ".join(f"{min(one):.2f}-{max(one):.2f}" for one in times)
            print(f"{count} at once: RunInstances to the ssh banner {shown} s")
        bench.volumes(options.rounds)
    finally:
        cloud.close()


class Bench:
    def __init__(self, cloud: RunningCloud) -> None:
        self.ec2: Any = cloud.client("ec2")
        self.folder = Path(tempfile.mkdtemp(dir=cloud.data))
        self.key = self.folder / "key"
        self.key.write_text(self.ec2.create_key_pair(KeyName="bench", KeyType="ed25519")["KeyMaterial"])
        self.key.chmod(0o600)
        group = self.ec2.create_security_group(GroupName="ssh", Description="ssh from anywhere")["GroupId"]
        everywhere = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everywhere)
        self.image = image(self.ec2)

    def run(self, count: int) -> list[str]:
        asked = {"ImageId": self.image, "InstanceType": "t3.nano", "KeyName": "bench", "SecurityGroups": ["ssh"]}
        made = self.ec2.run_instances(**asked, MinCount=count, MaxCount=count)["Instances"]
        return [one["InstanceId"] for one in made]

    def address(self, identifier: str) -> str:
        return str(until(lambda: instance(self.ec2, identifier).get("PublicIpAddress"), 120))

    def end(self, identifiers: list[str]) -> None:
        self.ec2.terminate_instances(InstanceIds=identifiers)
        for one in identifiers:
            reached(self.ec2, one, "terminated", 120)

    def launches(self, count: int) -> list[float]:
        """Seconds from the call to each guest's banner."""
        began = time.perf_counter()
        made = self.run(count)
        found: list[float] = []

        def wait(identifier: str) -> None:
            address = self.address(identifier)
            until(lambda: _banner(address), 240)
            found.append(time.perf_counter() - began)

        threads = [threading.Thread(target=wait, args=(one,)) for one in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.end(made)
        return found

    def volumes(self, rounds: int) -> None:
        (identifier,) = self.run(1)
        address = self.address(identifier)
        until(lambda: _banner(address), 240)
        until(lambda: self.ssh(address, "true") is not None, 60)
        zone = instance(self.ec2, identifier)["Placement"]["AvailabilityZone"]
        volume = self.ec2.create_volume(AvailabilityZone=zone, Size=1, VolumeType="gp3")["VolumeId"]
        until(lambda: self.volume(volume)["State"] == "available", 30)
        took: dict[str, list[float]] = {"attach": [], "detach": []}
        for turn in range(rounds):
            took["attach"].append(self.attach(identifier, volume))
            if turn == 0:
                self.disk(address)
            began = time.perf_counter()
            self.ec2.detach_volume(VolumeId=volume)
            until(lambda: self.volume(volume)["State"] == "available", 60)
            took["detach"].append(time.perf_counter() - began)
        for name, seconds in took.items():
            print(f"{name}: {statistics.median(seconds):.2f} s until the API says so")
        self.end([identifier])

    def attach(self, identifier: str, volume: str) -> float:
        began = time.perf_counter()
        self.ec2.attach_volume(VolumeId=volume, InstanceId=identifier, Device="/dev/sdf")
        until(lambda: [one["State"] for one in self.volume(volume)["Attachments"]] == ["attached"], 60)
        return time.perf_counter() - began

    def volume(self, volume: str) -> dict[str, Any]:
        return dict(self.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0])

    def disk(self, address: str) -> None:
        """Sequential writes and reads of the guest's new disk, and the same of a file on the host."""
        device = until(
            lambda: self.ssh(address, "awk '$3 == 1048576 { print \"/dev/\" $4 }' /proc/partitions"), 30
        ).strip()
        write = f"dd if=/dev/zero of={{}} bs=1M count={_MB} conv=fsync 2>&1"
        read = f"echo 3 >/proc/sys/vm/drop_caches; dd if={{}} of=/dev/null bs=1M count={_MB} 2>&1"
        file = self.folder / "file"
        for name, command in (("write", write), ("read", read)):
            guest = _rate(self.ssh(address, command.format(device)) or "")
            argv = ["sh", "-c", command.partition(";")[2].format(file) or command.format(file)]
            host = _rate(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
            print(f"sequential {name}: guest {guest:.0f} MB/s, host's file {host:.0f} MB/s")

    def ssh(self, address: str, command: str) -> str | None:
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]
        argv = ["ssh", "-i", str(self.key), *options, "-o", "LogLevel=ERROR", f"root@{address}", command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout if done.returncode == 0 else None


def _banner(address: str) -> bytes:
    try:
        with socket.create_connection((address, 22), timeout=0.5) as client:
            client.settimeout(2)
            return client.recv(3)
    except OSError:
        return b""


def _rate(said: str) -> float:
    """MB/s of what dd says."""
    found = re.search(r"(\d+) bytes.*copied, ([\d.]+) s", said)
    return int(found.group(1)) / 1e6 / float(found.group(2)) if found else 0.0


if __name__ == "__main__":
    main()
