"""XML signatures as SAML has them: one enveloped signature over its parent, in exclusive canonical form.

Sources: W3C xmldsig-core1, xml-exc-c14n. What else the standards would allow is refused: document types, processing
instructions, other transforms, SHA-1. Whoever uses `verified` reads only the element that it gives back, never the
rest of the document, so that nothing can be wrapped around what was signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

DSIG = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_XML = "http://www.w3.org/XML/1998/namespace"
_ENVELOPED = f"{DSIG}enveloped-signature"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    f"{_MORE}sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_DEPTH = 100


class Unsound(Exception):
    """Not XML as it is accepted here, or a signature that doesn't hold."""


@dataclass(eq=False, slots=True)
class Element:
    """An element with its names as written; `scope` maps the prefixes in force to their namespaces."""

    name: str
    attributes: list[tuple[str, str]]
    scope: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        prefix, colon, _ = self.name.partition(":")
        return self.scope.get(prefix if colon else "", "")

    @property
    def local(self) -> str:
        return self.name.rpartition(":")[2]

    def get(self, attribute: str) -> str | None:
        return next((value for name, value in self.attributes if name == attribute), None)

    def elements(self, namespace: str, local: str) -> list[Element]:
        """Child elements of that name."""
        return [
            one
            for one in self.children
            if isinstance(one, Element) and one.local == local and one.namespace == namespace
        ]

    def only(self, namespace: str, local: str) -> Element:
        """The one child element of that name. Raises Unsound."""
        found = self.elements(namespace, local)
        if len(found) != 1:
            raise Unsound(f"expected one {local}, found {len(found)}")
        return found[0]

    def walk(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)


def parse(document: bytes) -> Element:
    """The root element. Raises Unsound."""
    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.buffer_text = True
    stack: list[Element] = []
    roots: list[Element] = []

    def start(name: str, flat: list[str]) -> None:
        if len(stack) >= _DEPTH:
            raise Unsound("nested too deeply")
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
        scope = dict(stack[-1].scope) if stack else {"xml": _XML}
        for key, value in pairs:
            if key == "xmlns":
                scope[""] = value
            elif key.startswith("xmlns:"):
                scope[key[6:]] = value
        element = Element(name, [pair for pair in pairs if pair[0].partition(":")[0] != "xmlns"], scope)
        if stack:
            stack[-1].children.append(element)
        else:
            roots.append(element)
        stack.append(element)

    def end(name: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].children.append(data)

    def refuse(*_: object) -> NoReturn:
        raise Unsound("document types and processing instructions are not accepted")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise Unsound(str(error)) from None
    return roots[0]


def canonical(apex: Element, inclusive: frozenset[str] = frozenset(), leave_out: Element | None = None) -> bytes:
    """`apex` in exclusive canonical form without comments; `inclusive` are prefixes of its PrefixList."""
    out: list[str] = []
    _write(apex, {}, inclusive, leave_out, out)
    return "".join(out).encode()


def verified(parent: Element, root: Element, certificates: list[x509.Certificate]) -> bool:
    """Does `parent` hold a signature of one of `certificates` over itself, and over nothing else? Raises Unsound when
    it holds a signature that can't be judged; False when it holds none."""
    if not parent.elements(DSIG, "Signature"):
        return False
    signature = parent.only(DSIG, "Signature")
    info = signature.only(DSIG, "SignedInfo")
    reference = info.only(DSIG, "Reference")
    identity = parent.get("ID")
    if not identity or reference.get("URI") != f"#{identity}":
        raise Unsound("the signature is not about the element that holds it")
    if sum(1 for one in root.walk() if one.get("ID") == identity) != 1:
        raise Unsound("an ID occurs twice")
    digest = _digest_name(reference)
    found = hashlib.new(digest, canonical(parent, _transforms(reference), leave_out=signature)).digest()
    if not hmac.compare_digest(found, _decoded(reference.only(DSIG, "DigestValue"))):
        raise Unsound("the digest is another one")
    method = info.only(DSIG, "CanonicalizationMethod")
    if method.get("Algorithm") != EXCLUSIVE:
        raise Unsound("only exclusive canonicalization is accepted")
    signed = canonical(info, _prefixes(method))
    value = _decoded(signature.only(DSIG, "SignatureValue"))
    algorithm = info.only(DSIG, "SignatureMethod").get("Algorithm") or ""
    if not any(_holds(algorithm, certificate, value, signed) for certificate in certificates):
        raise Unsound("the signature doesn't hold")
    return True


