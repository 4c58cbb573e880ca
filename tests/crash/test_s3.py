"""S3 under kill -9: what was acknowledged is there, nothing is torn, nothing is left over."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from haneul.services.s3.index import blobs_in_use
from haneul.state.files import FileBlobs
from haneul.state.rocks import RocksStore
from haneul.state.scrub import Scrubber
from tests.running import RunningCloud

SIZES = (0, 10, 5_000, 70_000, 200_000, 300_000, 1_500_000)
ROUNDS = int(float(os.environ.get("HANEUL_BUDGET", "1")) * 4)
Seen = str | None
"""The MD5 of what a key holds, None for nothing."""


class Writer(threading.Thread):
    """Changes keys of its own until the cloud is gone, and remembers what each may hold now."""

    def __init__(self, cloud: RunningCloud, number: int, state: dict[str, set[Seen]], seed: int) -> None:
        super().__init__(daemon=True)
        self.s3 = cloud.client("s3", connect_timeout=2, read_timeout=10)
        self.number = number
        self.state = state
        self.chance = random.Random(seed)
        self.acknowledged = 0

    def run(self) -> None:
        while True:
            key = f"w{self.number}/k{self.chance.randrange(6)}"
            bucket = self.chance.choice(("plain", "versioned"))
            place = f"{bucket}/{key}"
            before = self.state.setdefault(place, {None})
            try:
                after = self.change(bucket, key, place, before)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    raise
                return
            except BotoCoreError:
                return
            self.state[place] = {after}
            self.acknowledged += 1

    def change(self, bucket: str, key: str, place: str, before: set[Seen]) -> Seen:
        """One operation; while it is under way the key may hold what was there or what will be."""
        kind = self.chance.choice(("put", "put", "parts", "copy", "delete"))
        if kind == "delete":
            self.state[place] = before | {None}
            self.s3.delete_object(Bucket=bucket, Key=key)
            return None
        data = self.chance.randbytes(self.chance.choice(SIZES))
        md5 = hashlib.md5(data).hexdigest()
        if kind == "copy":
            source = f"w{self.number}/source"
            self.state[f"plain/{source}"] = self.state.get(f"plain/{source}", {None}) | {md5}
            self.s3.put_object(Bucket="plain", Key=source, Body=data)
            self.state[f"plain/{source}"] = {md5}
            self.state[place] = before | {md5}
            self.s3.copy_object(Bucket=bucket, Key=key, CopySource=f"plain/{source}")
            return md5
        if kind == "put":
            self.state[place] = before | {md5}
            self.s3.put_object(Bucket=bucket, Key=key, Body=data)
            return md5
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        where = {"Bucket": bucket, "Key": key, "UploadId": upload}
        self.s3.upload_part(**where, PartNumber=2, Body=b"left over" * 20_000)
        etag = self.s3.upload_part(**where, PartNumber=1, Body=data)["ETag"]
        self.state[place] = before | {md5}
        self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        return md5


def check(s3: Any, state: dict[str, set[Seen]]) -> None:
    for place, allowed in state.items():
        bucket, _, key = place.partition("/")
        try:
            got = s3.get_object(Bucket=bucket, Key=key)
            seen = hashlib.md5(got["Body"].read()).hexdigest()
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchKey"
            seen = None
        assert seen in allowed, f"{place} holds {seen}, not {allowed}"
        state[place] = {seen}


def check_versions(s3: Any) -> None:
    """Every version that is listed can be read and is what its ETag says."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket="versioned"):
        for each in page.get("Versions", []):
            data = s3.get_object(Bucket="versioned", Key=each["Key"], VersionId=each["VersionId"])["Body"].read()
            assert len(data) == each["Size"]
            if "-" not in each["ETag"]:
                assert hashlib.md5(data).hexdigest() == each["ETag"].strip('"')


def check_disk(data: Path) -> None:
    """Offline: after a scrub no blob is missing, torn or nobody's."""
    store = RocksStore(data / "store")
    try:
        blobs = FileBlobs(data / "blobs")
        scrubber = Scrubber(store, blobs, [blobs_in_use])
        scrubber.reap()
        assert scrubber.collect(2e10, grace=0, force=True).missing == []
        assert scrubber.verify(1e12).torn == []
        with store.read() as tx:
            assert {stored.id for stored in blobs.everything()} == set(blobs_in_use(tx))
    finally:
        store.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_lose_nothing(fresh_cloud: Any) -> None:
    """Six writers, a kill at any moment, again and again on the same data."""
    cloud = fresh_cloud()
    s3 = cloud.client("s3")
    for bucket in ("plain", "versioned"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    state: dict[str, set[Seen]] = {}
    acknowledged = 0
    for number in range(ROUNDS):
        writers = [Writer(cloud, n, state, seed=number * 100 + n) for n in range(6)]
        for writer in writers:
            writer.start()
        threading.Event().wait(random.Random(number).uniform(0.2, 1.2))
        cloud.kill()
        for writer in writers:
            writer.join(30)
            assert not writer.is_alive()
        acknowledged += sum(writer.acknowledged for writer in writers)
        cloud.restart()
        check(cloud.client("s3"), state)
    check_versions(cloud.client("s3"))
    cloud.stop()
    check_disk(cloud.data)
    assert acknowledged > 10 * ROUNDS
