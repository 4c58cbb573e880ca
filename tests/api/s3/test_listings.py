"""Listings: order, prefixes, delimiters, paging, encoding, in all three operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.api.s3.conftest import refused

Listing = Callable[..., dict[str, Any]]


def fill(s3: Any, bucket: str, *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")


def keys_of(page: dict[str, Any]) -> list[str]:
    return [each["Key"] for each in page.get("Contents", page.get("Versions", []))]


def prefixes_of(page: dict[str, Any]) -> list[str]:
    return [each["Prefix"] for each in page.get("CommonPrefixes", [])]


@pytest.fixture(params=["list_objects", "list_objects_v2", "list_object_versions"])
def listing(request: pytest.FixtureRequest, s3: Any) -> Listing:
    return getattr(s3, request.param)


TREE = ("a", "b/1", "b/2", "b/c/1", "d", "e/", "e/f", "z/y/x")


@pytest.mark.parametrize(
    ("prefix", "delimiter", "keys", "prefixes"),
    [
        ("", "", list(TREE), []),
        ("", "/", ["a", "d"], ["b/", "e/", "z/"]),
        ("b/", "/", ["b/1", "b/2"], ["b/c/"]),
        ("b", "/", [], ["b/"]),
        ("b/", "", ["b/1", "b/2", "b/c/1"], []),
        ("e/", "/", ["e/", "e/f"], []),
        ("", "y", ["a", "b/1", "b/2", "b/c/1", "d", "e/", "e/f"], ["z/y"]),
        ("", "/c/", ["a", "b/1", "b/2", "d", "e/", "e/f", "z/y/x"], ["b/c/"]),
        ("nothing", "/", [], []),
        ("", "nothing", list(TREE), []),
        ("z/y/x", "/", ["z/y/x"], []),
    ],
)
def test_prefix_and_delimiter(
    s3: Any, bucket: str, listing: Listing, prefix: str, delimiter: str, keys: list[str], prefixes: list[str]
) -> None:
    """The two that make folders of flat keys."""
    fill(s3, bucket, *TREE)
    page = listing(Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
    assert (keys_of(page), prefixes_of(page)) == (keys, prefixes)
    assert page["IsTruncated"] is False
    assert page["Prefix"] == prefix
    assert page["Name"] == bucket
    assert page.get("Delimiter", "") == delimiter


def test_keys_are_listed_by_their_bytes(s3: Any, bucket: str, listing: Listing) -> None:
    """UTF-8 order, not that of any alphabet."""
    keys = ["B", "a", "a b", "a/", "a/b", "a0", "ab", "~", "é", "日", "🙂", "\uffee"]
    fill(s3, bucket, *keys)
    assert keys_of(listing(Bucket=bucket)) == sorted(keys, key=str.encode)


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_pages_put_together_are_the_whole(s3: Any, bucket: str, operation: str, size: int, delimiter: str) -> None:
    """Nothing twice, nothing left out, whatever the page ends with."""
    fill(s3, bucket, *TREE)
    whole = getattr(s3, operation)(Bucket=bucket, Delimiter=delimiter)
    keys: list[str] = []
    prefixes: list[str] = []
    for page in s3.get_paginator(operation).paginate(
        Bucket=bucket, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    ):
        assert len(keys_of(page)) + len(prefixes_of(page)) <= size
        assert page["MaxKeys"] == size
        keys += keys_of(page)
        prefixes += prefixes_of(page)
    assert (keys, prefixes) == (keys_of(whole), prefixes_of(whole))


def test_v1_marker(s3: Any, bucket: str) -> None:
    """The first version goes on behind a key; only a delimiter makes it name the next one."""
    fill(s3, bucket, "a", "b", "c", "d")
    page = s3.list_objects(Bucket=bucket, Marker="b", MaxKeys=1)
    assert (keys_of(page), page["IsTruncated"], page["Marker"]) == (["c"], True, "b")
    assert "NextMarker" not in page
    page = s3.list_objects(Bucket=bucket, MaxKeys=2, Delimiter="/")
    assert page["NextMarker"] == "b"
    assert keys_of(s3.list_objects(Bucket=bucket, Marker="bb")) == ["c", "d"]
    assert keys_of(s3.list_objects(Bucket=bucket, Marker="zzz")) == []


def test_v1_shows_owners_and_v2_on_demand(s3: Any, bucket: str) -> None:
    fill(s3, bucket, "k")
    owner = s3.list_buckets()["Owner"]["ID"]
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"] == owner
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]["ID"] == owner


def test_v2_start_after_and_token(s3: Any, bucket: str) -> None:
    """The token wins over start-after, which then isn't told back."""
    fill(s3, bucket, "a", "b", "c", "d")
    first = s3.list_objects_v2(Bucket=bucket, StartAfter="a", MaxKeys=1)
    assert (keys_of(first), first["KeyCount"], first["StartAfter"], first["IsTruncated"]) == (["b"], 1, "a", True)
    token = first["NextContinuationToken"]
    rest = s3.list_objects_v2(Bucket=bucket, ContinuationToken=token, StartAfter="a")
    assert (keys_of(rest), rest["ContinuationToken"], rest["KeyCount"]) == (["c", "d"], token, 2)
    assert "StartAfter" not in rest
    assert "NextContinuationToken" not in rest


