"""Keys through boto3: lives of keys, aliases, grants, policies, rotation, import, regions."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding


@pytest.fixture
def kms(client):
    return client("kms")


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def make(kms, **options) -> str:
    return kms.create_key(**options)["KeyMetadata"]["KeyId"]


def test_a_new_key_is_awss(kms) -> None:
    """Terraform compares the metadata of a key with what it asked for."""
    key = kms.create_key(Description="x", Tags=[{"TagKey": "a", "TagValue": "1"}])["KeyMetadata"]
    assert key["Arn"] == f"arn:aws:kms:us-east-1:000000000000:key/{key['KeyId']}"
    assert (key["KeySpec"], key["KeyUsage"], key["KeyState"]) == ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "Enabled")
    assert (key["KeyManager"], key["Origin"], key["MultiRegion"]) == ("CUSTOMER", "AWS_KMS", False)
    assert key["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]
    assert kms.describe_key(KeyId=key["Arn"])["KeyMetadata"]["Description"] == "x"
    policy = json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::000000000000:root"}
    assert kms.list_resource_tags(KeyId=key["KeyId"])["Tags"] == [{"TagKey": "a", "TagValue": "1"}]
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is False


def test_unknown_keys_are_told_apart(kms) -> None:
    """Three forms of names, three messages."""
    for name, message in (
        ("0" * 8 + "-0000-0000-0000-" + "0" * 12, "Key 'arn:aws:kms:us-east-1:000000000000:key/"),
        ("alias/none", "Alias arn:aws:kms:us-east-1:000000000000:alias/none is not found."),
        ("bogus", "Invalid keyId 'bogus'"),
    ):
        with pytest.raises(kms.exceptions.NotFoundException) as error:
            kms.describe_key(KeyId=name)
        assert error.value.response["Error"]["Message"].startswith(message)


def test_states_gate_use(kms) -> None:
    """Disabled and doomed keys refuse, each in its own words."""
    key = make(kms)
    kms.disable_key(KeyId=key)
    with pytest.raises(kms.exceptions.DisabledException):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.enable_key(KeyId=key)
    doomed = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert doomed["KeyState"] == "PendingDeletion"
    assert 6.9 * 86400 < doomed["DeletionDate"].timestamp() - time.time() < 7.1 * 86400
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.cancel_key_deletion(KeyId=key)


def test_encryption_holds_its_context(kms) -> None:
    """The context is authenticated; the ciphertext names its key."""
    key = make(kms)
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext={"a": "1"})["CiphertextBlob"]
    plain = kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "1"})
    assert (plain["Plaintext"], plain["EncryptionAlgorithm"]) == (b"secret", "SYMMETRIC_DEFAULT")
    for context in ({}, {"a": "2"}):
        with pytest.raises(kms.exceptions.InvalidCiphertextException):
            kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    with pytest.raises(kms.exceptions.IncorrectKeyException):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "1"}, KeyId=make(kms))
    other = make(kms)
    moved = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"a": "1"}, DestinationKeyId=other)
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=other)["Plaintext"] == b"secret"
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=b"garbage")
    with pytest.raises(kms.exceptions.ClientError, match="ValidationException"):
        kms.re_encrypt(DestinationKeyId=other)


def test_data_keys(kms) -> None:
    """What comes in the clear is what its ciphertext opens to."""
    key = make(kms)
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert len(made["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
    assert "Plaintext" not in kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=10)
    for wrong in ({}, {"KeySpec": "AES_128", "NumberOfBytes": 16}):
        with pytest.raises(ClientError) as error:
            kms.generate_data_key(KeyId=key, **wrong)
        assert code_of(error) == "ValidationException"
    pair = kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"] == pair["PrivateKeyPlaintext"]
    private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
    assert private.public_key() == serialization.load_der_public_key(pair["PublicKey"])
    assert len(kms.generate_random(NumberOfBytes=99)["Plaintext"]) == 99


def test_signatures_verify_outside(kms) -> None:
    """The public key alone is enough to check what KMS signed."""
    key = make(kms, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    signed = kms.sign(KeyId=key, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    public.verify(signed, b"m", ec.ECDSA(hashes.SHA256()))
    assert kms.verify(KeyId=key, Message=b"m", Signature=signed, SigningAlgorithm="ECDSA_SHA_256")["SignatureValid"]
    with pytest.raises(kms.exceptions.KMSInvalidSignatureException):
        kms.verify(KeyId=key, Message=b"n", Signature=signed, SigningAlgorithm="ECDSA_SHA_256")
    with pytest.raises(kms.exceptions.InvalidKeyUsageException):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    with pytest.raises(ClientError) as error:
        kms.sign(KeyId=key, Message=b"m", MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")
    assert code_of(error) == "ValidationException"


def test_rsa_signs_and_encrypts(kms) -> None:
    """RSA keys do one or the other."""
    signer = make(kms, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    for algorithm, scheme in (
        ("RSASSA_PKCS1_V1_5_SHA_256", padding.PKCS1v15()),
        ("RSASSA_PSS_SHA_256", padding.PSS(padding.MGF1(hashes.SHA256()), 32)),
    ):
        signed = kms.sign(KeyId=signer, Message=b"m", SigningAlgorithm=algorithm)["Signature"]
        public = serialization.load_der_public_key(kms.get_public_key(KeyId=signer)["PublicKey"])
        public.verify(signed, b"m", scheme, hashes.SHA256())
    closer = make(kms, KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=closer)["PublicKey"])
    blob = public.encrypt(b"x", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    assert kms.decrypt(KeyId=closer, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256")["Plaintext"] == b"x"


def test_macs_and_agreement(kms) -> None:
    """HMAC keys vouch for messages; two keys agree on one secret."""
    key = make(kms, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    mac = kms.generate_mac(KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert kms.verify_mac(KeyId=key, Message=b"m", Mac=mac, MacAlgorithm="HMAC_SHA_256")["MacValid"]
    with pytest.raises(kms.exceptions.KMSInvalidMacException):
        kms.verify_mac(KeyId=key, Message=b"x", Mac=mac, MacAlgorithm="HMAC_SHA_256")
    one, two = (make(kms, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT") for _ in range(2))
    secrets = [
        kms.derive_shared_secret(
            KeyId=mine, KeyAgreementAlgorithm="ECDH", PublicKey=kms.get_public_key(KeyId=theirs)["PublicKey"]
        )["SharedSecret"]
        for mine, theirs in ((one, two), (two, one))
    ]
    assert secrets[0] == secrets[1]


def test_predefined_aliases(client) -> None:
    """Those of AWS's services are listed from the start; the key comes with the first use, by whoever names it."""
    kms = client("kms", region="eu-north-1")

    def target() -> str | None:
        (one,) = [one for one in kms.list_aliases()["Aliases"] if one["AliasName"] == "alias/aws/xray"]
        return one.get("TargetKeyId")

    assert target() is None
    assert kms.describe_key(KeyId="alias/aws/xray")["KeyMetadata"]["KeyId"] == target()


