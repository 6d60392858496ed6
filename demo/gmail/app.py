"""The web application: the API, the batch and token addresses, and the control API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from demo.common.wire import Reply, wants_gzip
from demo.gmail.api import Incoming, respond
from demo.gmail.batch import respond_batch
from demo.gmail.control import Control
from demo.gmail.hub import Hub
from demo.gmail.push import respond_pubsub
from demo.gmail.tokens import respond_consent, respond_token

VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
Responder = Callable[[Hub, Incoming], Awaitable[Reply]]


def _route(hub: Hub, path: str, responder: Responder, verbs: list[str]) -> Route:
    async def answer(request: Request) -> Reply:
        incoming = Incoming(
            verb=request.method,
            path=request.scope["raw_path"].decode("latin-1"),
            query=request.scope["query_string"].decode("latin-1"),
            headers=dict(request.headers),
            body=await request.body(),
            where="direct",
            left=request.is_disconnected,
        )
        reply = await responder(hub, incoming)
        reply.gzip = wants_gzip(incoming.headers)
        return reply

    return Route(path, answer, methods=verbs)


def make_app(hub: Hub) -> Starlette:
    """The application around one state."""
    routes = [
        *Control(hub).routes(),
        _route(hub, "/batch", respond_batch, ["POST"]),
        _route(hub, "/batch/gmail/v1", respond_batch, ["POST"]),
        _route(hub, "/o/oauth2/auth", respond_consent, ["GET"]),
        _route(hub, "/v1/{rest:path}", respond_pubsub, ["POST"]),
        _route(hub, "/token", respond_token, ["POST"]),
        _route(hub, "/{rest:path}", respond, VERBS),
    ]
    return Starlette(routes=routes)
