"""A local server that answers like Bluesky's HTTP API (XRPC), as far as a reader of one account needs it.

`python -m demo.bluesky --port 8103` runs it; `with demo.bluesky.serve() as server:` runs it in a thread of a
test, at `server.url`, with `server.control(path, body)` for the control API described in README.md.
"""

from __future__ import annotations

from demo.bluesky.api import Bluesky
from demo.common.json_api import JsonApi
from demo.common.serving import Server

__all__ = ["make_api", "serve"]


def make_api() -> JsonApi:
    """A fresh stand-in."""
    bluesky = Bluesky()
    return JsonApi(bluesky, bluesky.controls)


def serve(port: int = 0) -> Server:
    """The stand-in in a thread; a context manager. Port 0 takes a free one."""
    return Server(make_api().app(), port)