def test_aliases(kms, unique) -> None:
    """An alias stands for its key wherever a key is named."""
    one, two = make(kms), make(kms)
    name = "alias/" + unique("a")
    kms.create_alias(AliasName=name, TargetKeyId=one)
    with pytest.raises(kms.exceptions.AlreadyExistsException):
        kms.create_alias(AliasName=name, TargetKeyId=two)
    blob = kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
    kms.update_alias(AliasName=name, TargetKeyId=two)
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == two
    assert kms.decrypt(CiphertextBlob=blob)["KeyId"].endswith(one)
    assert [alias["AliasName"] for alias in kms.list_aliases(KeyId=two)["Aliases"]] == [name]
    kms.delete_alias(AliasName=name)
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.delete_alias(AliasName=name)
    with pytest.raises(ClientError, match="alias/my:own contains invalid characters for an alias"):
        kms.create_alias(AliasName="alias/my:own", TargetKeyId=one)
    for wrong in ("noprefix", "alias/aws/mine"):
        with pytest.raises(ClientError):
            kms.create_alias(AliasName=wrong, TargetKeyId=one)


def test_managed_keys_come_by_themselves(kms) -> None:
    """alias/aws/s3 is there as soon as somebody names it, and stays the same."""
    key = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    assert kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"] == key["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is True


