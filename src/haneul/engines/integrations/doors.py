"""Where one kind of API hands a request to another: a custom domain made for HTTP APIs may lead to a REST API too.

The room that serves a kind of API opens its door when it starts; who knows an API's id and stage may knock.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from haneul.cloud import Cloud
    from haneul.service import Call
    from haneul.wire.message import Request, Response

REST = "REST"


class Door(Protocol):
    """Answers a request to an API's stage, which came under a custom domain; None for an API that there isn't.

    path: below the stage. full: as the client sent it, with what the domain's mapping took off.
    """

    def __call__(
        self, call: Call, request: Request, api: str, stage: str, path: str, full: str
    ) -> Awaitable[Response] | None: ...


def doors_of(cloud: Cloud) -> dict[str, Door]:
    """The open doors, by kind of API."""
    return cast("dict[str, Door]", cloud.engines.setdefault("doors", {}))
