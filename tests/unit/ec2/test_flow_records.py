"""From the network's counts to records: which side refused, what is new since the last interval, and every field."""

from __future__ import annotations

import gzip
from types import SimpleNamespace

from haneul.engines.networks.fake import FakeNetworks
from haneul.engines.networks.port import Flow, Passage
from haneul.service import Scope
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.vpc import flow_delivery, flow_records, plan, state
from haneul.state.memory import MemoryStore
from tests.unit.ec2.test_plan import World

WEB = Flow("10.0.0.4", "10.0.0.5", 6, 40000, 80)


def test_each_side_sees_its_own_fate():
    """Let out by its sender, refused by its receiver: accepted there, rejected here."""
    passed = [Passage(WEB, (3, 180), (3, 180), (1, 60))]
    (sent,) = flow_records.seen_by(("10.0.0.4",), passed)
    assert (sent.egress, sent.accepted, sent.packets) == (True, True, 3)
    arrived, refused = flow_records.seen_by(("10.0.0.5",), passed)
    assert (arrived.accepted, arrived.packets, refused.accepted, refused.packets) == (True, 1, False, 2)


def test_only_what_is_new_is_told():
    """Counts go on from interval to interval; a count that fell began anew."""
    first = [Passage(WEB, (3, 180), (3, 180), (3, 180))]
    fresh, totals = flow_records.since(first, {})
    assert fresh == first
    fresh, totals = flow_records.since(first, totals)
    assert fresh == []
    fresh, totals = flow_records.since([Passage(WEB, (5, 300), (5, 300), (4, 240))], totals)
    assert fresh == [Passage(WEB, (2, 120), (2, 120), (1, 60))]
    fresh, _ = flow_records.since([Passage(WEB, (1, 60), (1, 60), (1, 60))], totals)
    assert fresh == [Passage(WEB, (1, 60), (1, 60), (1, 60))]


def test_records_reach_their_stream_and_their_object(tmp_path):
    """The default format, a stream an interface, NODATA for the silent; gzip with a header in a bucket."""
    store, networks = MemoryStore(), FakeNetworks()
    with store.write() as tx:
        world = World(tx)
    eni = world.eni
    cloud = SimpleNamespace(
        store=store, planes={}, engines={"networks": networks}, config=SimpleNamespace(data=tmp_path)
    )
    plane = cloud.planes["ec2"] = planes.start(cloud)  # type: ignore[arg-type]
    with store.read() as tx:
        networks.ensure(plan.compile_plan(tx, Scope("000000000000", "us-east-1"), world.vpc.id))
    told = []
    call = SimpleNamespace(
        cloud=cloud,
        scope=Scope("000000000000", "us-east-1"),
        account="000000000000",
        region="us-east-1",
        now=lambda: 1700000060.0,
        read=store.read,
        invoke=lambda *asked: told.append(asked),
    )
    row = state.FlowLog(
        id="fl-1",
        resource=world.vpc.id,
        vpc=world.vpc.id,
        traffic="REJECT",
        created=1700000000.0,
        destination_type="cloud-watch-logs",
        group="flows",
        format=flow_records.DEFAULT,
        interval=60,
    )
    networks.passed = [Passage(Flow("9.9.9.9", eni.addresses[0], 6, 5, 22), (2, 80), (2, 80), (0, 0))]
    step = flow_delivery.step_flow_log(call, row)
    assert step.again == 60.0
    events = {asked[2]["logStreamName"]: asked[2]["logEvents"] for asked in told if asked[1] == "PutLogEvents"}
    assert events[f"{eni.id}-reject"][0]["message"] == (
        f"2 000000000000 {eni.id} 9.9.9.9 {eni.addresses[0]} 5 22 6 2 80 1700000000 1700000060 REJECT OK"
    )
    told.clear()
    row.destination_type, row.destination = "s3", "arn:aws:s3:::bucket/logs"
    flow_delivery.step_flow_log(call, row)
    (asked,) = told
    assert asked[2]["Key"].startswith(
        "logs/AWSLogs/000000000000/vpcflowlogs/us-east-1/2023/11/14/000000000000_vpcflowlogs"
    )
    lines = gzip.decompress(asked[2]["Body"]).decode().splitlines()
    assert lines[0].startswith("version account-id interface-id")
    assert f"2 000000000000 {eni.id} - - - - - - - 1700000060 1700000060 - NODATA" in lines
    assert plane.counted["fl-1"]
