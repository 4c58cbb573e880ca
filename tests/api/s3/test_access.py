"""Who may: ACLs, bucket policies, ownership, public access block, with anonymous and foreign callers."""

import json

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

OTHER = "111111111111"
EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def other(client):
    return client("s3", account=OTHER)


@pytest.fixture
def anonymous(cloud):
    return boto3.client(
        "s3", endpoint_url=cloud.url, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )


@pytest.fixture
def private(s3, unique):
    """A bucket as AWS makes them now."""
    name = unique("private")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def opened(s3, unique):
    """A bucket whose ACLs count and whose public access block is off."""
    name = unique("opened")
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=name)
    return name


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


def test_a_new_bucket_is_its_owners(s3, other, anonymous, private):
    """Private by default: nobody else reads, lists or writes."""
    s3.put_object(Bucket=private, Key="k", Body=b"x")
    for caller in (other, anonymous):
        assert refused(caller.get_object, Bucket=private, Key="k") == "AccessDenied"
        assert refused(caller.list_objects_v2, Bucket=private) == "AccessDenied"
        assert refused(caller.put_object, Bucket=private, Key="n", Body=b"x") == "AccessDenied"
        assert refused(caller.get_bucket_acl, Bucket=private) == "AccessDenied"


def test_acls_are_off_by_default(s3, private):
    """BucketOwnerEnforced refuses lists that say more than the owner's control."""
    assert refused(s3.put_bucket_acl, Bucket=private, ACL="public-read") == "AccessControlListNotSupported"
    assert refused(s3.put_object, Bucket=private, Key="k", ACL="public-read") == "AccessControlListNotSupported"
    s3.put_object(Bucket=private, Key="k", ACL="bucket-owner-full-control")
    grants = s3.get_bucket_acl(Bucket=private)["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]


def test_public_read(s3, anonymous, other, opened):
    """public-read on the bucket lists, on the object reads; neither writes."""
    s3.put_bucket_acl(Bucket=opened, ACL="public-read")
    s3.put_object(Bucket=opened, Key="open", Body=b"1", ACL="public-read")
    s3.put_object(Bucket=opened, Key="shut", Body=b"2")
    assert [row["Key"] for row in anonymous.list_objects_v2(Bucket=opened)["Contents"]] == ["open", "shut"]
    assert anonymous.get_object(Bucket=opened, Key="open")["Body"].read() == b"1"
    assert refused(anonymous.get_object, Bucket=opened, Key="shut") == "AccessDenied"
    assert refused(other.put_object, Bucket=opened, Key="n", Body=b"") == "AccessDenied"


def test_authenticated_read_wants_a_signature(s3, anonymous, other, opened):
    """AuthenticatedUsers are all accounts, not everybody."""
    s3.put_object(Bucket=opened, Key="k", Body=b"1", ACL="authenticated-read")
    assert other.get_object(Bucket=opened, Key="k")["Body"].read() == b"1"
    assert refused(anonymous.get_object, Bucket=opened, Key="k") == "AccessDenied"


def test_a_grant_by_id(s3, other, opened):
    """READ_ACP and READ are apart; an unknown id is refused."""
    own = s3.list_buckets()["Owner"]["ID"]
    theirs = other.list_buckets()["Owner"]["ID"]
    assert own != theirs
    s3.put_object(Bucket=opened, Key="k", Body=b"1", GrantReadACP=f"id={theirs}")
    assert refused(other.get_object, Bucket=opened, Key="k") == "AccessDenied"
    assert other.get_object_acl(Bucket=opened, Key="k")["Grants"][0]["Grantee"]["ID"] == theirs
    assert refused(s3.put_object_acl, Bucket=opened, Key="k", GrantRead="id=nobody") == "InvalidArgument"
    mail = "emailaddress=nobody@example.com"
    assert refused(s3.put_object_acl, Bucket=opened, Key="k", GrantRead=mail) == "UnresolvableGrantByEmailAddress"


def test_a_document(s3, other, opened):
    """An AccessControlPolicy is kept as given; one of another owner is refused."""
    document = s3.get_bucket_acl(Bucket=opened)
    theirs = other.list_buckets()["Owner"]["ID"]
    document.pop("ResponseMetadata")
    document["Grants"].append({"Grantee": {"Type": "CanonicalUser", "ID": theirs}, "Permission": "WRITE"})
    s3.put_bucket_acl(Bucket=opened, AccessControlPolicy=document)
    assert len(s3.get_bucket_acl(Bucket=opened)["Grants"]) == 2
    other.put_object(Bucket=opened, Key="theirs", Body=b"x")
    foreign = {**document, "Owner": {"ID": theirs}}
    assert refused(s3.put_bucket_acl, Bucket=opened, AccessControlPolicy=foreign) == "AccessDenied"


def test_who_writes_owns(s3, other, opened):
    """ObjectWriter: the bucket's owner can't read what another account put there, until it hands it over."""
    s3.put_bucket_acl(Bucket=opened, ACL="public-read-write")
    other.put_object(Bucket=opened, Key="k", Body=b"x")
    assert refused(s3.get_object, Bucket=opened, Key="k") == "AccessDenied"
    other.put_object_acl(Bucket=opened, Key="k", ACL="bucket-owner-full-control")
    assert s3.get_object(Bucket=opened, Key="k")["Body"].read() == b"x"


def test_blocks(s3, anonymous, private):
    """Each of the four switches does what it says."""
    s3.put_bucket_ownership_controls(Bucket=private, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    assert refused(s3.put_bucket_acl, Bucket=private, ACL="public-read") == "AccessDenied"
    s3.put_public_access_block(Bucket=private, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    s3.put_bucket_acl(Bucket=private, ACL="public-read")
    anonymous.list_objects_v2(Bucket=private)
    s3.put_public_access_block(Bucket=private, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert refused(anonymous.list_objects_v2, Bucket=private) == "AccessDenied"
    s3.put_public_access_block(Bucket=private, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    assert refused(s3.put_bucket_policy, Bucket=private, Policy=policy(private)) == "AccessDenied"
    s3.delete_public_access_block(Bucket=private)
    assert refused(s3.get_public_access_block, Bucket=private) == "NoSuchPublicAccessBlockConfiguration"


def policy(bucket, action="s3:GetObject", principal="*", effect="Allow", resource="/*", **more):
    statement = {
        "Effect": effect,
        "Principal": principal,
        "Action": action,
        "Resource": f"arn:aws:s3:::{bucket}{resource}",
        **more,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_public_policy(s3, anonymous, opened):
    """Everybody reads what a policy opens, and the status tells."""
    s3.put_object(Bucket=opened, Key="k", Body=b"1")
    assert refused(s3.get_bucket_policy, Bucket=opened) == "NoSuchBucketPolicy"
    text = policy(opened)
    s3.put_bucket_policy(Bucket=opened, Policy=text)
    assert json.loads(s3.get_bucket_policy(Bucket=opened)["Policy"]) == json.loads(text)
    assert s3.get_bucket_policy_status(Bucket=opened)["PolicyStatus"]["IsPublic"] is True
    assert anonymous.get_object(Bucket=opened, Key="k")["Body"].read() == b"1"
    assert refused(anonymous.list_objects_v2, Bucket=opened) == "AccessDenied"
    s3.delete_bucket_policy(Bucket=opened)
    assert refused(anonymous.get_object, Bucket=opened, Key="k") == "AccessDenied"


def test_a_grant_to_an_account(s3, other, private):
    """A policy for one account isn't public, and holds for that account."""
    principal = {"AWS": f"arn:aws:iam::{OTHER}:root"}
    s3.put_bucket_policy(Bucket=private, Policy=policy(private, "s3:*", principal))
    assert s3.get_bucket_policy_status(Bucket=private)["PolicyStatus"]["IsPublic"] is False
    other.put_object(Bucket=private, Key="k", Body=b"x")
    assert other.get_object(Bucket=private, Key="k")["Body"].read() == b"x"
    assert refused(other.list_objects_v2, Bucket=private) == "AccessDenied"


def test_a_denial_holds_for_the_owner(s3, private):
    """An explicit denial denies the owner too, but never the way back."""
    s3.put_object(Bucket=private, Key="k", Body=b"x")
    text = policy(private, "s3:GetObject", effect="Deny")
    s3.put_bucket_policy(Bucket=private, Policy=text)
    assert refused(s3.get_object, Bucket=private, Key="k") == "AccessDenied"
    s3.put_bucket_policy(Bucket=private, Policy=policy(private, "s3:*", effect="Deny"))
    s3.delete_bucket_policy(Bucket=private)
    s3.get_object(Bucket=private, Key="k")


def test_conditions(s3, anonymous, opened):
    """A condition on a prefix and on an existing tag decides."""
    s3.put_object(Bucket=opened, Key="pub/a", Body=b"1", Tagging="open=yes")
    s3.put_object(Bucket=opened, Key="pub/b", Body=b"1")
    tagged = policy(opened, Condition={"StringEquals": {"s3:ExistingObjectTag/open": "yes"}})
    s3.put_bucket_policy(Bucket=opened, Policy=tagged)
    anonymous.get_object(Bucket=opened, Key="pub/a")
    assert refused(anonymous.get_object, Bucket=opened, Key="pub/b") == "AccessDenied"
    listing = policy(opened, "s3:ListBucket", resource="", Condition={"StringLike": {"s3:prefix": "pub/*"}})
    s3.put_bucket_policy(Bucket=opened, Policy=listing)
    assert anonymous.list_objects_v2(Bucket=opened, Prefix="pub/")["KeyCount"] == 2
    assert refused(anonymous.list_objects_v2, Bucket=opened) == "AccessDenied"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        json.dumps({"Version": "2012-10-17", "Statement": []}),
        json.dumps({"Version": "1999", "Statement": [{}]}),
        policy("another-bucket"),
    ],
)
def test_malformed_policies(s3, private, text):
    """What is no policy, or about another bucket, is refused."""
    assert refused(s3.put_bucket_policy, Bucket=private, Policy=text) == "MalformedPolicy"


def test_requester_pays(s3, other, anonymous, opened):
    """Whoever isn't the owner must say that they pay, and anonymous callers can't."""
    s3.put_object(Bucket=opened, Key="k", Body=b"1")
    s3.put_bucket_policy(Bucket=opened, Policy=policy(opened))
    s3.put_bucket_request_payment(Bucket=opened, RequestPaymentConfiguration={"Payer": "Requester"})
    assert refused(other.get_object, Bucket=opened, Key="k") == "AccessDenied"
    assert refused(anonymous.get_object, Bucket=opened, Key="k", RequestPayer="requester") == "AccessDenied"
    paid = other.get_object(Bucket=opened, Key="k", RequestPayer="requester")
    assert paid["Body"].read() == b"1"
    assert paid["RequestCharged"] == "requester"
    assert "RequestCharged" not in s3.get_object(Bucket=opened, Key="k")
    s3.put_bucket_request_payment(Bucket=opened, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    other.get_object(Bucket=opened, Key="k")


def test_conditions_on_entity_tags_need_the_right_to_read(s3, other, private):
    """Who may write and delete, but not read, can't find out by If-Match what is there."""

    def let(*actions: str) -> None:
        resource = f"arn:aws:s3:::{private}/*"
        allow = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": list(actions), "Resource": resource}
        s3.put_bucket_policy(Bucket=private, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))

    etag = s3.put_object(Bucket=private, Key="k", Body=b"x")["ETag"]
    let("s3:PutObject", "s3:DeleteObject")
    for call, members in ((other.put_object, {"Body": b"y"}), (other.delete_object, {})):
        assert refused(call, Bucket=private, Key="k", IfMatch=etag, **members) == "AccessDenied"
    told = other.delete_objects(Bucket=private, Delete={"Objects": [{"Key": "k", "ETag": etag}]})
    assert [one["Code"] for one in told["Errors"]] == ["AccessDenied"]
    let("s3:PutObject", "s3:DeleteObject", "s3:GetObject")
    etag = other.put_object(Bucket=private, Key="k", Body=b"y", IfMatch=etag)["ETag"]
    other.delete_object(Bucket=private, Key="k", IfMatch=etag)