def test_v2_counts_prefixes(s3: Any, bucket: str) -> None:
    fill(s3, bucket, *TREE)
    assert s3.list_objects_v2(Bucket=bucket, Delimiter="/")["KeyCount"] == 5


@pytest.mark.parametrize("token", ["", "nonsense", "WyJhIl0"])
def test_v2_bad_token(s3: Any, bucket: str, token: str) -> None:
    error = refused(s3.list_objects_v2, Bucket=bucket, ContinuationToken=token)
    assert (error.code, error.status) == ("InvalidArgument", 400)


def test_max_keys_none_and_too_many(s3: Any, bucket: str, listing: Listing) -> None:
    """Zero lists nothing and promises nothing; more than a thousand is a thousand."""
    fill(s3, bucket, "a")
    page = listing(Bucket=bucket, MaxKeys=0)
    assert (keys_of(page), page["IsTruncated"], page["MaxKeys"]) == ([], False, 0)
    assert listing(Bucket=bucket, MaxKeys=5000)["MaxKeys"] == 1000


@pytest.mark.parametrize("value", ["-1", "many", "2147483648"])
def test_max_keys_must_be_a_number(raw: Any, bucket: str, value: str) -> None:
    answer = raw("GET", f"/{bucket}?max-keys={value}")
    assert answer.status_code == 400
    assert "<Code>InvalidArgument</Code>" in answer.text


def answer_headers(raw: Any, bucket: str) -> Any:
    return raw("GET", f"/{bucket}?list-type=2").headers


def test_encoding_type_url(s3: Any, raw: Any, bucket: str) -> None:
    """Keys that XML can't hold travel percent-encoded, in every place a key is told."""
    key = "dir/a b+c&\x07é"
    fill(s3, bucket, key)
    text = raw("GET", f"/{bucket}?list-type=2&encoding-type=url&prefix=dir/a b&delimiter=/&start-after=a b").text
    assert f"<Key>{quote_plus(key, safe='/')}</Key>" in text
    assert answer_headers(raw, bucket)["x-amz-bucket-region"] == "us-east-1"
    assert "<EncodingType>url</EncodingType>" in text
    assert "<Prefix>dir/a+b</Prefix>" in text
    assert "<StartAfter>a+b</StartAfter>" in text
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == [key]
    for value in ("base64", ""):
        answer = raw("GET", f"/{bucket}?list-type=2&encoding-type={value}")
        assert "<Message>Invalid Encoding Method specified in Request</Message>" in answer.text


