"""Connections: how API destinations authorise. Their secrets lie in Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.events import credentials, names
from haneul.services.events.errors import errors, invalid
from haneul.services.events.state import CONNECTIONS, Connection
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

_NEEDED = {
    "BASIC": "BasicAuthParameters",
    "API_KEY": "ApiKeyAuthParameters",
    "OAUTH_CLIENT_CREDENTIALS": "OAuthParameters",
}
_HIDDEN = frozenset({"Password", "ApiKeyValue", "ClientSecret"})


def arn_of(scope: Scope, connection: Connection) -> str:
    return f"arn:aws:events:{scope.region}:{scope.account}:connection/{connection.name}/{connection.id}"


def by_connection(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:events:{call.region}:{call.account}:connection/{request['Name']}/*"


def find(tx: Reader, scope: Scope, name: str) -> Connection:
    connection = CONNECTIONS.get(tx, scope, name)
    if connection is None:
        raise errors.ResourceNotFoundException(
            f"Failed to describe the connection(s). Connection '{name}' does not exist."
        )
    return connection


def _check(kind: str, parameters: Mapping[str, Any]) -> None:
    needed = _NEEDED[kind]
    if needed not in parameters:
        raise invalid(f"Missing required parameter: AuthParameters.{needed} for authorization type {kind}.")


def _shown(parameters: Any) -> Any:
    """Parameters without what is secret."""
    if isinstance(parameters, Mapping):
        secret = parameters.get("IsValueSecret")
        return {
            name: _shown(value)
            for name, value in parameters.items()
            if name not in _HIDDEN and not (secret and name == "Value")
        }
    if isinstance(parameters, list):
        return [_shown(item) for item in parameters]
    return parameters


@operation(resource=by_connection)
def create_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateConnection."""
    name, kind, parameters = request["Name"], request["AuthorizationType"], request["AuthParameters"]
    _check(kind, parameters)
    with call.read() as tx:
        if CONNECTIONS.get(tx, call.scope, name) is not None:
            raise errors.ResourceAlreadyExistsException(f"Connection {name} already exists.")
    connection = Connection(
        name=name,
        id=tokens.uuid(),
        kind=kind,
        created=call.now(),
        modified=call.now(),
        description=request.get("Description"),
        shown=_shown(parameters),
        authorized=call.now(),
        key=request.get("KmsKeyIdentifier"),
    )
    secret = {
        "Name": f"events!connection/{name}/{tokens.uuid()}",
        "SecretString": json.dumps(credentials.kept(parameters)),
        "Tags": [{"Key": "aws:secretsmanager:owningService", "Value": "events"}],
    }
    connection.secret = call.invoke("secretsmanager", "CreateSecret", secret)["ARN"]
    with call.write() as tx:
        CONNECTIONS.put(tx, call.scope, connection)
    return _state(call, connection)


def _state(call: Call, connection: Connection) -> dict[str, Any]:
    return {
        "ConnectionArn": arn_of(call.scope, connection),
        "ConnectionState": connection.state,
        "CreationTime": connection.created,
        "LastModifiedTime": connection.modified,
    }


@operation(resource=by_connection)
def describe_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeConnection, without what is secret."""
    with call.read() as tx:
        connection = find(tx, call.scope, request["Name"])
    return {
        **_state(call, connection),
        "Name": connection.name,
        "Description": connection.description,
        "AuthorizationType": connection.kind,
        "SecretArn": connection.secret,
        "AuthParameters": connection.shown,
        "LastAuthorizedTime": connection.authorized,
        "KmsKeyIdentifier": connection.key,
    }


@operation()
def list_connections(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListConnections."""
    prefix, state = request.get("NamePrefix") or "", request.get("ConnectionState")
    with call.read() as tx:
        rows = [
            row
            for row in CONNECTIONS.scan(tx, call.scope)
            if row.name.startswith(prefix) and state in (None, row.state)
        ]
    chosen, more = names.page(rows, request, lambda row: row.name)
    listed = [
        {
            **_state(call, row),
            "Name": row.name,
            "AuthorizationType": row.kind,
            "LastAuthorizedTime": row.authorized,
        }
        for row in chosen
    ]
    return {"Connections": listed, **more}


@operation(resource=by_connection)
def update_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateConnection."""
    with call.read() as tx:
        connection = find(tx, call.scope, request["Name"])
    kind = request.get("AuthorizationType") or connection.kind
    if parameters := request.get("AuthParameters"):
        _check(kind, parameters)
        secret = {"SecretId": connection.secret, "SecretString": json.dumps(credentials.kept(parameters))}
        call.invoke("secretsmanager", "PutSecretValue", secret)
        connection.shown = _shown(parameters)
    connection.kind = kind
    if "Description" in request:
        connection.description = request["Description"]
    connection.modified = connection.authorized = call.now()
    connection.state = "AUTHORIZED"
    with call.write() as tx:
        CONNECTIONS.put(tx, call.scope, connection)
    return {**_state(call, connection), "LastAuthorizedTime": connection.authorized}


@operation(resource=by_connection)
def deauthorize_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeauthorizeConnection: its secrets go."""
    with call.read() as tx:
        connection = find(tx, call.scope, request["Name"])
    _drop_secret(call, connection)
    connection.state, connection.secret, connection.modified = "DEAUTHORIZED", "", call.now()
    with call.write() as tx:
        CONNECTIONS.put(tx, call.scope, connection)
    return {**_state(call, connection), "LastAuthorizedTime": connection.authorized}


def _drop_secret(call: Call, connection: Connection) -> None:
    if not connection.secret:
        return
    try:
        wanted = {"SecretId": connection.secret, "ForceDeleteWithoutRecovery": True}
        call.invoke("secretsmanager", "DeleteSecret", wanted)
    except AwsError:
        pass  # somebody deleted it before


@operation(resource=by_connection)
def delete_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteConnection, with its secret."""
    with call.read() as tx:
        connection = find(tx, call.scope, request["Name"])
    _drop_secret(call, connection)
    with call.write() as tx:
        CONNECTIONS.delete(tx, call.scope, connection.name)
    connection.state = "DELETING"
    return {**_state(call, connection), "LastAuthorizedTime": connection.authorized}
