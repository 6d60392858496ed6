"""Replies on the wire: compressed when asked for, cut short or dropped when a fault says so."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from starlette.types import Receive, Scope, Send

COMPRESS_FROM = 200


@dataclass(kw_only=True)
class Reply:
    """What goes back to the client; `cut` spoils its delivery."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: Literal["drop", "truncated"] | None = None
    gzip: bool = False

    def compressed(self) -> Reply:
        """The same reply, gzipped when the client asked for that and it is worth it."""
        if not self.gzip or len(self.body) < COMPRESS_FROM:
            return self
        headers = {
            **self.headers,
            "Content-Encoding": "gzip",
            "Vary": "Origin, X-Origin, Referer, Accept-Encoding",
        }
        return Reply(status=self.status, body=gzip.compress(self.body, 1), headers=headers, cut=self.cut)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the reply as an ASGI response, or break the connection on purpose."""
        reply = self.compressed()
        transport = scope["state"]["transport"]
        if reply.cut == "drop":
            transport.abort()
            return
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()
        ]
        if reply.status != 204:
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if reply.cut == "truncated":
            half = reply.body[: len(reply.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            transport.close()
            return
        await send({"type": "http.response.body", "body": reply.body})


def wants_gzip(headers: Mapping[str, str]) -> bool:
    """Whether the client accepts a gzipped body."""
    return "gzip" in headers.get("accept-encoding", "").lower()