def test_entries_tell_all_of_an_object(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
    head = s3.head_object(Bucket=bucket, Key="k")
    entry = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert entry == {
        "Key": "k",
        "Size": 5,
        "ETag": put["ETag"],
        "LastModified": head["LastModified"],
        "StorageClass": "STANDARD",
        "ChecksumAlgorithm": ["SHA256"],
        "ChecksumType": "FULL_OBJECT",
    }


def test_versions_are_listed_newest_first(s3: Any, versioned: str) -> None:
    ids = {key: [s3.put_object(Bucket=versioned, Key=key, Body=b"")["VersionId"] for _ in range(3)] for key in "ab"}
    marker = s3.delete_object(Bucket=versioned, Key="a")["VersionId"]
    page = s3.list_object_versions(Bucket=versioned)
    listed = [(each["Key"], each["VersionId"], each["IsLatest"]) for each in page["Versions"]]
    assert listed == [
        *[("a", each, False) for each in reversed(ids["a"])],
        *[("b", each, n == 0) for n, each in enumerate(reversed(ids["b"]))],
    ]
    assert [(each["VersionId"], each["IsLatest"]) for each in page["DeleteMarkers"]] == [(marker, True)]
    assert keys_of(s3.list_objects_v2(Bucket=versioned)) == ["b"]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_version_pages(s3: Any, versioned: str, size: int) -> None:
    """Pages may end between two versions of one key."""
    made = []
    for key in ("a", "b"):
        for _ in range(3):
            made.append((key, s3.put_object(Bucket=versioned, Key=key, Body=b"")["VersionId"]))
        made.append((key, s3.delete_object(Bucket=versioned, Key=key)["VersionId"]))
    found = []
    request: dict[str, Any] = {"Bucket": versioned, "MaxKeys": size}
    while True:
        page = s3.list_object_versions(**request)
        found += [(e["Key"], e["VersionId"]) for e in page.get("DeleteMarkers", []) + page.get("Versions", [])]
        if not page["IsTruncated"]:
            break
        request |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert sorted(found) == sorted(made)
    assert len(found) == len(made)


def test_emptying_a_bucket_page_by_page(s3: Any, versioned: str) -> None:
    """Deleting what a page showed before asking for the next must not hide the rest (every `rb --force` does so)."""
    for _ in range(5):
        s3.put_object(Bucket=versioned, Key="k", Body=b"")
    request: dict[str, Any] = {"Bucket": versioned, "MaxKeys": 2}
    seen = 0
    while True:
        page = s3.list_object_versions(**request)
        for each in page.get("Versions", []):
            s3.delete_object(Bucket=versioned, Key="k", VersionId=each["VersionId"])
            seen += 1
        if not page["IsTruncated"]:
            break
        request |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert seen == 5
    s3.delete_bucket(Bucket=versioned)


def test_version_markers_go_together(s3: Any, bucket: str) -> None:
    error = refused(s3.list_object_versions, Bucket=bucket, VersionIdMarker="null")
    assert (error.code, error.status) == ("InvalidArgument", 400)


def test_objects_from_before_versioning_are_listed_as_null(s3: Any, bucket: str) -> None:
    fill(s3, bucket, "k")
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(each["VersionId"], each["IsLatest"]) for each in versions] == [("null", True)]


def test_a_thousand_is_a_page(s3: Any, client: Any, bucket: str) -> None:
    """And common prefixes are counted, not their keys."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=bucket, Key=f"p{n % 3}/{n:04}", Body=b""), range(1002)))
    page = s3.list_objects_v2(Bucket=bucket)
    assert (len(page["Contents"]), page["IsTruncated"], page["KeyCount"]) == (1000, True, 1000)
    rest = s3.list_objects_v2(Bucket=bucket, ContinuationToken=page["NextContinuationToken"])
    assert len(rest["Contents"]) == 2
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert (prefixes_of(page), page["IsTruncated"]) == (["p0/", "p1/", "p2/"], False)
