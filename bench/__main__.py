"""make bench: ours beside its peers, in one run, with the same raw signed keep-alive load generator.

    make bench                                    # S3 and DynamoDB, one round
    make bench ARGS="--rounds 3 --seconds 5"
    make bench ARGS="--only haneul"

The server is pinned to one core and the load to the other for small requests, where there are two cores. CPU is that
of the server's whole process tree, in microseconds a request: steadier than requests a second on a shared machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import limits, loads, peers
from bench.load import write_requests

CONTESTANTS = {"s3": ("haneul", "ministack", "moto", "s3rver"), "dynamodb": ("haneul", "ministack", "moto", "dynalite"),
               "sqs": ("haneul", "ministack", "moto")}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="per load and server")
    parser.add_argument("--only", default="", help="one server")
    parser.add_argument("--loads", default="", help="only loads whose name holds this text")
    parser.add_argument("--json", dest="as_json", action="store_true")
    options = parser.parse_args()
    chosen = [load for load in (*loads.S3, *loads.LISTING, *loads.DYNAMODB, *loads.SQS) if options.loads in load.name]
    names = {name for load in chosen for name in CONTESTANTS[load.service] if options.only in ("", name)}
    available = {name for name in names if name == "haneul" or peers.install(name)}
    results: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(options.rounds):
        for service, order in CONTESTANTS.items():
            of_service = [load for load in chosen if load.service == service]
            for name in (name for name in order if name in available and of_service):
                _run(name, of_service, options.seconds, results)
    _report(chosen, results, options.as_json)


def _run(
    name: str, of_service: list[loads.Load], seconds: float, results: dict[tuple[str, str], list[dict[str, float]]]
) -> None:
    two = (os.cpu_count() or 1) > 1
    try:
        server = peers.Peer(name).start()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return
    try:
        for load in of_service:
            try:
                figures = _measure(server, load, seconds, "1" if two else None)
            except Exception as error:
                print(f"{name}, {load.name}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
                continue
            results.setdefault((load.name, name), []).append(figures)
            print(f"{load.name:26} {name:10} {_line(load, figures)}", flush=True)
    finally:
        server.close()


def _measure(server: peers.Peer, load: loads.Load, seconds: float, core: str | None) -> dict[str, float]:
    loads.sign_as(server.name)
    requests = load.prepare(server.port)
    large = load.moved >= loads.MIB
    if core and not large:
        server.pin("0")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "requests")
        write_requests(path, requests)
        pin = ["taskset", "-c", core] if core and not large and shutil.which("taskset") else []
        command = [*pin, sys.executable, "-m", "bench.load", "127.0.0.1", str(server.port), path]
        before = server.cpu_seconds()
        done = subprocess.run(
            [*command, str(load.connections), str(seconds)], capture_output=True, text=True, check=True
        )
    figures: dict[str, float] = json.loads(done.stdout)
    server.pin(None)
    figures["cpu_us"] = (server.cpu_seconds() - before) / max(1, figures["requests"]) * 1e6
    figures["resident_mb"] = server.resident() / 1e6
    return figures


def _line(load: loads.Load, figures: dict[str, float]) -> str:
    moved = f" {figures['rps'] * load.moved / 1e6:8.0f} MB/s" if load.moved else ""
    errors = f" ERRORS {figures['errors']:.0f}" if figures["errors"] else ""
    return (
        f"{figures['rps']:9.0f} req/s  p50 {figures['p50_ms']:8.2f}  p99 {figures['p99_ms']:8.2f} ms  "
        f"CPU {figures['cpu_us']:9.1f} us{moved}  {figures['resident_mb']:5.0f} MB{errors}"
    )


def _report(chosen: list[loads.Load], results: dict[tuple[str, str], list[dict[str, float]]], as_json: bool) -> None:
    ceiling = limits.measure()
    if as_json:
        rows = [{"load": load, "server": name, "rounds": rounds} for (load, name), rounds in results.items()]
        print(json.dumps({"limits": ceiling, "results": rows}))
        return
    print("\nlimits of this machine: " + ", ".join(f"{name} {value:,.0f}" for name, value in ceiling.items()))
    print("\n| load | server | req/s | p50 ms | p99 ms | CPU us | of ours |\n|---|---|---|---|---|---|---|")
    for load in chosen:
        ours = results.get((load.name, "haneul"))
        for name in CONTESTANTS[load.service]:
            rounds = results.get((load.name, name))
            if not rounds:
                continue
            middle = {key: statistics.median(r[key] for r in rounds) for key in ("rps", "p50_ms", "p99_ms", "cpu_us")}
            ratio = middle["cpu_us"] / statistics.median(r["cpu_us"] for r in ours) if ours else 0.0
            print(
                f"| {load.name} | {name} | {middle['rps']:,.0f} | {middle['p50_ms']:.2f} | {middle['p99_ms']:.2f} "
                f"| {middle['cpu_us']:,.1f} | {ratio:.1f}x |"
            )


if __name__ == "__main__":
    main()
