"""The X stand-in with our account in it, for the tests of the X source."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from demo.common.serving import Server
from tests.sources.social_faults import Fault
from tests.sources.social_store import Stored
from triage.core.types import Cursor, Direction, Message, Page
from triage.sources.base import Credentials, Source, SourceSettings, utc_now
from triage.sources.x import XSource

TOKEN = "app-token-of-volmera"
PRICES = {"mention": 1_000, "own": 1_000, "post": 5_000, "user": 10_000, "counts": 5_000}


class World:
    """The stand-in with our account in it, a source that reads it, and a store that remembers like ours."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.offset = timedelta(0)
        self.stored: dict[str, Message] = {}
        self.deleted: set[str] = set()
        self.paid: set[tuple[date, str, str]] = set()
        self.units: dict[str, int] = {}
        self.doubles = 0
        server.control("reset", {})
        server.control("users", {"handle": "volmera", "name": "Volmera", "app_tokens": [TOKEN]})
        self.to_noon()

    def to_noon(self) -> None:
        """On to the noon of the next day: what a test does then is all on one day of X's bill."""
        noon = datetime.combine(self.now().date() + timedelta(days=1), time(12), UTC)
        self.sleep_until_later(seconds=(noon - self.now()).total_seconds())

    def now(self) -> datetime:
        return utc_now() + self.offset

    def sleep_until_later(self, **span: float) -> None:
        """Both clocks move on."""
        self.offset += timedelta(**span)
        self.server.control("clock", {"advance": timedelta(**span).total_seconds()})

    def post(self, label: str, author: str = "ada", text: str = "", *, ago: float = 600, **more: str) -> str:
        """One post, so many seconds ago; returns its id."""
        at = (self.now() - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        item = {"id": label, "author": author, "text": text or f"@volmera {label}", "created_at": at, **more}
        return str(self.server.control("deliver", {"posts": [item]})["labels"][label])

    def many(
        self, count: int, *, ago: float = 5000, text: str = "@volmera number {}", prefix: str = "many"
    ) -> None:
        """Posts a second apart, each of another author."""
        start = self.now() - timedelta(seconds=ago)
        items = [
            {
                "id": f"{prefix}-{n}", "author": f"{prefix}{n}", "text": text.format(n),
                "created_at": (start + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            }
            for n in range(count)
        ]  # fmt: skip
        self.server.control("deliver", {"posts": items})

    def source(self, track: Sequence[str] = ("#Volmera",), **changes: Any) -> XSource:
        known = changes.pop("known", lambda ids: set(ids) & self.stored.keys())
        asks = changes.pop("asks", {})
        extra = {"api_endpoint": self.server.url, **changes.pop("extra", {})}
        given_settings = {
            "account": "brand",
            "addresses": ("@volmera",),
            "track": tuple(track),
            "page_size": 10,
        }
        return XSource(
            SourceSettings(**given_settings | {"prices": PRICES} | changes),
            Credentials(login="@volmera", password=TOKEN, extra=extra),
            known=known,
            now=self.now,
            sleep=lambda seconds: None,
            **asks,
        )

    def asks(self, **more: Any) -> dict[str, Any]:
        """What the store of the product answers: our posts, and posts that wait and were paid for today."""
        return {
            "own_posts": lambda: [i for i, m in self.stored.items() if m.direction is Direction.OUTBOUND],
            "unsettled": lambda: [
                i for i, m in self.stored.items()
                if m.direction is Direction.INBOUND and (self.now().date(), "post", i) in self.paid - self.gone()
            ],
            **more,
        }  # fmt: skip

    def gone(self) -> set[tuple[date, str, str]]:
        return {(self.now().date(), "post", id_) for id_ in self.deleted}

    def keep(self, page: Page) -> Cursor:
        """Store a page as collect does; the cursor as the database gives it back."""
        for message in page.messages:
            self.doubles += message.key.native_id in self.stored
            self.stored.setdefault(message.key.native_id, message)
        self.deleted |= set(page.deleted)
        for read in page.reads:
            new = {(self.now().date(), read.resource, id_) for id_ in read.ids} - self.paid
            self.paid |= new
            if new:
                self.units[read.method] = self.units.get(read.method, 0) + len(new) * read.price
        return Cursor(
            account="brand", version=page.cursor.version, value=json.loads(json.dumps(page.cursor.value))
        )

    def round(self, source: XSource, cursor: Cursor | None = None) -> tuple[Cursor, list[Page]]:
        """Pull until the round is through."""
        pages = [source.pull(cursor)]
        cursor = self.keep(pages[-1])
        while pages[-1].has_more:
            pages.append(source.pull(cursor))
            cursor = self.keep(pages[-1])
            assert len(pages) < 200, "the round does not end"
        return cursor, pages

    def live(self) -> set[str]:
        """Ids of every post there is, our own unasked-for ones included."""
        return {post["id"] for post in self.server.control("snapshot")["posts"]}

    def billed(self) -> int:
        return round(self.server.control("stats")["cost_usd"] * 1e6)


class Blemish:
    """Between the source and the stand-in: answers go through as they are, but for `created_at` of some posts."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.broken: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.forward(self)

            def log_message(self, *_: Any) -> None:
                """Tests are silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {"Authorization": handler.headers["Authorization"]}
        with requests.Session() as session:
            session.trust_env = False
            body = session.get(self.behind + handler.path, headers=headers, timeout=30).json()
        for post in body["data"] if isinstance(body.get("data"), list) else []:
            if post["id"] in self.broken:
                del post["created_at"]
        data = json.dumps(body).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class XHarness:
    """One account of the stand-in, for the contract of sources and the fault table."""

    several_pages = 35

    def __init__(self, server: Server, faults: Mapping[str, Fault]) -> None:
        self.server = server
        self.faults = faults
        self.world = World(server)
        self.held = Stored()
        self.count = 0
        self.cap: int | None = None
        self.checks = False
        self.blemish: Blemish | None = None

    def source(self) -> Source:
        endpoint = self.blemish.url if self.blemish else self.world.server.url
        asks: dict[str, Any] = {"left": lambda: self.cap}
        if self.checks:
            asks = self.world.asks(**asks)
        extra = {"api_endpoint": endpoint, "timeout_seconds": 1}
        return self.held.source(lambda known: self.world.source(known=known, asks=asks, extra=extra))

    def deliver(self, count: int) -> list[str]:
        first, self.count = self.count, self.count + count
        return [self.world.post(f"d{n}", f"user{n}", ago=0.001) for n in range(first, self.count)]

    def reply(self, native_id: str) -> str:
        return self.world.post("answer", "volmera", text="We are on it.", reply_to=native_id, ago=0.001)

    def deliver_unreadable(self) -> str:
        self.blemish = Blemish(self.world.server.url)
        (broken,) = self.deliver(1)
        self.blemish.broken.add(broken)
        return broken

    def expire(self) -> None:
        self.world.sleep_until_later(days=7)

    def inject(self, fault: str) -> None:
        for path, body in self.faults[fault].steps:
            if path == "cap":
                self.cap = round(body["dollars"] * 1e6)
            elif path == "clock":
                self.world.sleep_until_later(seconds=body["advance"])
            else:
                self.server.control(path, body)

    def mend(self) -> None:
        """What a person or midnight does about it: credits are bought, a new day has its own cap."""
        self.cap = None
        self.server.control("credits", {"dollars": None})

    def stop(self) -> None:
        self.mend()
        self.server.control("faults", verb="DELETE")
        if self.blemish:
            self.blemish.stop()
