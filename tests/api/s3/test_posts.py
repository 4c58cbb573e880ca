"""Browser forms: what a presigned POST stores, answers and refuses, and who may send one unsigned."""

import base64
import hashlib
import json
from xml.etree import ElementTree

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture
def post(s3, bucket):
    """post(key, data, fields=..., conditions=...): a form that boto3 signed, sent as a browser sends it."""

    def send(key, data=b"hello", *, fields=None, conditions=None, name="photo.jpg", extra=None):
        fields = fields or {}
        said = [{field: value} for field, value in fields.items()] + (conditions or [])
        made = s3.generate_presigned_post(bucket, key, Fields=dict(fields), Conditions=said)
        return requests.post(
            made["url"],
            data=made["fields"] | (extra or {}),
            files={"file": (name, data)},
            timeout=30,
            allow_redirects=False,
        )

    return send


def test_form_is_stored_and_answered_with_204(s3, bucket, post):
    """The plainest form: no content, an entity tag, and the file as it was."""
    answer = post("plain.txt", b"hello")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    found = s3.get_object(Bucket=bucket, Key="plain.txt")
    assert found["Body"].read() == b"hello"
    assert found["ContentType"] == "binary/octet-stream"


def test_file_name_headers_metadata_and_tags(s3, bucket, post):
    """${filename} names the key, and the fields say what headers would."""
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b c</Value></Tag></TagSet></Tagging>"
    fields = {
        "Content-Type": "image/jpeg",
        "x-amz-meta-who": "me",
        "x-amz-storage-class": "STANDARD_IA",
        "tagging": tagging,
        "success_action_status": "200",
    }
    answer = post("in/${filename}", b"x" * 300_000, fields=fields, name="cat.jpg")
    assert answer.status_code == 200, answer.text
    head = s3.head_object(Bucket=bucket, Key="in/cat.jpg")
    assert (head["ContentLength"], head["ContentType"]) == (300_000, "image/jpeg")
    assert (head["Metadata"], head["StorageClass"]) == ({"who": "me"}, "STANDARD_IA")
    assert s3.get_object_tagging(Bucket=bucket, Key="in/cat.jpg")["TagSet"] == [{"Key": "a", "Value": "b c"}]


def test_201_answers_a_document(bucket, post):
    """success_action_status 201 tells where the object is."""
    answer = post("a b.txt", fields={"success_action_status": "201"})
    assert answer.status_code == 201
    told = {child.tag: child.text for child in ElementTree.fromstring(answer.text)}
    assert told["Bucket"] == bucket
    assert told["Key"] == "a b.txt"
    assert told["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert told["Location"] == answer.headers["Location"]
    assert told["Location"].endswith("a%20b.txt")


def test_redirect_names_what_was_stored(bucket, post):
    """success_action_redirect leads the browser on, telling bucket, key and entity tag."""
    answer = post("r", fields={"success_action_redirect": "http://example.com/done?x=1"})
    assert answer.status_code == 303
    etag = "%225d41402abc4b2a76b9719d911017c592%22"
    assert answer.headers["Location"] == f"http://example.com/done?x=1&bucket={bucket}&key=r&etag={etag}"


def test_sizes_and_fields_are_held_to_the_policy(s3, bucket, post):
    """What the policy doesn't allow is refused, and nothing of it is stored."""
    sizes = [["content-length-range", 2, 4]]
    assert "EntityTooLarge" in post("k", b"12345", conditions=sizes).text
    assert "EntityTooSmall" in post("k", b"1", conditions=sizes).text
    assert post("k", b"1", extra={"x-amz-meta-more": "1"}).status_code == 403
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_signature_must_hold(client, cloud, bucket, unique):
    """A form signed with a key that this cloud gave out, and then tampered with, is nobody's."""
    iam, user = client("iam"), unique("poster")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    signer = boto3.client(
        "s3",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(signature_version="s3v4"),
    )
    made = signer.generate_presigned_post(bucket, "k")
    assert requests.post(made["url"], data=made["fields"], files={"file": b"x"}, timeout=30).status_code == 204
    made["fields"]["x-amz-signature"] = "0" * 64
    answer = requests.post(made["url"], data=made["fields"], files={"file": b"x"}, timeout=30)
    assert answer.status_code == 403
    assert "SignatureDoesNotMatch" in answer.text


def test_unsigned_form_needs_the_buckets_leave(s3, bucket, cloud):
    """A form without a policy is anonymous: refused, until the bucket's policy lets everybody put."""

    def send():
        return requests.post(f"{cloud.url}/{bucket}", data={"key": "free"}, files={"file": b"x"}, timeout=30)

    assert send().status_code == 403
    s3.delete_public_access_block(Bucket=bucket)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert send().status_code == 204


def test_bucket_that_is_not_there(cloud, unique):
    """A form to no bucket is told so."""
    answer = requests.post(f"{cloud.url}/{unique('none')}", data={"key": "k"}, files={"file": b"x"}, timeout=30)
    assert answer.status_code == 404
    assert "NoSuchBucket" in answer.text


def test_encrypted_locked_and_granted(s3, unique, cloud, client):
    """What encrypts, locks and opens an object is said by fields too."""
    bucket = unique("forms")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
    key = base64.b64encode(b"k" * 32).decode()
    customer = "x-amz-server-side-encryption-customer-"
    fields = {
        f"{customer}algorithm": "AES256",
        f"{customer}key": key,
        f"{customer}key-md5": base64.b64encode(hashlib.md5(b"k" * 32).digest()).decode(),
        "x-amz-object-lock-mode": "GOVERNANCE",
        "x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z",
        "x-amz-object-lock-legal-hold": "ON",
        "x-amz-grant-read": 'uri="http://acs.amazonaws.com/groups/global/AuthenticatedUsers"',
    }
    s3.delete_public_access_block(Bucket=bucket)
    said = [{field: value} for field, value in fields.items()]
    made = s3.generate_presigned_post(bucket, "k", Fields=dict(fields), Conditions=said)
    answer = requests.post(made["url"], data=made["fields"], files={"file": b"secret"}, timeout=30)
    assert answer.status_code == 204, answer.text
    assert answer.headers[f"{customer}algorithm"] == "AES256"
    with pytest.raises(ClientError):
        s3.get_object(Bucket=bucket, Key="k")
    found = s3.get_object(Bucket=bucket, Key="k", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)
    assert found["Body"].read() == b"secret"
    assert found["ObjectLockMode"] == "GOVERNANCE"
    assert found["ObjectLockRetainUntilDate"].year == 2099
    assert found["ObjectLockLegalHoldStatus"] == "ON"
    grants = s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]
    assert "READ" in [grant["Permission"] for grant in grants]
