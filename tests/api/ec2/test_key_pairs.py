"""Key pairs: what AWS answers, and keys that OpenSSH's and PuTTY's own readers take."""

import base64
import hashlib

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.api.ec2.conftest import code_of

_RAW = serialization.Encoding.DER
_LINE = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)


@pytest.mark.parametrize(("kind", "head"), [("rsa", "-----BEGIN RSA PRIVATE"), ("ed25519", "-----BEGIN OPENSSH")])
def test_made_keys_open_what_they_lock(ec2, kind, head):
    """The private key that is told belongs to the public one that instances get; its fingerprint is as ssh-keygen's."""
    made = ec2.create_key_pair(KeyName="mine", KeyType=kind)
    assert made["KeyMaterial"].startswith(head)
    load = serialization.load_ssh_private_key if kind == "ed25519" else serialization.load_pem_private_key
    key = load(made["KeyMaterial"].encode(), None)
    (shown,) = ec2.describe_key_pairs(KeyNames=["mine"], IncludePublicKey=True)["KeyPairs"]
    line = key.public_key().public_bytes(*_LINE).decode()
    assert shown["PublicKey"] == f"{line} mine\n"
    if kind == "rsa":
        der = key.private_bytes(_RAW, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        want = hashlib.sha1(der).hexdigest()
        assert shown["KeyFingerprint"].replace(":", "") == want
        assert len(made["KeyFingerprint"]) == 59
    else:
        want = base64.b64encode(hashlib.sha256(base64.b64decode(line.split()[1])).digest()).decode()
        assert shown["KeyFingerprint"] == made["KeyFingerprint"] == want


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_putty_reads_its_format(ec2, kind):
    """The file's parts are where PuTTY looks for them, and its checksum holds."""
    text = ec2.create_key_pair(KeyName="windows", KeyType=kind, KeyFormat="ppk")["KeyMaterial"]
    lines = text.split("\r\n")
    assert lines[0].startswith("PuTTY-User-Key-File-2: ssh-")
    assert lines[1:3] == ["Encryption: none", "Comment: windows"]
    count = int(lines[3].removeprefix("Public-Lines: "))
    blob = base64.b64decode("".join(lines[4 : 4 + count]))
    (shown,) = ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]
    assert base64.b64encode(blob).decode() == shown["PublicKey"].split()[1]
    assert lines[-2].startswith("Private-MAC: ")


def test_imported_keys_of_every_form(ec2):
    """OpenSSH's line, PEM and base64 of DER are the same key; RSA's fingerprint is MD5's over DER, as with AWS."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    der = key.public_bytes(_RAW, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    line = key.public_bytes(*_LINE)
    forms = {"a": line + b" me@home", "b": pem, "c": base64.b64encode(der)}
    prints = {ec2.import_key_pair(KeyName=name, PublicKeyMaterial=one)["KeyFingerprint"] for name, one in forms.items()}
    assert [one.replace(":", "") for one in prints] == [hashlib.md5(der).hexdigest()]
    other = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(*_LINE)
    assert ec2.import_key_pair(KeyName="d", PublicKeyMaterial=other)["KeyPairId"].startswith("key-")
    assert [one["KeyType"] for one in ec2.describe_key_pairs()["KeyPairs"]] == ["rsa", "rsa", "rsa", "ed25519"]


def test_what_is_no_key_is_refused(ec2):
    """AWS takes RSA and ED25519 only, and a name once."""
    curve = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*_LINE)
    for material in (b"ssh-rsa nonsense", b"", curve, b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"):
        with pytest.raises(ClientError) as error:
            ec2.import_key_pair(KeyName="x", PublicKeyMaterial=material)
        assert code_of(error) == ("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
    ec2.create_key_pair(KeyName="x", KeyType="ed25519")
    with pytest.raises(ClientError) as error:
        ec2.create_key_pair(KeyName="x")
    assert code_of(error) == ("InvalidKeyPair.Duplicate", "The keypair already exists: x")
    with pytest.raises(ClientError) as error:
        ec2.describe_key_pairs(KeyNames=["x", "y"])
    assert code_of(error) == ("InvalidKeyPair.NotFound", "The key pair 'y' does not exist")


def test_keys_are_found_and_go(ec2):
    """By name, id, tag and fingerprint; deleting what isn't there is no error."""
    tags = [{"ResourceType": "key-pair", "Tags": [{"Key": "team", "Value": "sky"}]}]
    made = ec2.create_key_pair(KeyName="one", KeyType="ed25519", TagSpecifications=tags)
    other = ec2.create_key_pair(KeyName="two", KeyType="ed25519")
    assert made["Tags"] == [{"Key": "team", "Value": "sky"}]
    for name, value in (
        ("tag:team", "sky"),
        ("tag-key", "team"),
        ("key-name", "on*"),
        ("fingerprint", made["KeyFingerprint"]),
        ("key-pair-id", made["KeyPairId"]),
    ):
        found = ec2.describe_key_pairs(Filters=[{"Name": name, "Values": [value]}])["KeyPairs"]
        assert [one["KeyName"] for one in found] == ["one"], name
    assert ec2.delete_key_pair(KeyPairId=other["KeyPairId"])["KeyPairId"] == other["KeyPairId"]
    assert ec2.delete_key_pair(KeyName="two")["Return"] is True
    assert [one["KeyName"] for one in ec2.describe_key_pairs()["KeyPairs"]] == ["one"]
