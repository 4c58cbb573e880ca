"""MD5 digests as SQS computes them, so that clients can check what arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from haneul.services.sqs.plane.journal import Attribute


def of_body(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def of_attributes(attributes: Mapping[str, Attribute]) -> str:
    """Over name, type and value of each in the order of names, every part behind its length; 1 marks text, 2 bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        for part in (name.encode(), attribute.kind.encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        raw = attribute.raw
        digest.update((b"\x01" if attribute.data is None else b"\x02") + len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()


def of_trace(trace: str) -> str:
    """Of the one system attribute that can be sent."""
    return of_attributes({"AWSTraceHeader": Attribute("String", trace)})