def _write(
    element: Element, rendered: dict[str, str], inclusive: frozenset[str], leave_out: Element | None, out: list[str]
) -> None:
    prefix, colon, _ = element.name.partition(":")
    used = {prefix if colon else ""}
    used |= {name.partition(":")[0] for name, _ in element.attributes if ":" in name}
    used |= {one for one in inclusive if one in element.scope}
    used.discard("xml")
    fresh = {one: element.scope.get(one, "") for one in used if rendered.get(one, "") != element.scope.get(one, "")}
    out.append(f"<{element.name}")
    for one in sorted(fresh):
        out.append(f' xmlns:{one}="{_attribute(fresh[one])}"' if one else f' xmlns="{_attribute(fresh[one])}"')
    for name, value in sorted(element.attributes, key=lambda pair: _order(element, pair[0])):
        out.append(f' {name}="{_attribute(value)}"')
    out.append(">")
    below = {**rendered, **fresh}
    for child in element.children:
        if isinstance(child, str):
            out.append(_text(child))
        elif child is not leave_out:
            _write(child, below, inclusive, leave_out, out)
    out.append(f"</{element.name}>")


def _order(element: Element, name: str) -> tuple[str, str]:
    prefix, colon, local = name.partition(":")
    return (element.scope.get(prefix, ""), local) if colon else ("", name)


def _attribute(value: str) -> str:
    for raw, escaped in (
        ("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;"), ("\t", "&#x9;"), ("\n", "&#xA;"), ("\r", "&#xD;"),
    ):  # fmt: skip
        value = value.replace(raw, escaped)
    return value


def _text(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def _transforms(reference: Element) -> frozenset[str]:
    """The PrefixList of the reference's exclusive canonicalization; other transforms than these two are refused."""
    transforms = reference.only(DSIG, "Transforms").elements(DSIG, "Transform")
    if sorted(one.get("Algorithm") or "" for one in transforms) != sorted((_ENVELOPED, EXCLUSIVE)):
        raise Unsound("only enveloped signatures in exclusive canonical form are accepted")
    return next(_prefixes(one) for one in transforms if one.get("Algorithm") == EXCLUSIVE)


def _prefixes(method: Element) -> frozenset[str]:
    listed = method.elements(EXCLUSIVE, "InclusiveNamespaces")
    names = (listed[0].get("PrefixList") or "").split() if listed else []
    return frozenset("" if name == "#default" else name for name in names)


def _digest_name(reference: Element) -> str:
    name = _DIGESTS.get(reference.only(DSIG, "DigestMethod").get("Algorithm") or "")
    if name is None:
        raise Unsound("the digest method is not accepted")
    return name


def _decoded(element: Element) -> bytes:
    try:
        return base64.b64decode("".join(element.text().split()), validate=True)
    except binascii.Error:
        raise Unsound("not base 64") from None


def _holds(algorithm: str, certificate: x509.Certificate, value: bytes, signed: bytes) -> bool:
    kind, _, name = algorithm.removeprefix(_MORE).partition("-")
    key = certificate.public_key()
    method = _HASHES.get(name)
    if not algorithm.startswith(_MORE) or method is None:
        return False
    try:
        if kind == "rsa" and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, signed, padding.PKCS1v15(), method)
        elif kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey) and len(value) % 2 == 0:
            half = len(value) // 2
            first, second = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
            key.verify(encode_dss_signature(first, second), signed, ec.ECDSA(method))
        else:
            return False
    except InvalidSignature:
        return False
    return True
