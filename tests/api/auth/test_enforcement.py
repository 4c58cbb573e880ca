"""Mode cloud has no holes: only who has a right gets in, with real clients against a cloud of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.running import RunningCloud

ACCOUNT = "000000000000"


class House:
    """A cloud in mode cloud, its root's clients, and the users that root makes."""

    def __init__(self, cloud: RunningCloud, key: str, secret: str) -> None:
        self.cloud = cloud
        self.root = lambda service: cloud.client(service, account=key, secret=secret)

    def user(self, name: str, *statements: dict[str, Any]) -> Callable[..., Any]:
        """client(service) of a new user with these statements as its policy."""
        iam = self.root("iam")
        iam.create_user(UserName=name)
        if statements:
            self.policy(name, *statements)
        made = iam.create_access_key(UserName=name)["AccessKey"]

        def client(service: str, **options: Any) -> Any:
            return self.cloud.client(service, account=made["AccessKeyId"], secret=made["SecretAccessKey"], **options)

        client.key = made["AccessKeyId"]  # type: ignore[attr-defined]
        return client

    def policy(self, name: str, *statements: dict[str, Any]) -> None:
        self.root("iam").put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    running = RunningCloud("--log-level", "warning", "--mode", "cloud")
    command = [sys.executable, "-m", "haneul", "init", "--data", str(running.data), "--json"]
    made = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    running.start()
    yield House(running, made["AccessKeyId"], made["SecretAccessKey"])
    running.close()


@pytest.fixture(scope="module")
def bucket(house: House) -> str:
    s3 = house.root("s3")
    s3.create_bucket(Bucket="guarded")
    s3.put_object(Bucket="guarded", Key="a/one", Body=b"one")
    s3.put_object(Bucket="guarded", Key="b/two", Body=b"two")
    return "guarded"


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


def test_keys_of_mode_dev_are_nobodys(house: House) -> None:
    """A key named test, a twelve-digit key and a made-up one are all unknown."""
    for key in ("test", "111111111111", "AKIAIOSFODNN7EXAMPLE"):
        for secret in ("test", key):
            assert refused(house.cloud.client("s3", account=key, secret=secret).list_buckets)[:2] == (
                "InvalidAccessKeyId",
                403,
            )
            sts = house.cloud.client("sts", account=key, secret=secret)
            assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)


def test_a_wrong_secret(house: House) -> None:
    """The right key id with another secret."""
    client = house.user("wrong")
    other = house.cloud.client("s3", account=client.key, secret="x" * 40)  # type: ignore[attr-defined]
    assert refused(other.list_buckets)[:2] == ("SignatureDoesNotMatch", 403)


def test_without_a_policy_nothing_goes(house: House, bucket: str) -> None:
    """A new user may only ask who it is; the denial says what lacks."""
    client = house.user("nobody")
    assert client("sts").get_caller_identity()["Arn"].endswith("user/nobody")
    code, status, message = refused(client("s3").get_object, Bucket=bucket, Key="a/one")
    assert (code, status) == ("AccessDenied", 403)
    assert message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/nobody is not authorized to perform: s3:GetObject on resource: "
        f'"arn:aws:s3:::{bucket}/a/one" because no identity-based policy allows the s3:GetObject action'
    )
    for service, call, code in (
        ("sqs", "list_queues", "AccessDenied"),
        ("iam", "list_users", "AccessDenied"),
        ("dynamodb", "list_tables", "AccessDeniedException"),
    ):
        assert refused(getattr(client(service), call))[0] == code


