"""Queues, topics and buses killed in the middle of their work: what was answered is there, in order, at least once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.running import RunningCloud


def pound(count: int, work: Callable[[int], None]) -> list[threading.Thread]:
    """`count` threads that work until the cloud is gone."""

    def run(number: int) -> None:
        try:
            work(number)
        except (BotoCoreError, ClientError):
            pass

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def drain(sqs: Any, url: str) -> list[str]:
    bodies: list[str] = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in batch]
        entries = [{"Id": str(at), "ReceiptHandle": m["ReceiptHandle"]} for at, m in enumerate(batch)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return bodies


def test_no_acknowledged_message_is_lost(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """Senders to both kinds of queues while the cloud is killed; FIFO groups keep their order."""
    cloud = fresh_cloud()
    sqs = cloud.client("sqs")
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    fifo = sqs.create_queue(QueueName="f.fifo", Attributes=attributes)["QueueUrl"]
    standard = sqs.create_queue(QueueName="s")["QueueUrl"]
    acknowledged: dict[int, list[str]] = {number: [] for number in range(6)}

    def send(number: int) -> None:
        client = cloud.client("sqs")
        for at in range(100_000):
            body = f"{number}-{at}"
            if number < 3:
                client.send_message(QueueUrl=fifo, MessageBody=body, MessageGroupId=str(number))
            else:
                client.send_message(QueueUrl=standard, MessageBody=body)
            acknowledged[number].append(body)

    threads = pound(6, send)
    threading.Event().wait(1.5)
    cloud.kill()
    for thread in threads:
        thread.join()
    assert all(acknowledged.values()), "every sender got something through"
    cloud.start()
    sqs = cloud.client("sqs")
    ordered = drain(sqs, sqs.get_queue_url(QueueName="f.fifo")["QueueUrl"])
    for number in range(3):
        mine = [body for body in ordered if body.startswith(f"{number}-")]
        expected = acknowledged[number]
        assert mine[: len(expected)] == expected, "in order, and none is missing"
        assert len(mine) <= len(expected) + 1, "at most the one that was under way is more"
    rest = set(drain(sqs, sqs.get_queue_url(QueueName="s")["QueueUrl"]))
    for number in range(3, 6):
        assert set(acknowledged[number]) <= rest


def test_what_topics_and_buses_took_arrives(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """A publish or an event that was answered is in the queues behind it."""
    cloud = fresh_cloud()
    sqs, sns, events = cloud.client("sqs"), cloud.client("sns"), cloud.client("events")
    arns = {}
    for name in ("topic", "bus"):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arns[name] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns["topic"], Attributes=raw)
    events.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arns["bus"], "InputPath": "$.detail.n"}])
    acknowledged: dict[int, list[str]] = {number: [] for number in range(4)}

    def work(number: int) -> None:
        publisher, bus = cloud.client("sns"), cloud.client("events")
        for at in range(100_000):
            body = f"{number}-{at}"
            if number < 2:
                publisher.publish(TopicArn=topic, Message=body)
            else:
                bus.put_events(Entries=[{"Source": "app", "DetailType": "d", "Detail": f'{{"n": "{body}"}}'}])
            acknowledged[number].append(body)

    threads = pound(4, work)
    threading.Event().wait(1.5)
    cloud.kill()
    for thread in threads:
        thread.join()
    cloud.start()
    sqs = cloud.client("sqs")
    published = set(drain(sqs, sqs.get_queue_url(QueueName="topic")["QueueUrl"]))
    emitted = {body.strip('"') for body in drain(sqs, sqs.get_queue_url(QueueName="bus")["QueueUrl"])}
    for number, bodies in acknowledged.items():
        assert bodies
        assert set(bodies) <= (published if number < 2 else emitted)
