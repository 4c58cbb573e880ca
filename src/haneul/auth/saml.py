"""SAML 2.0 as AWS takes it: a provider's metadata, and responses that it signed (OASIS saml-core, saml-metadata)."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from haneul.auth import tables, xmldsig
from haneul.auth.xmldsig import DSIG, Element, Unsound

METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
_ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"


@dataclass(frozen=True)
class Provider:
    """What the metadata says: who it is, by which certificates it signs, and until when that holds (epoch seconds)."""

    entity: str
    certificates: list[x509.Certificate]
    valid_until: float | None


@dataclass(frozen=True)
class Assertion:
    """What a provider says of somebody. Times are epoch seconds."""

    issuer: str
    subject: str
    subject_type: str
    recipient: str
    audiences: list[str]
    redeem_until: float
    starts: float
    attributes: dict[str, list[str]] = field(default_factory=dict)


def document(row: tables.SamlProvider) -> str:
    """A provider's metadata document as it was given."""
    return zlib.decompress(row.metadata).decode()


def provider(text: str) -> Provider:
    """What a metadata document says of its identity provider. Raises Unsound."""
    root = xmldsig.parse(text.encode())
    found = root if root.local == "EntityDescriptor" else next(iter(root.elements(METADATA, "EntityDescriptor")), root)
    if found.namespace != METADATA or found.local != "EntityDescriptor" or not found.get("entityID"):
        raise Unsound("no EntityDescriptor")
    descriptors = found.elements(METADATA, "IDPSSODescriptor")
    if not descriptors:
        raise Unsound("no identity provider")
    certificates = [
        _certificate(one)
        for key in descriptors[0].elements(METADATA, "KeyDescriptor")
        if key.get("use") in (None, "signing")
        for one in key.walk()
        if one.local == "X509Certificate" and one.namespace == DSIG
    ]
    until = found.get("validUntil") or root.get("validUntil")
    return Provider(found.get("entityID") or "", certificates, None if until is None else instant(until))


def assertion(response: bytes, known: Provider) -> Assertion:
    """What the signed assertion inside a response says. Either the response or the assertion must be signed, whole.
    Raises Unsound."""
    root = xmldsig.parse(response)
    if root.namespace != _PROTOCOL or root.local != "Response":
        raise Unsound("not a response")
    status = root.only(_PROTOCOL, "Status").only(_PROTOCOL, "StatusCode").get("Value")
    if status != _SUCCESS:
        raise Unsound("the response says that it failed")
    said = root.only(_ASSERTION, "Assertion")
    is_signed = xmldsig.verified(root, root, known.certificates)
    if not xmldsig.verified(said, root, known.certificates) and not is_signed:
        raise Unsound("not signed")
    return _read(said)


def instant(text: str) -> float:
    """Epoch seconds of an xs:dateTime. Raises Unsound."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Unsound(f"{text} is no instant") from None
    if moment.tzinfo is None:
        raise Unsound(f"{text} has no time zone")
    return moment.timestamp()


def _read(said: Element) -> Assertion:
    subject = said.only(_ASSERTION, "Subject")
    name = subject.only(_ASSERTION, "NameID")
    confirmation = next(
        (one for one in subject.elements(_ASSERTION, "SubjectConfirmation") if one.get("Method") == _BEARER), None
    )
    if confirmation is None:
        raise Unsound("the subject is not confirmed by bearing the assertion")
    data = confirmation.only(_ASSERTION, "SubjectConfirmationData")
    conditions = said.only(_ASSERTION, "Conditions")
    restrictions = conditions.elements(_ASSERTION, "AudienceRestriction")
    ends = [text for text in (data.get("NotOnOrAfter"), conditions.get("NotOnOrAfter")) if text is not None]
    if not ends:
        raise Unsound("the assertion never ends")
    starts = conditions.get("NotBefore")
    attributes: dict[str, list[str]] = {}
    for statement in said.elements(_ASSERTION, "AttributeStatement"):
        for one in statement.elements(_ASSERTION, "Attribute"):
            values = [value.text().strip() for value in one.elements(_ASSERTION, "AttributeValue")]
            attributes.setdefault(one.get("Name") or "", []).extend(values)
    return Assertion(
        issuer=said.only(_ASSERTION, "Issuer").text().strip(),
        subject=name.text().strip(),
        subject_type=(name.get("Format") or "").rpartition(":")[2] or "unspecified",
        recipient=data.get("Recipient") or "",
        audiences=[one.text().strip() for part in restrictions for one in part.elements(_ASSERTION, "Audience")],
        redeem_until=min(map(instant, ends)),
        starts=0.0 if starts is None else instant(starts),
        attributes=attributes,
    )


def _certificate(element: Element) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode("".join(element.text().split())))
    except (ValueError, binascii.Error):
        raise Unsound("a certificate can't be read") from None
