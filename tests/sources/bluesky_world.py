"""The Bluesky stand-in with our account in it, for the tests of the Bluesky source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from demo.common.serving import Server
from tests.sources.social_faults import BLUESKY
from tests.sources.social_store import Known, Stored
from triage.sources.base import Credentials, Source, SourceSettings, utc_now
from triage.sources.bluesky import BlueskySource

US = "volmera.example"
PASSWORD = "abcd-efgh-ijkl-mnop"


class World:
    """The stand-in, and sources that read it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.offset = timedelta(0)
        server.control("reset", {})
        self.did: str = server.control("accounts", {"handle": US, "password": PASSWORD, "name": "Volmera"})[
            "did"
        ]

    def now(self) -> datetime:
        return utc_now() + self.offset

    def pass_time(self, **span: float) -> None:
        """Both clocks move on."""
        self.offset += timedelta(**span)
        self.server.control("clock", {"advance": timedelta(**span).total_seconds()})

    def post(self, author: str, text: str, *, ago: float | None = None, **more: Any) -> str:
        """One post, by default of now; `ago` is how many seconds ago it was written."""
        if ago is not None:
            more |= {"written": self.now().timestamp() - ago}
        item = {"author": author if "." in author else f"{author}.example", "text": text, **more}
        return str(self.server.control("deliver", {"posts": [item]})["ids"][0])

    def source(self, track: Sequence[str] = ("#Volmera",), **changes: Any) -> BlueskySource:
        extra = {"api_endpoint": self.server.url, "timeout_seconds": 0.4, **changes.pop("extra", {})}
        credentials = Credentials(login=f"@{US}", password=changes.pop("password", PASSWORD), extra=extra)
        known: Known = changes.pop("known", lambda ids: set())
        given = {
            "account": "brand",
            "addresses": (f"@{US}",),
            "track": tuple(track),
            "page_size": 3,
        } | changes
        return BlueskySource(
            SourceSettings(**given), credentials, known=known, now=self.now, sleep=lambda seconds: None
        )

    def requests(self) -> dict[str, int]:
        """How often each method was asked."""
        return dict(self.server.control("stats")["requests"])


class BlueskyHarness:
    """One account of the stand-in, for the contract of sources."""

    several_pages = 10

    def __init__(self, server: Server) -> None:
        self.server = server
        self.world = World(server)
        self.stored = Stored()
        self.count = 0

    def source(self) -> Source:
        return self.stored.source(lambda known: self.world.source(known=known))

    def deliver(self, count: int) -> list[str]:
        first, self.count = self.count, self.count + count
        return [self.world.post(f"user{n}", f"@{US} number {n}") for n in range(first, self.count)]

    def reply(self, native_id: str) -> str:
        return self.world.post(US, "We are on it.", reply_to=native_id)

    def deliver_unreadable(self) -> str:
        return self.world.post("odd", f"@{US} hello", record={"text": 7})

    def expire(self) -> None:
        self.world.server.control("accounts", {"handle": US, "password": PASSWORD, "did": "did:plc:another"})

    def inject(self, fault: str) -> None:
        for path, body in BLUESKY[fault].steps:
            self.world.server.control(path, body)

    def stop(self) -> None:
        self.world.server.control("faults", verb="DELETE")
