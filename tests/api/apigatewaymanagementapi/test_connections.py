"""Connections of WebSocket APIs, as their backends see them."""

from __future__ import annotations

import base64
import json
import os
import socket as raw

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed

from tests.api.apigatewayv2.making import SocketApi, event_of, until


@pytest.fixture(scope="module")
def api(cloud, client) -> SocketApi:
    """Every message is answered with its connection's id."""
    found = SocketApi(cloud, client("apigatewayv2"))
    answer = '{"requestContext": {"connectionId": "$context.connectionId"}}'
    found.route("$default", found.mock(answer), answers=True)
    return found


def test_connections_seen_from_behind(api: SocketApi) -> None:
    """Written to, looked at, closed; what is gone is gone."""
    gateway = api.connections()
    with api.connect(user_agent_header="tests") as socket:
        identity = event_of(socket)["requestContext"]["connectionId"]
        gateway.post_to_connection(ConnectionId=identity, Data=b'{"pushed": true}')
        assert socket.recv(timeout=10) == '{"pushed": true}'
        told = gateway.get_connection(ConnectionId=identity)
        assert told["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "tests"}
        assert told["ConnectedAt"] <= told["LastActiveAt"]
        with pytest.raises(ClientError) as long:
            gateway.post_to_connection(ConnectionId=identity, Data=b"x" * (128 * 1024 + 1))
        assert long.value.response["Error"]["Code"] == "PayloadTooLargeException"
        gateway.delete_connection(ConnectionId=identity)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd.code == 1000
    with pytest.raises(ClientError) as gone:
        gateway.post_to_connection(ConnectionId=identity, Data=b"x")
    assert gone.value.response["Error"]["Code"] == "GoneException"
    assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410


def test_other_accounts_connections(api: SocketApi, cloud) -> None:
    """An id isn't enough: it must be one's own account's; and without any address the id alone is found."""
    with api.connect() as socket:
        identity = event_of(socket)["requestContext"]["connectionId"]
        foreign = cloud.client("apigatewaymanagementapi", account="111111111111")
        with pytest.raises(ClientError) as refused:
            foreign.post_to_connection(ConnectionId=identity, Data=b"x")
        assert refused.value.response["Error"]["Code"] == "ForbiddenException"
        cloud.client("apigatewaymanagementapi").post_to_connection(ConnectionId=identity, Data=b"plain")
        assert socket.recv(timeout=10) == "plain"


def _rudely(api: SocketApi) -> tuple[raw.socket, str]:
    """A connection of bare bytes, whose first message comes with the handshake: the socket and the connection's id."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET /dev HTTP/1.1\r\nHost: {api.id}.execute-api.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    line = raw.create_connection(("127.0.0.1", api.cloud.port), timeout=10)
    line.sendall(head.encode() + b"\x81\x82\0\0\0\0hi")
    said = b""
    while b"}}" not in said:
        said += line.recv(4096)
    return line, json.loads(said[said.index(b"{") :])["requestContext"]["connectionId"]


def _is_gone(api: SocketApi, identity: str) -> bool:
    try:
        api.connections().get_connection(ConnectionId=identity)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "GoneException"
        return True
    return False


def test_clients_that_vanish(api: SocketApi) -> None:
    """Whoever hangs up in the middle of a frame is gone, without a word of goodbye."""
    line, identity = _rudely(api)
    assert not _is_gone(api, identity)
    line.sendall(b"\x81\xfe")
    line.close()
    until(lambda: _is_gone(api, identity))


def test_clients_that_do_not_read(api: SocketApi) -> None:
    """What a client leaves unread is bounded: then it is cut off."""
    line, identity = _rudely(api)
    gateway = api.connections()
    with pytest.raises(ClientError) as cut:
        for _ in range(1000):
            gateway.post_to_connection(ConnectionId=identity, Data=b"x" * 120_000)
    assert cut.value.response["Error"]["Code"] == "GoneException"
    line.close()
