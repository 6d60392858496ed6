"""A local server that answers like Mastodon's REST API, as far as a reader of one account needs it.

`python -m demo.mastodon --port 8104` runs it; `with demo.mastodon.serve() as server:` runs it in a thread of
a test, at `server.url`, with `server.control(path, body)` for the control API described in README.md.
"""

from __future__ import annotations

from demo.common.json_api import JsonApi
from demo.common.serving import Server
from demo.mastodon.api import Mastodon

__all__ = ["make_api", "serve"]


def make_api() -> JsonApi:
    """A fresh stand-in."""
    mastodon = Mastodon()
    return JsonApi(mastodon, mastodon.controls)


def serve(port: int = 0) -> Server:
    """The stand-in in a thread; a context manager. Port 0 takes a free one."""
    return Server(make_api().app(), port)
