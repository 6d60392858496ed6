"""The Mastodon stand-in with our account in it, for the tests of the Mastodon source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from demo.common.serving import Server
from tests.sources.social_faults import MASTODON
from tests.sources.social_store import Known, Stored
from triage.sources.base import Credentials, Source, SourceSettings, utc_now
from triage.sources.mastodon import MastodonSource

TOKEN = "token-of-volmera"


class World:
    """The stand-in, and sources that read it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.offset = timedelta(0)
        server.control("reset", {})
        self.id: str = server.control("accounts", {"acct": "volmera", "name": "Volmera", "token": TOKEN})[
            "id"
        ]

    def now(self) -> datetime:
        return utc_now() + self.offset

    def pass_time(self, **span: float) -> None:
        """Both clocks move on."""
        self.offset += timedelta(**span)
        self.server.control("clock", {"advance": timedelta(**span).total_seconds()})

    def post(self, author: str, text: str, *, ago: float | None = None, **more: Any) -> str:
        """One status, by default of now; `ago` is how many seconds ago it was written."""
        if ago is not None:
            more |= {"written": self.now().timestamp() - ago}
        item = {"author": author, "text": text, **more}
        return str(self.server.control("deliver", {"statuses": [item]})["ids"][0])

    def source(self, track: Sequence[str] = ("#Volmera",), **changes: Any) -> MastodonSource:
        extra = {"api_endpoint": self.server.url, "timeout_seconds": 0.4, **changes.pop("extra", {})}
        token = changes.pop("token", TOKEN)
        credentials = Credentials(login="https://mastodon.example", password=token, extra=extra)
        known: Known = changes.pop("known", lambda ids: set())
        given = {"account": "brand", "addresses": ("@volmera@mastodon.example",), "track": tuple(track)}
        return MastodonSource(
            SourceSettings(**given | {"page_size": 3} | changes),
            credentials, known=known, now=self.now, sleep=lambda seconds: None,
        )  # fmt: skip

    def requests(self) -> dict[str, int]:
        """How often each method was asked."""
        return dict(self.server.control("stats")["requests"])


class MastodonHarness:
    """One account of the stand-in, for the contract of sources. Everybody writes below a stranger's rant."""

    several_pages = 10

    def __init__(self, server: Server) -> None:
        self.server = server
        self.world = World(server)
        self.stored = Stored()
        self.count = 0
        self.world.post("rita", "What a day.", id="rant")

    def source(self) -> Source:
        return self.stored.source(lambda known: self.world.source(known=known))

    def deliver(self, count: int) -> list[str]:
        first, self.count = self.count, self.count + count
        return [
            self.world.post(f"user{n}", f"@volmera number {n}", reply_to="rant")
            for n in range(first, self.count)
        ]

    def reply(self, native_id: str) -> str:
        return self.world.post("volmera", "We are on it.", reply_to=native_id)

    def deliver_unreadable(self) -> str:
        return self.world.post("odd", "@volmera hello", fields={"content": None})

    def expire(self) -> None:
        self.world.server.control("accounts", {"acct": "volmera", "number": 42})

    def inject(self, fault: str) -> None:
        for path, body in MASTODON[fault].steps:
            self.world.server.control(path, body)

    def stop(self) -> None:
        self.world.server.control("faults", verb="DELETE")
