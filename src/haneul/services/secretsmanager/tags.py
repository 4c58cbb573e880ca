"""Tags of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.secretsmanager.errors import errors
from haneul.services.secretsmanager.replicas import share
from haneul.services.secretsmanager.secrets import by_secret, check_tags, find, refuse_replica
from haneul.services.secretsmanager.state import SECRETS


@operation(resource=by_secret)
def tag_resource(call: Call, request: Mapping[str, Any]) -> None:
    """TagResource."""
    added = dict(check_tags(request["Tags"]))
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        refuse_replica(secret)
        tags = {**dict(secret.tags), **added}
        if len(tags) > 50:
            raise errors.InvalidParameterException("A secret can have at most 50 tags.")
        secret.tags = list(tags.items())
        SECRETS.put(tx, scope, secret)
    share(call, scope, secret)


@operation(resource=by_secret)
def untag_resource(call: Call, request: Mapping[str, Any]) -> None:
    """UntagResource."""
    gone = set(request["TagKeys"])
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        refuse_replica(secret)
        secret.tags = [(key, value) for key, value in secret.tags if key not in gone]
        SECRETS.put(tx, scope, secret)
    share(call, scope, secret)
