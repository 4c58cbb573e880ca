"""HTTP as clients and attackers speak it: pipelining, continue, chunked bodies, smuggling, slow and huge heads."""

from __future__ import annotations

import hashlib
import time

import pytest

from tests.gateway.wire_client import Wire, chunked_body, s3_signer


@pytest.fixture
def bucket(client, unique):
    name = unique("http")
    client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def signer(cloud):
    return s3_signer(cloud.port)


def test_pipelined_requests_are_answered_in_order(cloud, signer, bucket):
    """Three requests in one packet: three answers, in order, on one connection."""
    with Wire(cloud.port) as wire:
        wire.send(
            signer.request("PUT", f"/{bucket}/k", b"one")
            + signer.request("GET", f"/{bucket}/k")
            + signer.request("GET", f"/{bucket}/missing")
        )
        assert [wire.answer().status for _ in range(3)] == [200, 200, 404]


def test_continue_is_said_at_once(cloud, signer, bucket):
    """boto3 waits a second for 100 Continue; the body comes after it."""
    request = signer.request("PUT", f"/{bucket}/k", b"body", headers={"expect": "100-continue"})
    head, _, body = request.partition(b"\r\n\r\n")
    with Wire(cloud.port) as wire:
        began = time.monotonic()
        wire.send(head + b"\r\n\r\n")
        assert wire.answer().status == 100
        assert time.monotonic() - began < 0.9
        wire.send(body)
        assert wire.answer().status == 200


def test_a_head_may_come_byte_by_byte(cloud, signer, bucket):
    """TCP has no message borders."""
    with Wire(cloud.port) as wire:
        for byte in signer.request("PUT", f"/{bucket}/k", b"x"):
            wire.send(bytes([byte]))
        assert wire.answer().status == 200


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked",
        b"Content-Length: 4\r\nContent-Length: 5",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Content-Length: +4",
        b"Content-Length: 4\r\nHost: twice.example",
        b"Bad Header: x",
        b"X-Bad : x",
    ],
)
def test_smuggled_lengths_are_refused(cloud, lines):
    """Two ways to tell a body's end are one too many (RFC 9112, 6.3): 400, and the connection closes."""
    with Wire(cloud.port) as wire:
        wire.send(
            b"POST / HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
        )
        assert wire.answer().status == 400
        assert wire.is_closed()


def test_a_huge_head_is_refused(cloud):
    """Heads are bounded."""
    with Wire(cloud.port) as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for number in range(200):
                wire.send(b"X-%d: %b\r\n" % (number, b"a" * 1000))
        except OSError:
            return
        assert wire.answer().status in (400, 431)


@pytest.mark.parametrize(
    "junk", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_no_http_is_refused(cloud, junk):
    """Junk gets a 400 or a closed door, never a hang."""
    with Wire(cloud.port) as wire:
        wire.send(junk)
        try:
            assert wire.answer().status in (400, 505)
        except EOFError:
            pass


@pytest.mark.parametrize("host", ["evil.example", "169.254.169.254.evil.example:80", "localhost.evil.example"])
def test_a_foreign_host_is_refused(cloud, host):
    """DNS rebinding: a name that isn't ours gets nothing."""
    with Wire(cloud.port) as wire:
        wire.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = wire.answer()
        assert answer.status == 403
        assert b"AccessDenied" in answer.body


def test_a_foreign_page_is_refused(cloud, signer, bucket):
    """A page of another origin may not write, nor speak to other services; a page of this machine may."""
    with Wire(cloud.port) as wire:
        wire.send(signer.request("PUT", f"/{bucket}/k", b"x", headers={"origin": "https://evil.example"}))
        assert wire.answer().status == 403
        wire.send(signer.request("PUT", f"/{bucket}/k", b"x", headers={"origin": "http://localhost:3000"}))
        assert wire.answer().status == 200
        form = b"Action=GetCallerIdentity&Version=2011-06-15"
        head = (
            f"POST / HTTP/1.1\r\nHost: localhost:{cloud.port}\r\nOrigin: https://evil.example\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
        )
        wire.send(head.encode() + form)
        assert wire.answer().status == 403


def test_signed_chunks(cloud, signer, bucket):
    """Each chunk's signature is checked; a wrong one stores nothing."""
    pieces = [b"a" * 65536, b"b" * 10]
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(65546)}
    streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    for spoil in (False, True):
        request = signer.request("PUT", f"/{bucket}/chunked-{spoil}", b"", headers=headers, payload=streaming)
        head = request[: -len(b"content-length: 0\r\n\r\n")]
        seed = head.decode().partition("Signature=")[2][:64]
        body = chunked_body(signer, seed, pieces, spoil)
        with Wire(cloud.port) as wire:
            wire.send(head + f"content-length: {len(body)}\r\n\r\n".encode() + body)
            answer = wire.answer()
        assert answer.status == (403 if spoil else 200), answer.body
    with Wire(cloud.port) as wire:
        wire.send(signer.request("GET", f"/{bucket}/chunked-False"))
        assert wire.answer().body == b"".join(pieces)
        wire.send(signer.request("GET", f"/{bucket}/chunked-True"))
        assert wire.answer().status == 404