def test_rights_and_their_end(house: House, bucket: str) -> None:
    """A right holds for its actions and resources, and is gone by the next request once revoked."""
    client = house.user("reader", allow("s3:GetObject", f"arn:aws:s3:::{bucket}/a/*"))
    s3 = client("s3")
    assert s3.get_object(Bucket=bucket, Key="a/one")["Body"].read() == b"one"
    assert refused(s3.get_object, Bucket=bucket, Key="b/two")[0] == "AccessDenied"
    assert refused(s3.put_object, Bucket=bucket, Key="a/one", Body=b"x")[0] == "AccessDenied"
    assert refused(s3.list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    house.root("iam").delete_user_policy(UserName="reader", PolicyName="p")
    assert refused(s3.get_object, Bucket=bucket, Key="a/one")[0] == "AccessDenied"


def test_conditions_on_prefixes(house: House, bucket: str) -> None:
    """s3:prefix limits what may be listed."""
    only = {"Condition": {"StringLike": {"s3:prefix": "a/*"}}}
    s3 = house.user("lister", allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", **only))("s3")
    assert s3.list_objects_v2(Bucket=bucket, Prefix="a/")["KeyCount"] == 1
    assert refused(s3.list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    assert refused(s3.list_objects_v2, Bucket=bucket, Prefix="b/")[0] == "AccessDenied"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_end_with_the_right(house: House, bucket: str, version: str) -> None:
    """A URL is worth what its maker may do when it is used."""
    name = f"sharer-{version}"
    client = house.user(name, allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    s3 = client("s3", signature_version=version)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a/one"})
    assert requests.get(url, timeout=10).content == b"one"
    assert requests.get(url.replace("a/one", "b/two"), timeout=10).status_code == 403
    house.policy(name, allow("s3:ListBucket"))
    assert requests.get(url, timeout=10).status_code == 403
    house.policy(name, allow("s3:GetObject"))
    key = client.key  # type: ignore[attr-defined]
    house.root("iam").update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 403 and "InvalidAccessKeyId" in answer.text


def test_sessions(house: House, bucket: str) -> None:
    """A role's session has the role's rights cut by its session policy; an altered token has none."""
    root = house.root("iam")
    trust = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
    root.create_role(RoleName="reading", AssumeRolePolicyDocument=trust)
    root.put_role_policy(RoleName="reading", PolicyName="p", PolicyDocument=document(allow("s3:*")))
    arn = f"arn:aws:iam::{ACCOUNT}:role/reading"
    client = house.user("assumer", allow("sts:AssumeRole", arn))
    given = client("sts").assume_role(
        RoleArn=arn, RoleSessionName="session", Policy=document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/a/*"))
    )["Credentials"]

    def session(token: str | None = given["SessionToken"], secret: str = given["SecretAccessKey"]) -> Any:
        return house.cloud.client("s3", account=given["AccessKeyId"], secret=secret, token=token)

    assert session().get_object(Bucket=bucket, Key="a/one")["Body"].read() == b"one"
    message = refused(session().get_object, Bucket=bucket, Key="b/two")[2]
    assert message.endswith("because no session policy allows the s3:GetObject action")
    changed = given["SessionToken"][:-8] + "AAAAAAA="
    assert refused(session(changed).list_buckets)[:2] == ("InvalidToken", 400)
    assert refused(session(None).list_buckets)[0] == "InvalidAccessKeyId"
    assert refused(session(secret="x" * 40).list_buckets)[0] == "SignatureDoesNotMatch"
    stranger = house.user("stranger")
    assert refused(stranger("sts").assume_role, RoleArn=arn, RoleSessionName="session")[0] == "AccessDenied"
    root.delete_role_policy(RoleName="reading", PolicyName="p")
    assert refused(session().get_object, Bucket=bucket, Key="a/one")[0] == "AccessDenied"


def test_what_the_bucket_says(house: House, bucket: str) -> None:
    """A bucket policy grants and denies beside the users' own policies, and alone opens to the public."""
    client = house.user("guest")
    s3, root = client("s3"), house.root("s3")
    url = f"{house.cloud.url}/{bucket}/a/one"
    assert requests.get(url, timeout=10).status_code == 403
    root.delete_public_access_block(Bucket=bucket)
    mine = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/guest"}}
    root.put_bucket_policy(Bucket=bucket, Policy=document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/a/*", **mine)))
    assert s3.get_object(Bucket=bucket, Key="a/one")["Body"].read() == b"one"
    assert refused(s3.get_object, Bucket=bucket, Key="b/two")[0] == "AccessDenied"
    public = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/a/*", Principal="*")
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*", **mine}
    root.put_bucket_policy(Bucket=bucket, Policy=document(public, deny))
    assert requests.get(url, timeout=10).content == b"one"
    assert requests.get(url.replace("a/one", "b/two"), timeout=10).status_code == 403
    message = refused(s3.get_object, Bucket=bucket, Key="a/one")[2]
    assert message.endswith("with an explicit deny in a resource-based policy")
    root.delete_bucket_policy(Bucket=bucket)
    assert requests.get(url, timeout=10).status_code == 403


def test_unsigned_requests_are_refused_everywhere(house: House) -> None:
    """No service answers without a signature, but for the health page."""
    url = house.cloud.url
    assert requests.get(f"{url}/_haneul/health", timeout=10).status_code == 200
    assert requests.get(f"{url}/", timeout=10).status_code == 403
    form = {"content-type": "application/x-www-form-urlencoded"}
    for action in ("Action=GetCallerIdentity&Version=2011-06-15", "Action=ListUsers&Version=2010-05-08"):
        answer = requests.post(url, data=action, headers=form, timeout=10)
        assert answer.status_code == 403 and "MissingAuthenticationToken" in answer.text
    for target, status in (("DynamoDB_20120810.ListTables", 400), ("AmazonSQS.ListQueues", 403)):
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.0"}
        answer = requests.post(url, data="{}", headers=headers, timeout=10)
        assert answer.status_code == status and "MissingAuthenticationToken" in answer.text


def test_a_signature_is_for_its_own_service(house: House) -> None:
    """A request signed for SQS can't be sent to DynamoDB."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    client = house.root("sqs")
    headers = {"x-amz-target": "DynamoDB_20120810.ListTables", "content-type": "application/x-amz-json-1.0"}
    request = AWSRequest("POST", house.cloud.url + "/", data=b"{}", headers=headers)
    SigV4Auth(client._request_signer._credentials, "sqs", "us-east-1").add_auth(request)
    answer = requests.post(request.url, data=b"{}", headers=dict(request.headers), timeout=10)
    assert answer.status_code == 400 and "Credential should be scoped to correct service" in answer.text
