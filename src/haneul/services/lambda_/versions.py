"""Versions: what a function was when it was published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.describing import configuration
from haneul.services.lambda_.errors import invalid, stale
from haneul.services.lambda_.functions import publish
from haneul.services.lambda_.names import LATEST, parse
from haneul.services.lambda_.paging import page
from haneul.services.lambda_.state import VERSIONS


@operation(resource=names.resource)
def publish_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PublishVersion. Raises PreconditionFailedException."""
    name = parse(call, request["FunctionName"])
    with call.write() as tx:
        function = names.function(tx, name)
        latest, _ = names.version(tx, name._replace(qualifier=""))
        if request.get("RevisionId") and request["RevisionId"] != latest.revision:
            raise stale()
        if request.get("CodeSha256") and request["CodeSha256"] != latest.sha:
            raise invalid(
                f"CodeSHA256 ({request['CodeSha256']}) is different from current CodeSHA256 in $LATEST ({latest.sha}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        return publish(tx, name, function, latest, request.get("Description") or "")


@operation(resource=names.resource)
def list_versions_by_function(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        names.function(tx, name)
        found = []
        for version in VERSIONS.scan(tx, name.scope, name.name):
            label = LATEST if version.number == 0 else str(version.number)
            found.append(configuration(name, version, label, tx, brief=True))
    chosen, marker = page(found, request, 50)
    return {"Versions": chosen, "NextMarker": marker}