def test_a_wrong_payload_hash(cloud, signer, bucket):
    """The body must be what was signed."""
    wrong = hashlib.sha256(b"other").hexdigest()
    with Wire(cloud.port) as wire:
        wire.send(signer.request("PUT", f"/{bucket}/k", b"body", payload=wrong))
        answer = wire.answer()
    assert answer.status == 400
    assert b"XAmzContentSHA256Mismatch" in answer.body


def test_an_altered_request(cloud, signer, bucket):
    """A signature holds for one path and one set of headers."""
    good = signer.request("PUT", f"/{bucket}/k", b"body", headers={"x-amz-meta-a": "1"})
    with Wire(cloud.port) as wire:
        wire.send(good)
        assert wire.answer().status == 200
        for old, new in ((b"/k HTTP", b"/j HTTP"), (b"x-amz-meta-a: 1", b"x-amz-meta-a: 2")):
            wire.send(good.replace(old, new))
            answer = wire.answer()
            assert answer.status == 403
            assert b"SignatureDoesNotMatch" in answer.body
        unsigned = good.replace(b"x-amz-meta-a: 1", b"x-amz-meta-a: 1\r\nx-amz-meta-b: 2")
        wire.send(unsigned)
        assert wire.answer().status == 403


def test_an_xml_bomb(cloud, signer, bucket):
    """No entities, no document types: refused before they grow."""
    entities = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">'
    bomb = f"<!DOCTYPE b [{entities}]><Tagging>&b;</Tagging>".encode()
    deep = b"<a>" * 100_000
    with Wire(cloud.port) as wire:
        for body in (bomb, deep):
            wire.send(signer.request("PUT", f"/{bucket}", body, query="tagging="))
            answer = wire.answer()
            assert answer.status == 400, answer.body
            assert b"MalformedXML" in answer.body


def test_dots_are_part_of_a_key(cloud, client, signer, bucket, unique):
    """`..` climbs nowhere: it is a key like any other, and a copy source reaches no other bucket by it."""
    other = unique("other")
    s3 = client("s3")
    s3.create_bucket(Bucket=other)
    s3.put_object(Bucket=other, Key="secret", Body=b"theirs")
    with Wire(cloud.port) as wire:
        wire.send(signer.request("PUT", f"/{bucket}/../../etc/passwd", b"mine"))
        stored = wire.answer().status == 200
        wire.send(signer.request("PUT", f"/{bucket}/k", headers={"x-amz-copy-source": f"/{bucket}/../{other}/secret"}))
        assert wire.answer().status in (400, 403, 404)
        wire.send(signer.request("GET", f"/{bucket}/../{other}/secret"))
        assert b"theirs" not in wire.answer().body
    keys = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert keys == (["../../etc/passwd"] if stored else [])
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=other)["Contents"]] == ["secret"]


def test_an_operation_that_is_not_there(cloud, signer, bucket):
    """501 in the service's own shape, and no neighbour does something else instead."""
    with Wire(cloud.port) as wire:
        wire.send(signer.request("GET", f"/{bucket}", query="metadataConfiguration="))
        answer = wire.answer()
        assert answer.status == 501
        assert b"<Code>NotImplemented</Code>" in answer.body
        wire.send(signer.request("DELETE", f"/{bucket}", query="analytics=&id=x"))
        assert wire.answer().status == 404
        wire.send(signer.request("HEAD", f"/{bucket}"))
        assert wire.answer(head_only=True).status == 200


def test_sigv2_is_refused_clearly(cloud, bucket):
    """AWS's own words."""
    with Wire(cloud.port) as wire:
        wire.send(f"GET /{bucket} HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS AKIAX:abc=\r\n\r\n".encode())
        answer = wire.answer()
    assert answer.status == 400
    assert b"Please use AWS4-HMAC-SHA256" in answer.body


def test_pages_of_our_own(cloud):
    """Every route that needs no signature, and no others: health, metrics, the console's files, LocalStack's pages."""
    from haneul.gateway.inside import Inside

    open_pages = {
        *("/_haneul/health", "/_haneul/metrics", "/metrics"),
        *("/_localstack/health", "/_localstack/info", "/_localstack/init"),
    }
    made = Inside.__new__(Inside)
    Inside.__init__(made, None, None, None, None)
    assert set(made.pages) == open_pages | {"/_haneul/log"}
    with Wire(cloud.port) as wire:
        for page in sorted(open_pages):
            wire.send(f"GET {page} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert wire.answer().status == 200, page
        wire.send(b"GET /_haneul/log HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.answer().status == 403
        wire.send(b"GET /_haneul/console/../../config.py HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"import" not in wire.answer().body
