"""A local server that answers like the Gmail API and is as strict about it.

`python -m demo.gmail --port 8101 --state FILE` runs it; `with demo.gmail.serve() as server:` runs it in a
thread of a test, at `server.url`, with `server.control(path, body)` for the control API.
"""

from __future__ import annotations

from demo.common.serving import Server
from demo.gmail.app import make_app
from demo.gmail.hub import Hub

__all__ = ["serve"]


def serve(state: str = ":memory:", port: int = 0) -> Server:
    """The stand-in in a thread; a context manager. Port 0 takes a free one."""
    hub = Hub(state)
    return Server(make_app(hub), port, on_stop=hub.close)