def test_rotation_keeps_the_old(kms) -> None:
    """New material for new ciphertexts; what the old closed still opens."""
    key = make(kms)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    before = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    kms.rotate_key_on_demand(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] != before
    assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == before
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [rotation["RotationType"] for rotation in rotations] == ["ON_DEMAND"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
    status = kms.get_key_rotation_status(KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 100)
    kms.disable_key_rotation(KeyId=key)
    signer = make(kms, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    with pytest.raises(kms.exceptions.UnsupportedOperationException):
        kms.enable_key_rotation(KeyId=signer)


def test_grants(kms) -> None:
    """Grants are listed, found by their token, and retired or revoked."""
    key = make(kms)
    who = "arn:aws:iam::000000000000:role/x"
    grant = kms.create_grant(KeyId=key, GranteePrincipal=who, RetiringPrincipal=who, Operations=["Encrypt"], Name="n")
    again = kms.create_grant(KeyId=key, GranteePrincipal=who, RetiringPrincipal=who, Operations=["Encrypt"], Name="n")
    assert grant["GrantId"] == again["GrantId"]
    assert kms.list_grants(KeyId=key)["Grants"][0]["GranteePrincipal"] == who
    assert grant["GrantId"] in [g["GrantId"] for g in kms.list_retirable_grants(RetiringPrincipal=who)["Grants"]]
    kms.retire_grant(GrantToken=grant["GrantToken"])
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.revoke_grant(KeyId=key, GrantId=grant["GrantId"])


def test_imported_material(kms) -> None:
    """Material wrapped outside is the key's; deleted, it may come back, and no other."""
    key = make(kms, Origin="EXTERNAL")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.encrypt(KeyId=key, Plaintext=b"x")

    def bring(material: bytes) -> None:
        got = kms.get_parameters_for_import(
            KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
        )
        public = serialization.load_der_public_key(got["PublicKey"])
        wrapped = public.encrypt(material, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        kms.import_key_material(
            KeyId=key,
            ImportToken=got["ImportToken"],
            EncryptedKeyMaterial=wrapped,
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )

    bring(b"k" * 32)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key)
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.decrypt(CiphertextBlob=blob)
    with pytest.raises(kms.exceptions.IncorrectKeyMaterialException):
        bring(b"l" * 32)
    bring(b"k" * 32)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_multi_region_keys(kms, client) -> None:
    """A ciphertext made in one region opens in another."""
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]
    assert key["KeyId"].startswith("mrk-")
    replica = kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-west-1")["ReplicaKeyMetadata"]
    assert replica["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    there = client("kms", region="eu-west-1")
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    kms.update_primary_region(KeyId=key["KeyId"], PrimaryRegion="eu-west-1")
    moved = there.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["MultiRegionConfiguration"]
    assert moved["MultiRegionKeyType"] == "PRIMARY"


def test_material_is_sealed_at_rest(fresh_cloud) -> None:
    """Everything survives a kill, and nothing of the material lies in the clear."""
    cloud = fresh_cloud()
    kms = cloud.client("kms")
    key = make(kms)
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    cloud.kill()
    cloud.start()
    kms = cloud.client("kms")
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


def test_grants_let_in_whom_policies_do_not(fresh_cloud) -> None:
    """Where IAM is enforced, a grant alone is enough, and only for what it names."""
    cloud = fresh_cloud("--enforce-iam")
    kms, iam = cloud.client("kms"), cloud.client("iam")
    arn = iam.create_user(UserName="u")["User"]["Arn"]
    secret = iam.create_access_key(UserName="u")["AccessKey"]
    user = cloud.client("kms", account=secret["AccessKeyId"], secret=secret["SecretAccessKey"])
    key = make(kms)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    with pytest.raises(ClientError):
        user.decrypt(CiphertextBlob=blob)
    grant = kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Decrypt"])["GrantId"]
    assert user.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    with pytest.raises(ClientError):
        user.encrypt(KeyId=key, Plaintext=b"x")
    kms.revoke_grant(KeyId=key, GrantId=grant)
    with pytest.raises(ClientError):
        user.decrypt(CiphertextBlob=blob)


def test_keys_that_quantum_computers_do_not_break(kms) -> None:
    """ML-KEM shares a secret, ML-DSA signs."""
    key = make(kms, KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE")
    made = kms.encapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM")
    opened = kms.decapsulate(
        KeyId=key, EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=made["SharedSecretCiphertextBlob"]
    )
    assert opened["SharedSecret"] == made["SharedSecret"]
    signer = make(kms, KeySpec="ML_DSA_44", KeyUsage="SIGN_VERIFY")
    signed = kms.sign(KeyId=signer, Message=b"m", SigningAlgorithm="ML_DSA_SHAKE_256")["Signature"]
    assert kms.verify(KeyId=signer, Message=b"m", Signature=signed, SigningAlgorithm="ML_DSA_SHAKE_256")[
        "SignatureValid"
    ]
    assert kms.describe_custom_key_stores()["CustomKeyStores"] == []
