"""Server-side encryption: the key a body is written under, the check of who reads it, and what answers tell of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from haneul.auth.sealed import Sealed
from haneul.kit import tokens
from haneul.service import Call
from haneul.services.s3.errors import errors, invalid_argument
from haneul.services.s3.state import Bucket, Cipher
from haneul.wire.errors import AwsError

_KINDS = ("AES256", "aws:kms", "aws:kms:dsse")
_SSE = "x-amz-server-side-encryption"
_CUSTOMER_MEMBERS = frozenset({"SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"})


def cipher_for(call: Call, bucket: Bucket, request: Mapping[str, Any]) -> Cipher | None:
    """How a body written by this request is encrypted: as its headers ask, else as the bucket's default says.

    None is S3's own default. Raises InvalidArgument and its kin for headers that contradict each other, AccessDenied
    where the bucket blocks customers' keys.
    """
    kind = request.get("ServerSideEncryption")
    if kind is not None and _CUSTOMER_MEMBERS.intersection(request):
        raise invalid_argument(
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
            _SSE,
            kind,
        )
    customer = customer_key(request, "SSECustomer")
    setting = bucket.settings.get("encryption")
    if customer is not None:
        if setting is not None and _blocks_customers(setting):
            raise _blocked(call, bucket, request)
        salt = new_salt()
        return Cipher("SSE-C", salt, check=_check(customer, salt))
    if kind is None and "SSEKMSKeyId" not in request:
        return None if setting is None else _default(call, setting, request)
    if kind not in _KINDS and kind is not None:
        raise invalid_argument("The encryption method specified is not supported", _SSE, kind)
    key_id = request.get("SSEKMSKeyId")
    if key_id is not None and kind in (None, "AES256"):
        raise invalid_argument(
            f"Server Side Encryption with AWS KMS managed key requires HTTP header {_SSE} : aws:kms", _SSE, kind
        )
    assert kind is not None
    if kind == "AES256":
        return Cipher(kind, new_salt())
    default = {} if setting is None else setting["Rules"][0]
    bucket_key = kind == "aws:kms" and bool(request.get("BucketKeyEnabled", default.get("BucketKeyEnabled")))
    return Cipher(kind, new_salt(), kms_key(call, key_id), context=_context(request), bucket_key=bucket_key)


def _blocks_customers(setting: Mapping[str, Any]) -> bool:
    blocked = setting["Rules"][0].get("BlockedEncryptionTypes") or {}
    return "SSE-C" in (blocked.get("EncryptionType") or ())


def _blocked(call: Call, bucket: Bucket, request: Mapping[str, Any]) -> AwsError:
    return errors.AccessDenied(
        f'User: {call.principal.arn} is not authorized to perform: s3:{call.operation} on resource: "{bucket.arn}/'
        f'{request["Key"]}" because this bucket has blocked upload requests that specify Server Side Encryption with '
        "Customer provided keys (SSE-C). Please specify a different server-side encryption type"
    )


def _context(request: Mapping[str, Any]) -> str:
    """The KMS encryption context, base64 of a JSON object of strings. Raises InvalidArgument."""
    given: str = request.get("SSEKMSEncryptionContext") or ""
    if given:
        try:
            context = orjson.loads(base64.b64decode(given, validate=True))
        except (binascii.Error, ValueError):
            context = None
        if not isinstance(context, dict) or not all(isinstance(value, str) for value in context.values()):
            raise invalid_argument(
                f"The header '{_SSE}-context' shall be Base64-encoded UTF-8 string holding JSON which represents a "
                "string-string map",
                f"{_SSE}-context",
                given,
            )
    return given


def _default(call: Call, setting: Mapping[str, Any], request: Mapping[str, Any]) -> Cipher | None:
    """The cipher that the bucket's "encryption" setting (its first rule, as PutBucketEncryption gave it) asks for."""
    rule = setting["Rules"][0]
    default = rule.get("ApplyServerSideEncryptionByDefault") or {"SSEAlgorithm": "AES256"}
    kind = default["SSEAlgorithm"]
    if kind == "AES256":
        return Cipher(kind, new_salt())
    bucket_key = kind == "aws:kms" and bool(request.get("BucketKeyEnabled", rule.get("BucketKeyEnabled", False)))
    key = kms_key(call, default.get("KMSMasterKeyID"))
    return Cipher(kind, new_salt(), key, context=_context(request), bucket_key=bucket_key)


def kms_key(call: Call, given: str | None) -> str:
    """The ARN of the KMS key that is meant: the one given, or the account's own for S3."""
    partition = f"arn:aws:kms:{call.region}:{call.account}:"
    if given is None or given == "alias/aws/s3":
        digest = hashlib.sha256(f"aws/s3 {call.account} {call.region}".encode()).hexdigest()
        return f"{partition}key/{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    if given.startswith("arn:"):
        return given
    return partition + (given if given.startswith("alias/") else f"key/{given}")


