"""Small parts: token buckets, handshakes, log lines, and routes' order as a property."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from haneul.engines.integrations.logs import access_line, group_of
from haneul.engines.integrations.sockets import accepting
from haneul.engines.integrations.throttles import Buckets
from haneul.services.apigatewayv2.plane.deployed import Deployed


def test_buckets() -> None:
    """A burst at once, then the steady rate; a changed limit begins anew."""
    buckets = Buckets()
    assert [buckets.take("a", 1.0, 2, 0.0) for _ in range(3)] == [True, True, False]
    assert buckets.take("a", 1.0, 2, 1.0)
    assert not buckets.take("a", 1.0, 2, 1.0)
    assert buckets.take("a", 1.0, 3, 1.0)
    assert not buckets.take("b", 0.0, 0, 0.0)


def test_handshakes() -> None:
    """RFC 6455's own example, and what isn't one."""
    good = {
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
        "connection": "keep-alive, Upgrade",
    }
    found = accepting(good)
    assert found is not None
    assert ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in found
    for name, value in (("sec-websocket-key", "short"), ("sec-websocket-version", "8"), ("connection", "close")):
        assert accepting({**good, name: value}) is None
    assert accepting({}) is None


def test_log_lines() -> None:
    """What isn't known is a dash; a line is one line."""
    context = {"requestId": "r", "status": 200, "identity": {"sourceIp": None}, "error": {"message": "a\nb"}}
    form = "$context.requestId $context.status. $context.identity.sourceIp $context.nothing $context.error.message"
    assert access_line(context, form) == "r 200. - - ab"
    assert group_of("arn:aws:logs:us-east-1:000000000000:log-group:/a/b:*") == "/a/b"
    assert group_of("arn:aws:firehose:us-east-1:000000000000:deliverystream/x") == ""


_PART = st.sampled_from(["a", "b", "{x}", "{y}", "{rest+}"])


def _paths() -> st.SearchStrategy[str]:
    def joined(parts: list[str]) -> str:
        cut = next((index for index, part in enumerate(parts) if part == "{rest+}"), len(parts) - 1)
        return "/" + "/".join(parts[: cut + 1])

    return st.lists(_PART, min_size=1, max_size=4).map(joined)


def _rank(path: str) -> tuple[int, ...]:
    return tuple(2 if part == "{rest+}" else 1 if part.startswith("{") else 0 for part in path[1:].split("/"))


def _fits(path: str, segments: list[str]) -> bool:
    parts = path[1:].split("/")
    for index, part in enumerate(parts):
        if part == "{rest+}":
            return len(segments) > index
        if index >= len(segments) or (not part.startswith("{") and part != segments[index]):
            return False
    return len(parts) == len(segments)


@given(
    st.lists(st.tuples(st.sampled_from(["GET", "POST", "ANY"]), _paths()), min_size=1, max_size=8),
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4),
)
def test_the_closest_route_is_found(keys: list[tuple[str, str]], segments: list[str]) -> None:
    """The tree finds what a look at every route would choose: the closest path that takes the method."""
    routes = {f"{index}": {"RouteKey": f"{verb} {path}"} for index, (verb, path) in enumerate(keys)}
    found = Deployed("d", {"routes": routes}).find("GET", segments)
    fitting = [(verb, path) for verb, path in keys if verb in ("GET", "ANY") and _fits(path, segments)]
    if not fitting:
        assert found is None
        return
    assert found is not None
    assert _rank(found[0].path) == min(_rank(path) for _, path in fitting)
    assert found[0].verb in ("GET", "ANY")
