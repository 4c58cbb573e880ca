"""SAML responses signed by another implementation (signxml), and what an attacker would make of them.

The files in data/ were made once with a key that was thrown away.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from haneul.auth import saml
from haneul.auth.xmldsig import Unsound, canonical, parse

DATA = Path(__file__).parent / "data"
KNOWN = saml.provider((DATA / "saml_metadata.xml").read_text())
ASSERTION = (DATA / "saml_assertion_signed.xml").read_text()
RESPONSE = (DATA / "saml_response_signed.xml").read_text()


@pytest.mark.parametrize("document", [ASSERTION, RESPONSE])
def test_signed_by_another_implementation(document: str) -> None:
    """Over the assertion (SHA-256) and over the response (SHA-512); comments don't cut the subject."""
    said = saml.assertion(document.encode(), KNOWN)
    assert said.issuer == KNOWN.entity == "https://idp.example.com/metadata"
    assert (said.subject, said.subject_type) == ("jo&hn@example.com", "persistent")
    assert said.audiences == ["urn:amazon:webservices"]
    assert said.redeem_until == saml.instant("2026-11-25T00:05:00Z")
    assert said.attributes == {"https://aws.amazon.com/SAML/Attributes/RoleSessionName": ["john"]}


def _wrapped(document: str) -> str:
    """The signed assertion moved aside, and a forged one in its place (signature wrapping)."""
    start, end = document.index("<saml:Assertion "), document.index("</saml:Assertion>") + len("</saml:Assertion>")
    signed = document[start:end]
    head, tail = signed.split("<ds:Signature", 1)
    signature = "<ds:Signature" + tail.split("</ds:Signature>", 1)[0] + "</ds:Signature>"
    forged = head.replace("_a1", "_evil") + signature + tail.split("</ds:Signature>", 1)[1].replace("john", "root")
    return f"{document[:start]}{forged}<saml:Extensions>{signed}</saml:Extensions>{document[end:]}"


@pytest.mark.parametrize(
    "forged",
    [
        ASSERTION.replace(">john<", ">root<"),
        ASSERTION.replace("urn:amazon:webservices", "urn:else"),
        ASSERTION.replace("2026-11-25T00:05:00Z", "2036-11-25T00:05:00Z"),
        ASSERTION.replace("</saml:Assertion>", "<saml:Advice/></saml:Assertion>"),
        ASSERTION.replace("rsa-sha256", "hmac-sha256"),
        ASSERTION.replace("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        RESPONSE.replace(">john<", ">root<"),
        _wrapped(ASSERTION),
        ASSERTION.replace('ID="_r1"', 'ID="_a1"'),
        "<!DOCTYPE x>" + ASSERTION,
        ASSERTION[: ASSERTION.index("<ds:Signature")] + ASSERTION[ASSERTION.index("</ds:Signature>") + 15 :],
        ASSERTION[:-20],
        "<a/>",
        "",
    ],
)
def test_what_is_not_as_it_was_signed(forged: str) -> None:
    """Changed, wrapped, unsigned or cut: refused without a word believed."""
    with pytest.raises(Unsound):
        saml.assertion(forged.encode(), KNOWN)


def test_another_provider(tmp_path: Path) -> None:
    """A good signature of somebody else is none."""
    stranger = saml.Provider(KNOWN.entity, [], None)
    with pytest.raises(Unsound):
        saml.assertion(ASSERTION.encode(), stranger)


def test_exclusive_canonical_form() -> None:
    """Namespaces where they are used, attributes by namespace and name, characters as the standard writes them."""
    root = parse(
        b'<a:x xmlns:a="urn:a" xmlns:b="urn:b" xmlns="urn:d"><y b:k="1" k=\'"&lt;&#9;\' xmlns:c="urn:c">&gt;'
        b"<!-- c --><![CDATA[<&]]></y></a:x>"
    )
    assert canonical(root) == (
        b'<a:x xmlns:a="urn:a"><y xmlns="urn:d" xmlns:b="urn:b" k="&quot;&lt;&#x9;" b:k="1">&gt;&lt;&amp;</y></a:x>'
    )
    (inner,) = root.elements("urn:d", "y")
    assert canonical(inner, frozenset({"a", "c"})).startswith(
        b'<y xmlns="urn:d" xmlns:a="urn:a" xmlns:b="urn:b" xmlns:c="urn:c" '
    )