def write_key(call: Call, cipher: Cipher | None, request: Mapping[str, Any]) -> bytes | None:
    """The key that the body is sealed under; None when it is kept as it is."""
    if cipher is None:
        return None
    if cipher.kind == "SSE-C":
        customer = customer_key(request, "SSECustomer")
        assert customer is not None
        return hmac.digest(customer, cipher.salt, hashlib.sha256)
    purpose = purpose_of(cipher)
    return _sealed(call).derive(purpose.encode(), cipher.salt) if purpose else None


def purpose_of(cipher: Cipher) -> str:
    """What a body's key is made of, beside the installation's secret and the salt."""
    return f"s3 {cipher.kind} {cipher.key_id}" if cipher.under is None else cipher.under


def read_key(
    call: Call, cipher: Cipher | None, request: Mapping[str, Any], members: str = "SSECustomer"
) -> bytes | None:
    """The key that opens a body, once the request has shown what it must. `members` is the prefix of the customer
    key's members (CopySourceSSECustomer). Raises InvalidRequest without the key, AccessDenied with a wrong one."""
    customer = customer_key(request, members)
    if cipher is None or cipher.kind != "SSE-C":
        if customer is not None:
            raise errors.InvalidRequest("The encryption parameters are not applicable to this object.")
        if cipher is None:
            return None
        if cipher.key_id and call.principal.kind == "anonymous":
            raise errors.InvalidArgument(
                "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.",
                ArgumentName="Authorization",
                ArgumentValue="null",
            )
        return write_key(call, cipher, request)
    if customer is None:
        raise errors.InvalidRequest(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to "
            "retrieve the object."
        )
    if not hmac.compare_digest(_check(customer, cipher.salt), cipher.check):
        raise errors.AccessDenied(
            "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret "
            "key."
        )
    return hmac.digest(customer, cipher.salt, hashlib.sha256)


def same_customer_key(cipher: Cipher, request: Mapping[str, Any]) -> bool:
    """Whether the request carries the customer's key that the cipher was made with."""
    customer = customer_key(request, "SSECustomer")
    return customer is not None and hmac.compare_digest(_check(customer, cipher.salt), cipher.check)


def customer_key(request: Mapping[str, Any], members: str) -> bytes | None:
    """The customer's 256-bit key from `<members>Algorithm`, `...Key` and `...KeyMD5`, checked; None without any."""
    algorithm = request.get(f"{members}Algorithm")
    key = request.get(f"{members}Key")
    md5 = request.get(f"{members}KeyMD5")
    if algorithm is None and key is None and md5 is None:
        return None
    must = "Requests specifying Server Side Encryption with Customer provided keys must provide"
    if algorithm is None:
        raise invalid_argument(f"{must} a valid encryption algorithm.", _SSE, "null")
    if algorithm != "AES256":
        raise errors.InvalidEncryptionAlgorithmError(
            "The Encryption request you specified is not valid. Supported value: AES256.",
            ArgumentName=_SSE,
            ArgumentValue=algorithm,
        )
    if key is None:
        raise invalid_argument(f"{must} an appropriate secret key.", _SSE, "null")
    if md5 is None:
        raise invalid_argument(f"{must} the client calculated MD5 of the secret key.", _SSE, "null")
    try:
        secret = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("The secret key was invalid for the specified algorithm.", _SSE, "null") from None
    if base64.b64encode(hashlib.md5(secret).digest()).decode() != md5:
        raise invalid_argument(
            "The calculated MD5 hash of the key did not match the hash that was provided.", _SSE, "null"
        )
    if len(secret) != 32:
        raise invalid_argument("The secret key was invalid for the specified algorithm.", _SSE, "null")
    return secret


def describe(cipher: Cipher | None, request: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an answer that tell how the body is encrypted."""
    if cipher is None:
        return {"ServerSideEncryption": "AES256"}
    if cipher.kind == "SSE-C":
        return {"SSECustomerAlgorithm": "AES256", "SSECustomerKeyMD5": request.get("SSECustomerKeyMD5")}
    told: dict[str, Any] = {"ServerSideEncryption": cipher.kind}
    if cipher.key_id:
        told["SSEKMSKeyId"] = cipher.key_id
        if cipher.bucket_key:
            told["BucketKeyEnabled"] = True
    return told


def is_md5(cipher: Cipher | None) -> bool:
    """Whether an object's ETag is the MD5 of its bytes: not where a customer's or a KMS key hides them."""
    return cipher is None or cipher.kind == "AES256"


def _check(customer: bytes, salt: bytes) -> bytes:
    return hmac.digest(customer, b"check" + salt, hashlib.sha256)[:16]


def new_salt() -> bytes:
    return bytes.fromhex(tokens.random_hex(32))


def _sealed(call: Call) -> Sealed:
    """The installation's secret, whose file the directory of principals shares."""
    planes = call.cloud.planes
    sealed = planes.get("s3.sealed")
    if not isinstance(sealed, Sealed):
        sealed = planes["s3.sealed"] = Sealed(call.cloud.config.data)
    return sealed
