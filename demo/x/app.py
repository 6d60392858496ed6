"""The web application: X's API and the control API."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from demo.common.wire import Reply, wants_gzip
from demo.x.api import Incoming, respond
from demo.x.control import VERBS, Control
from demo.x.hub import Hub
from demo.x.oauth1 import Signed


def make_app(hub: Hub) -> Starlette:
    """The application around one state."""

    async def answer(request: Request) -> Reply:
        signed = Signed(
            authorization=request.headers.get("authorization", ""),
            verb=request.method,
            host=f"http://{request.headers.get('host', '')}",
            path=request.scope["raw_path"].decode("latin-1"),
            query=request.scope["query_string"].decode("latin-1"),
        )
        body = await request.body()
        reply = await respond(hub, Incoming(signed=signed, body=body, left=request.is_disconnected))
        reply.gzip = wants_gzip(dict(request.headers))
        return reply

    return Starlette(routes=[*Control(hub).routes(), Route("/{rest:path}", answer, methods=VERBS)])
