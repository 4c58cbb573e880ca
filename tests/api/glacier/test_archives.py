"""Archives and the jobs that bring them back: the bytes that come back are the bytes that went in."""

import json
import os
import time

import pytest
from botocore.exceptions import ClientError
from botocore.utils import calculate_tree_hash

MIB = 1 << 20


@pytest.fixture(scope="module")
def fast():
    """A cloud whose clock runs 10,000 times as fast: retrievals of hours take a second or two."""
    from tests.running import RunningCloud

    cloud = RunningCloud("--log-level", "warning", "--clock-rate", "40000").start()
    yield cloud
    cloud.close()


@pytest.fixture
def glacier(fast):
    return fast.client("glacier")


@pytest.fixture
def vault(glacier, unique):
    name = unique("vault")
    glacier.create_vault(vaultName=name)
    return name


def code(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


def ripe(glacier, vault, job, within=30):
    """Wait until the job is done."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        described = glacier.describe_job(vaultName=vault, jobId=job)
        if described["Completed"]:
            return described
        time.sleep(0.05)
    raise AssertionError("the job never ended")


def start(glacier, vault, **parameters):
    return glacier.initiate_job(vaultName=vault, jobParameters=parameters)["jobId"]


def test_an_archive_comes_back(glacier, vault):
    """Upload, retrieve, read whole and by range; unripe output is refused."""
    data = os.urandom(2 * MIB + 777)
    stored = glacier.upload_archive(vaultName=vault, archiveDescription="two megabytes", body=data)
    import io

    assert stored["checksum"] == calculate_tree_hash(io.BytesIO(data))
    job = start(glacier, vault, Type="archive-retrieval", ArchiveId=stored["archiveId"], Tier="Bulk")
    assert code(glacier.get_job_output, vaultName=vault, jobId=job) == "InvalidParameterValueException"
    described = ripe(glacier, vault, job)
    assert described["StatusCode"] == "Succeeded"
    assert described["SHA256TreeHash"] == stored["checksum"]
    output = glacier.get_job_output(vaultName=vault, jobId=job)
    assert output["status"] == 200
    assert output["body"].read() == data
    part = glacier.get_job_output(vaultName=vault, jobId=job, range="bytes=10-19")
    assert part["status"] == 206
    assert part["contentRange"] == f"bytes 10-19/{len(data)}"
    assert part["body"].read() == data[10:20]


def test_a_wrong_tree_hash_is_refused(glacier, vault):
    """Nothing is stored that isn't what the client meant."""
    assert (
        code(glacier.upload_archive, vaultName=vault, body=b"x", checksum="0" * 64) == "InvalidParameterValueException"
    )
    glacier.delete_vault(vaultName=vault)


def test_a_range_of_an_archive(glacier, vault):
    """A retrieval of aligned megabytes brings just those."""
    data = os.urandom(3 * MIB)
    archive = glacier.upload_archive(vaultName=vault, body=data)["archiveId"]
    crooked = {"Type": "archive-retrieval", "ArchiveId": archive, "RetrievalByteRange": "5-10"}
    assert code(glacier.initiate_job, vaultName=vault, jobParameters=crooked) == "InvalidParameterValueException"
    job = start(glacier, vault, Type="archive-retrieval", ArchiveId=archive, RetrievalByteRange=f"{MIB}-{2 * MIB - 1}")
    ripe(glacier, vault, job)
    assert glacier.get_job_output(vaultName=vault, jobId=job)["body"].read() == data[MIB : 2 * MIB]


def test_parts_become_an_archive(glacier, vault):
    """Parts in any order; a missing one, a wrong size and a wrong hash are told."""
    import io

    data = os.urandom(2 * MIB + 100)
    upload = glacier.initiate_multipart_upload(vaultName=vault, partSize=str(MIB))["uploadId"]
    whole = {
        "vaultName": vault,
        "uploadId": upload,
        "archiveSize": str(len(data)),
        "checksum": calculate_tree_hash(io.BytesIO(data)),
    }
    for start_at in (2 * MIB, 0):
        piece = data[start_at : start_at + MIB]
        span = f"bytes {start_at}-{start_at + len(piece) - 1}/*"
        glacier.upload_multipart_part(vaultName=vault, uploadId=upload, range=span, body=piece)
    assert code(glacier.complete_multipart_upload, **whole) == "InvalidParameterValueException"
    span = f"bytes {MIB}-{2 * MIB - 1}/*"
    glacier.upload_multipart_part(vaultName=vault, uploadId=upload, range=span, body=data[MIB : 2 * MIB])
    assert len(glacier.list_parts(vaultName=vault, uploadId=upload)["Parts"]) == 3
    assert (
        code(glacier.complete_multipart_upload, **{**whole, "checksum": "0" * 64}) == "InvalidParameterValueException"
    )
    archive = glacier.complete_multipart_upload(**whole)["archiveId"]
    assert glacier.list_multipart_uploads(vaultName=vault)["UploadsList"] == []
    job = start(glacier, vault, Type="archive-retrieval", ArchiveId=archive)
    ripe(glacier, vault, job)
    assert glacier.get_job_output(vaultName=vault, jobId=job)["body"].read() == data


def test_an_aborted_upload_is_gone(glacier, vault):
    """Abort removes the parts; the id is unknown from then on."""
    upload = glacier.initiate_multipart_upload(vaultName=vault, partSize=str(MIB))["uploadId"]
    glacier.abort_multipart_upload(vaultName=vault, uploadId=upload)
    assert code(glacier.list_parts, vaultName=vault, uploadId=upload) == "ResourceNotFoundException"
    bad = {"vaultName": vault, "partSize": "1000"}
    assert code(glacier.initiate_multipart_upload, **bad) == "InvalidParameterValueException"


def test_inventory(glacier, vault):
    """The inventory names every archive, as JSON and as CSV."""
    ids = {
        glacier.upload_archive(vaultName=vault, archiveDescription=f"d{i}", body=b"x" * (i + 1))["archiveId"]
        for i in range(3)
    }
    job = start(glacier, vault, Type="inventory-retrieval")
    table = start(glacier, vault, Type="inventory-retrieval", Format="CSV")
    ripe(glacier, vault, job)
    inventory = json.loads(glacier.get_job_output(vaultName=vault, jobId=job)["body"].read())
    assert {row["ArchiveId"] for row in inventory["ArchiveList"]} == ids
    ripe(glacier, vault, table)
    lines = glacier.get_job_output(vaultName=vault, jobId=table)["body"].read().decode().splitlines()
    assert lines[0] == "ArchiveId,ArchiveDescription,CreationDate,Size,SHA256TreeHash"
    assert len(lines) == 4
    jobs = glacier.list_jobs(vaultName=vault, completed="true")["JobList"]
    assert {row["JobId"] for row in jobs} == {job, table}


def test_a_full_vault_stays(glacier, vault):
    """A vault with an archive can't be deleted; emptied, it can."""
    archive = glacier.upload_archive(vaultName=vault, body=b"x")["archiveId"]
    assert code(glacier.delete_vault, vaultName=vault) == "InvalidParameterValueException"
    glacier.delete_archive(vaultName=vault, archiveId=archive)
    glacier.delete_vault(vaultName=vault)


def test_a_retrieval_policy_is_enforced(fast, unique):
    """Beyond the hour's bytes a Standard retrieval is refused, a Bulk one is not."""
    own = fast.client("glacier", account="444444444444")
    vault = unique("vault")
    own.create_vault(vaultName=vault)
    rules = {"Rules": [{"Strategy": "BytesPerHour", "BytesPerHour": 10}]}
    own.set_data_retrieval_policy(Policy=rules)
    assert own.get_data_retrieval_policy()["Policy"] == rules
    archive = own.upload_archive(vaultName=vault, body=b"x" * 11)["archiveId"]
    wanted = {"Type": "archive-retrieval", "ArchiveId": archive}
    assert code(own.initiate_job, vaultName=vault, jobParameters=wanted) == "PolicyEnforcedException"
    own.initiate_job(vaultName=vault, jobParameters={**wanted, "Tier": "Bulk"})


def test_capacity(fast):
    """Two units at a time, no more."""
    own = fast.client("glacier", account="555555555555")
    own.purchase_provisioned_capacity()
    own.purchase_provisioned_capacity()
    assert code(own.purchase_provisioned_capacity) == "LimitExceededException"
    assert len(own.list_provisioned_capacity()["ProvisionedCapacityList"]) == 2


def test_archives_survive_a_kill(fresh_cloud, unique):
    """What was acknowledged is there after kill -9, and jobs ripen on."""
    cloud = fresh_cloud("--clock-rate", "40000")
    glacier = cloud.client("glacier")
    vault = unique("vault")
    glacier.create_vault(vaultName=vault)
    data = os.urandom(MIB)
    archive = glacier.upload_archive(vaultName=vault, body=data)["archiveId"]
    job = start(glacier, vault, Type="archive-retrieval", ArchiveId=archive)
    cloud.kill()
    cloud.start()
    glacier = cloud.client("glacier")
    ripe(glacier, vault, job)
    assert glacier.get_job_output(vaultName=vault, jobId=job)["body"].read() == data
