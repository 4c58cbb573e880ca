"""Connections of WebSocket APIs, as their backends see them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed

from tests.api.apigatewayv2.making import SocketApi, event_of


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
