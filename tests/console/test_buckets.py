"""S3's pages: files and folders in and out of a bucket, versions, links, and a bucket's policy."""

from __future__ import annotations

import json

import pytest
import requests
from botocore.exceptions import ClientError

from tests.api.ec2.waiting import until
from tests.console.browser import is_here

pytestmark = pytest.mark.skipif(not is_here(), reason="chromium and chromium-driver are not installed")
PRESS = "[...document.querySelectorAll('main button')].find((b) => b.textContent === '{}').click()"


@pytest.fixture
def bucket(client, unique):
    name = unique("0console")  # the first of the list, whatever else the cloud has
    client("s3").create_bucket(Bucket=name)
    return name


def test_a_bucket_and_a_file(cloud, opened, client, unique, tmp_path):
    """Create a bucket, upload a file, see it, preview it, link to it, delete it."""
    name = unique("0console")  # the first of the list, whatever else the cloud has
    page = opened(cloud, "buckets")
    page.type("main form input", name)
    page.click("main form button")
    page.wait_text(name)
    file = tmp_path / "hello & co.txt"
    file.write_text("hello from a browser")
    page.run(f"location.hash = 'buckets/{name}/'")
    page.wait("return document.querySelector('#files')")
    page.type("#files", str(file))
    page.wait_text("hello & co.txt")
    s3 = client("s3")
    assert s3.get_object(Bucket=name, Key="hello & co.txt")["Body"].read() == b"hello from a browser"
    page.run("[...document.querySelectorAll('main td a')].find((a) => a.textContent === 'hello & co.txt').click()")
    page.wait_text("hello from a browser")  # its preview
    page.run("[...document.querySelectorAll('main button')].find((b) => b.textContent.includes('link')).click()")
    link = page.wait("return document.querySelector('main p[aria-live] a')?.href")
    assert requests.get(link, timeout=10).text == "hello from a browser"
    page.click("button[aria-label='Delete hello & co.txt']")
    page.accept()
    page.wait("return document.querySelector('#files')")
    assert "Contents" not in s3.list_objects_v2(Bucket=name)


def test_a_large_file_goes_in_parts(cloud, opened, client, bucket, tmp_path):
    """Nine megabytes: two parts, one object."""
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(range(256)) * 36864)
    page = opened(cloud, f"buckets/{bucket}/")
    page.type("#files", str(file))
    page.wait_text("9.0 MB")
    assert client("s3").head_object(Bucket=bucket, Key="large.bin")["ETag"].endswith('-2"')


def test_folders(cloud, opened, client, bucket, tmp_path):
    """A folder goes up with what is in it, is walked into, and goes away with all that is below it."""
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "one.txt").write_text("1")
    (tmp_path / "tree" / "deep" / "two <2>.txt").write_text("2")
    s3 = client("s3")
    page = opened(cloud, f"buckets/{bucket}/")
    page.type("#folder", str(tmp_path / "tree"))
    page.wait("return [...document.querySelectorAll('main td a')].some((a) => a.textContent === 'tree/')")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["tree/deep/two <2>.txt", "tree/one.txt"]
    page.run("[...document.querySelectorAll('main td a')].find((a) => a.textContent === 'tree/').click()")
    page.wait_text("one.txt")
    page.run("history.back()")
    page.wait("return document.querySelector(\"[data-key='tree/']\")")
    page.run("document.querySelector(\"[data-key='tree/']\").click()")
    page.run(PRESS.format("Delete"))
    page.accept()
    until(lambda: "Contents" not in s3.list_objects_v2(Bucket=bucket))


def _policy(s3, bucket):
    """The statements of the bucket's policy; none before there is one."""
    try:
        return json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    except ClientError:
        return []


def test_versions_and_a_policy(cloud, opened, client, bucket):
    """The settings keep versions; an older one is restored; a policy is written with findings beside it."""
    s3 = client("s3")
    page = opened(cloud, f"buckets/{bucket}/")
    page.run("document.querySelector('details').open = true")
    page.run(
        "const state = document.querySelector('details select'); state.value = 'Enabled'; state.form.requestSubmit()"
    )
    until(lambda: s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled")
    for body in (b"old", b"new"):
        s3.put_object(Bucket=bucket, Key="note.txt", Body=body)
    page = opened(cloud, f"buckets/{bucket}/note.txt")
    page.run("[...document.querySelectorAll('main button')].filter((b) => b.textContent === 'Restore').at(-1).click()")
    until(lambda: s3.get_object(Bucket=bucket, Key="note.txt")["Body"].read() == b"old")
    page = opened(cloud, f"buckets/{bucket}/")
    page.run("document.querySelector('details').open = true")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    words = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    page.run(
        "const a = document.querySelector('#bucket-policy'); a.value = arguments[0]; "
        "a.dispatchEvent(new Event('input'))",
        words,
    )
    page.wait("return document.querySelector('#bucket-policy-findings').textContent.includes('PUBLIC_PRINCIPAL')")
    client("s3").put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": False})
    page.click("#bucket-policy-save")
    until(lambda: statement in _policy(s3, bucket))
