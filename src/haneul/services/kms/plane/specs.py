"""What each key spec can do: usages and algorithms, as AWS lists them."""

from __future__ import annotations

from typing import NamedTuple

RSA_SIGNING = (
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
)
RSA_ENCRYPTION = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
ENCRYPT, SIGN, MAC, AGREE = "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"
KEM = "ENCAPSULATE_DECAPSULATE"


class Spec(NamedTuple):
    """A key spec: its family, the usages it may have (one of them: it is the default), algorithms by usage."""

    family: str
    algorithms: dict[str, tuple[str, ...]]
    usage: str | None = None


_RSA = Spec("rsa", {SIGN: RSA_SIGNING, ENCRYPT: RSA_ENCRYPTION})


def _curve(algorithm: str, *, agrees: bool = True) -> Spec:
    algorithms: dict[str, tuple[str, ...]] = {SIGN: (algorithm,)}
    if agrees:
        algorithms[AGREE] = ("ECDH",)
    return Spec("ec", algorithms, None if agrees else SIGN)


SPECS: dict[str, Spec] = {
    "SYMMETRIC_DEFAULT": Spec("aes", {ENCRYPT: ("SYMMETRIC_DEFAULT",)}, ENCRYPT),
    "RSA_2048": _RSA,
    "RSA_3072": _RSA,
    "RSA_4096": _RSA,
    "ECC_NIST_P256": _curve("ECDSA_SHA_256"),
    "ECC_NIST_P384": _curve("ECDSA_SHA_384"),
    "ECC_NIST_P521": _curve("ECDSA_SHA_512"),
    "ECC_SECG_P256K1": _curve("ECDSA_SHA_256", agrees=False),
    "ECC_NIST_EDWARDS25519": Spec("ed", {SIGN: ("ED25519_SHA_512",)}, SIGN),
    "HMAC_224": Spec("hmac", {MAC: ("HMAC_SHA_224",)}, MAC),
    "HMAC_256": Spec("hmac", {MAC: ("HMAC_SHA_256",)}, MAC),
    "HMAC_384": Spec("hmac", {MAC: ("HMAC_SHA_384",)}, MAC),
    "HMAC_512": Spec("hmac", {MAC: ("HMAC_SHA_512",)}, MAC),
    "ML_KEM_768": Spec("mlkem", {KEM: ("ML_KEM",)}, KEM),
    "ML_KEM_1024": Spec("mlkem", {KEM: ("ML_KEM",)}, KEM),
    "ML_DSA_44": Spec("mldsa", {SIGN: ("ML_DSA_SHAKE_256",)}, SIGN),
    "ML_DSA_65": Spec("mldsa", {SIGN: ("ML_DSA_SHAKE_256",)}, SIGN),
    "ML_DSA_87": Spec("mldsa", {SIGN: ("ML_DSA_SHAKE_256",)}, SIGN),
}
MEMBER = {
    ENCRYPT: "EncryptionAlgorithms",
    SIGN: "SigningAlgorithms",
    MAC: "MacAlgorithms",
    AGREE: "KeyAgreementAlgorithms",
    KEM: "EncapsulationAlgorithms",
}


def is_symmetric(spec: str) -> bool:
    return SPECS[spec].family in ("aes", "hmac")
