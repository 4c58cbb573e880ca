"""Vaults, their tags, policies, locks and notifications, through boto3."""

import json

import pytest
from botocore.exceptions import ClientError

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "glacier:DeleteArchive", "Resource": "*"}],
    }
)


@pytest.fixture
def glacier(client):
    return client("glacier")


@pytest.fixture
def vault(glacier, unique):
    name = unique("vault")
    glacier.create_vault(vaultName=name)
    return name


def code(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


def test_a_vault_lives_and_ends(glacier, vault):
    """Create is idempotent, describe tells the ARN, delete is final."""
    assert glacier.create_vault(vaultName=vault)["location"] == f"/000000000000/vaults/{vault}"
    described = glacier.describe_vault(vaultName=vault)
    assert described["VaultARN"] == f"arn:aws:glacier:us-east-1:000000000000:vaults/{vault}"
    assert described["NumberOfArchives"] == 0
    assert described["SizeInBytes"] == 0
    assert described["CreationDate"].endswith("Z")
    assert vault in [row["VaultName"] for row in glacier.list_vaults()["VaultList"]]
    glacier.delete_vault(vaultName=vault)
    assert code(glacier.describe_vault, vaultName=vault) == "ResourceNotFoundException"


def test_accounts_and_regions_are_apart(client, glacier, vault):
    """A vault is seen by its own account in its own region alone."""
    for other in (client("glacier", account="222222222222"), client("glacier", region="eu-west-1")):
        assert code(other.describe_vault, vaultName=vault) == "ResourceNotFoundException"
    assert code(glacier.describe_vault, accountId="222222222222", vaultName=vault) == "AccessDeniedException"


def test_bad_names_are_refused(glacier):
    """AWS allows letters, digits, _ . and - only."""
    assert code(glacier.create_vault, vaultName="with space") == "InvalidParameterValueException"


def test_listing_goes_page_by_page(client, unique):
    """The marker leads through all vaults exactly once."""
    own = client("glacier", account="333333333333")
    names = sorted(unique("page") for _ in range(5))
    for name in names:
        own.create_vault(vaultName=name)
    found, marker = [], None
    while True:
        page = own.list_vaults(limit="2", **({"marker": marker} if marker else {}))
        found += [row["VaultName"] for row in page["VaultList"]]
        marker = page.get("Marker")
        if marker is None:
            break
    assert found == names


def test_tags(glacier, vault):
    """Tags are added, replaced, removed; over 50 is refused."""
    glacier.add_tags_to_vault(vaultName=vault, Tags={"a": "1", "b": "2"})
    glacier.add_tags_to_vault(vaultName=vault, Tags={"b": "3"})
    glacier.remove_tags_from_vault(vaultName=vault, TagKeys=["a", "never"])
    assert glacier.list_tags_for_vault(vaultName=vault)["Tags"] == {"b": "3"}
    many = {f"k{i}": "v" for i in range(50)}
    assert code(glacier.add_tags_to_vault, vaultName=vault, Tags=many) == "LimitExceededException"


def test_access_policy(glacier, vault):
    """A policy is kept to the letter, refused when it is none, and gone when deleted."""
    assert code(glacier.get_vault_access_policy, vaultName=vault) == "ResourceNotFoundException"
    glacier.set_vault_access_policy(vaultName=vault, policy={"Policy": POLICY})
    assert glacier.get_vault_access_policy(vaultName=vault)["policy"]["Policy"] == POLICY
    bad = {"Policy": "{"}
    assert code(glacier.set_vault_access_policy, vaultName=vault, policy=bad) == "InvalidParameterValueException"
    glacier.delete_vault_access_policy(vaultName=vault)
    assert code(glacier.get_vault_access_policy, vaultName=vault) == "ResourceNotFoundException"


def test_a_lock_holds(glacier, vault):
    """A completed vault lock denies what it says, to the owner too, and can't be aborted."""
    lock = glacier.initiate_vault_lock(vaultName=vault, policy={"Policy": POLICY})["lockId"]
    assert glacier.get_vault_lock(vaultName=vault)["State"] == "InProgress"
    assert code(glacier.complete_vault_lock, vaultName=vault, lockId="wrong") == "InvalidParameterValueException"
    glacier.complete_vault_lock(vaultName=vault, lockId=lock)
    assert glacier.get_vault_lock(vaultName=vault)["State"] == "Locked"
    assert code(glacier.abort_vault_lock, vaultName=vault) == "InvalidParameterValueException"
    archive = glacier.upload_archive(vaultName=vault, body=b"kept")["archiveId"]
    assert code(glacier.delete_archive, vaultName=vault, archiveId=archive) == "AccessDeniedException"


def test_notifications(glacier, vault):
    """A topic and events, or a clear refusal."""
    assert code(glacier.get_vault_notifications, vaultName=vault) == "ResourceNotFoundException"
    settings = {"SNSTopic": "arn:aws:sns:us-east-1:000000000000:t", "Events": ["ArchiveRetrievalCompleted"]}
    glacier.set_vault_notifications(vaultName=vault, vaultNotificationConfig=settings)
    assert glacier.get_vault_notifications(vaultName=vault)["vaultNotificationConfig"] == settings
    wrong = {**settings, "Events": ["Nonsense"]}
    refused = code(glacier.set_vault_notifications, vaultName=vault, vaultNotificationConfig=wrong)
    assert refused == "InvalidParameterValueException"
    glacier.delete_vault_notifications(vaultName=vault)
    assert code(glacier.get_vault_notifications, vaultName=vault) == "ResourceNotFoundException"
