"""Encoded authorization messages: why a call was refused, sealed, for who may decode them (sts)."""

from __future__ import annotations

import base64
import binascii
import zlib

import orjson

from haneul.auth.decision import Decision
from haneul.auth.principals import Principal
from haneul.auth.sealed import Sealed, SealError

_CONTEXT = b"authorization message"


def encode(sealed: Sealed, principal: Principal, action: str, resource: str, decision: Decision) -> str:
    """The message that stands behind "Encoded authorization failure message:"."""
    items = []
    if decision.explicit:
        items.append(
            {
                "statementId": decision.sid,
                "effect": "DENY",
                "principals": {"items": [{"value": principal.user_id.partition(":")[0]}]},
                "principalGroups": {"items": []},
                "actions": {"items": [{"value": action}]},
                "resources": {"items": [{"value": resource}]},
                "conditions": {"items": []},
            }
        )
    told = {
        "allowed": False,
        "explicitDeny": decision.explicit,
        "matchedStatements": {"items": items},
        "failures": {"items": []},
        "context": {
            "principal": {"id": principal.user_id, "arn": principal.arn},
            "action": action,
            "resource": resource,
            "conditions": {"items": []},
        },
    }
    return base64.urlsafe_b64encode(sealed.seal(zlib.compress(orjson.dumps(told)), _CONTEXT)).decode()


def decode(sealed: Sealed, message: str) -> str | None:
    """The JSON inside; None when it was not made here."""
    try:
        packed = sealed.open(base64.urlsafe_b64decode(message), _CONTEXT)
    except (SealError, binascii.Error, ValueError):
        return None
    return zlib.decompress(packed).decode()
