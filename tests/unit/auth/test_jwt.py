"""Web tokens: what counts as signed, and what never does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from haneul.auth import jwt

RSA = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP384R1())
KEYS = [jwt.public("RS256", "r", RSA), jwt.public("ES384", "e", CURVE)]


@pytest.mark.parametrize(("algorithm", "kid", "key"), [("RS256", "r", RSA), ("ES384", "e", CURVE)])
def test_signed_tokens(algorithm: str, kid: str, key: Any) -> None:
    """They hold under their own key, and say what was signed."""
    token = jwt.parse(jwt.sign(algorithm, kid, key, {"sub": "me"}))
    assert token.claims == {"sub": "me"}
    assert jwt.verify(token, KEYS)
    assert not jwt.verify(token, [one for one in KEYS if one["kid"] != kid])
    assert not jwt.verify(token._replace(signed=token.signed + b"x"), KEYS)
    assert not jwt.verify(token._replace(header={**token.header, "kid": "other"}), KEYS)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "", None])
def test_algorithms_that_prove_nothing(algorithm: Any) -> None:
    """A token may not choose to be unsigned, or to take a public key for a secret."""
    token = jwt.parse(jwt.sign("RS256", "r", RSA, {}))
    assert not jwt.verify(token._replace(header={"alg": algorithm, "kid": "r"}), KEYS)


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "e30.e30", "e30.W10.e30", "é.é.é", "e30.e30.e30.e30"])
def test_what_is_no_token(text: str) -> None:
    """Three parts, two of them JSON objects; anything else is refused."""
    with pytest.raises(jwt.NotAToken):
        jwt.parse(text)


def test_keys_of_other_kinds_are_passed_over() -> None:
    """A provider's list may hold keys that aren't understood here."""
    odd = [{}, {"kty": "OKP"}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-521"}, {"kty": "RSA", "n": "!", "e": "!"}]
    token = jwt.parse(jwt.sign("RS256", "r", RSA, json.loads("{}")))
    assert jwt.verify(token, [*odd, *KEYS])
    assert not jwt.verify(token, odd)
