"""X over HTTP against the stand-in: rounds, pages, bounds, money, and what survives a crash."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import demo.x
from demo.common.serving import Server
from tests.sources.contract import SourceContract
from triage.core.errors import CursorExpired, Fatal, Retry
from triage.core.types import Cursor, Direction, Message, Page
from triage.sources.base import Credentials, SourceSettings, utc_now
from triage.sources.x import XSource

TOKEN = "app-token-of-volmera"
PRICES = {"mention": 1_000, "post": 5_000, "user": 10_000}


class World:
    """The stand-in with our account in it, a source that reads it, and a store that remembers like ours."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.offset = timedelta(0)
        self.stored: dict[str, Message] = {}
        self.units: dict[str, int] = {}
        self.doubles = 0
        server.control("reset", {})
        server.control("users", {"handle": "volmera", "name": "Volmera", "app_tokens": [TOKEN]})

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
        )

    def keep(self, page: Page) -> Cursor:
        """Store a page as collect does; the cursor as the database gives it back."""
        for message in page.messages:
            self.doubles += message.key.native_id in self.stored
            self.stored.setdefault(message.key.native_id, message)
        for method, cost in page.units.items():
            self.units[method] = self.units.get(method, 0) + cost
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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.x.serve() as running:
        yield running


@pytest.fixture
def world(server: Server) -> World:
    return World(server)


def test_whoami_names_the_account(world: World) -> None:
    assert world.source().whoami().startswith("@volmera (Volmera), id ")


def test_a_round_reads_mentions_tracked_terms_and_our_own_posts(world: World) -> None:
    asked = world.post("asked", text="@volmera where is it?", ago=500)
    tagged = world.post("tagged", "bob", text="never again #Volmera", ago=400)
    reply = world.post("reply", "volmera", text="On its way.", reply_to="asked", ago=300)
    world.post("unrelated", "bob", text="nice weather", ago=200)
    cursor, pages = world.round(world.source())
    assert set(world.stored) == {asked, tagged, reply}
    assert [page.has_more for page in pages] == [True, False]
    assert world.stored[asked].author_name == "@ada (ada)"
    assert world.stored[tagged].extra["hashtags"] == ["Volmera"]
    assert cursor.value["turn"] == "mentions:volmera"


def test_a_post_by_mention_and_by_search_is_one_message(world: World) -> None:
    both = world.post("both", text="@volmera it broke #Volmera")
    without_memory = world.source(known=lambda ids: set())
    first = without_memory.pull(None)
    second = without_memory.pull(first.cursor)
    assert [m.key for m in first.messages] == [m.key for m in second.messages]
    assert (
        first.messages[0].conversation
        == second.messages[0].conversation
        == f"{both}/{first.messages[0].author}"
    )
    _, pages = world.round(world.source())
    assert [len(page.messages) for page in pages] == [1, 0]
    assert world.units == {"mention": 1_000, "user": 20_000}


def test_our_reply_is_outbound_on_the_branch_of_the_author_it_answers(world: World) -> None:
    root = world.post("root", "volmera", text="A new mixer! #Volmera", ago=900)
    first = world.post("first", "ada", text="@volmera mine is broken", reply_to="root", ago=800)
    other = world.post("other", "bob", text="@volmera mine too", reply_to="root", ago=700)
    reply = world.post("reply", "volmera", text="Sorry! Write to us.", reply_to="first", ago=600)
    more = world.post("more", "volmera", text="And keep the box.", reply_to="reply", ago=500)
    world.round(world.source())
    branch = {post: world.stored[post].conversation for post in (root, first, other, reply, more)}
    us, ada, bob = (world.stored[post].author for post in (root, first, other))
    assert branch == {
        root: f"{root}/{us}", first: f"{root}/{ada}", other: f"{root}/{bob}",
        reply: f"{root}/{ada}", more: f"{root}/{us}",
    }  # fmt: skip
    outbound = {post for post, message in world.stored.items() if message.direction is Direction.OUTBOUND}
    assert outbound == {root, reply, more}
    assert world.stored[reply].reply_to == first


def test_a_second_round_asks_only_for_what_is_new(world: World) -> None:
    world.many(25)
    source = world.source(known=lambda ids: set())
    cursor, pages = world.round(source)
    assert [len(page.messages) for page in pages] == [10, 10, 5, 0]
    again, pages = world.round(source, cursor)
    assert [len(page.messages) for page in pages] == [0, 0]
    world.post("late", text="@volmera #Volmera late", ago=1)
    _, pages = world.round(source, again)
    assert [len(page.messages) for page in pages] == [1, 1]


def test_posts_that_arrive_while_a_walk_is_under_way_come_in_the_next_round(world: World) -> None:
    world.many(25)
    source = world.source()
    cursor = world.keep(source.pull(None))
    world.post("meanwhile", ago=1)
    cursor, _ = world.round(source, cursor)
    assert len(world.stored) == 25
    world.round(source, cursor)
    assert set(world.stored) == world.live()
    assert world.doubles == 0


def test_a_crash_between_pages_costs_only_the_page(world: World) -> None:
    world.many(25, text="@volmera #Volmera {}")
    source = world.source(known=lambda ids: set())
    cursor: Cursor | None = None
    for _ in range(20):
        lost = source.pull(cursor)
        again = source.pull(cursor)
        assert [m.key for m in again.messages] == [m.key for m in lost.messages]
        assert again.has_more == lost.has_more
        cursor = world.keep(again)
        if not again.has_more:
            break
    assert set(world.stored) == world.live()


def test_since_moves_only_after_the_last_page(world: World) -> None:
    world.post("old", ago=9000)
    source = world.source()
    cursor, _ = world.round(source)
    before = cursor.value["done"]
    world.many(25)
    for _ in range(2):
        cursor = world.keep(source.pull(cursor))
        assert cursor.value["done"] == before
    cursor = world.keep(source.pull(cursor))
    newest = max(world.live(), key=int)
    assert cursor.value["done"]["mentions:volmera"][0] == newest
    assert len(world.stored) == 26


def test_a_last_page_without_data_ends_the_walk(world: World) -> None:
    world.many(10)
    world.server.control("faults", {"kind": "empty_page", "method": "users.mentions", "times": 0})
    cursor, pages = world.round(world.source())
    assert [len(page.messages) for page in pages] == [10, 0, 0]
    assert cursor.value["done"]["mentions:volmera"][0] == max(world.live(), key=int)


def test_the_first_pull_reaches_as_far_back_as_first_sync(world: World) -> None:
    inside = world.post("inside", ago=3500)
    world.post("outside", ago=3700)
    tagged = world.post("tagged", text="#Volmera", ago=3500)
    world.post("untagged", text="#Volmera", ago=3700)
    world.round(world.source(first_sync=timedelta(hours=1)))
    assert set(world.stored) == {inside, tagged}


def test_a_first_sync_beyond_seven_days_is_bounded_for_search_only(world: World) -> None:
    old_mention = world.post("old_mention", ago=9 * 86_400)
    world.post("old_tag", text="#Volmera", ago=9 * 86_400)
    recent = world.post("recent", text="#Volmera", ago=6.5 * 86_400)
    world.round(world.source(first_sync=timedelta(days=30)))
    assert set(world.stored) == {old_mention, recent}


def test_several_queries_are_walked_in_turn_and_each_remembers_its_own_place(world: World) -> None:
    track = [f"#Topic{n:02}{'x' * 40}" for n in range(25)]
    for n in (0, 12, 24):
        world.post(f"p{n}", f"user{n}", text=f"hello {track[n]}", ago=500 - n)
    cursor, pages = world.round(world.source(track))
    assert set(world.stored) == world.live()
    assert len(pages) == 1 + sum(name.startswith("search:") for name in cursor.value["done"])
    assert len(pages) > 3


def test_a_changed_list_of_terms_reads_the_changed_query_anew_and_forgets_the_old_one(world: World) -> None:
    early = world.post("early", text="#Later", ago=700)
    cursor, _ = world.round(world.source(["#Volmera"]))
    assert early not in world.stored
    cursor, _ = world.round(world.source(["#Volmera", "#Later"]), cursor)
    assert early in world.stored
    assert len(cursor.value["done"]) == 2


def test_a_walk_whose_query_is_gone_from_the_configuration_is_left(world: World) -> None:
    world.many(25, text="#Volmera {}")
    source = world.source()
    cursor = world.keep(source.pull(None))
    cursor = world.keep(source.pull(cursor))
    assert "token" in cursor.value["walk"]
    world.round(world.source(["#Volmera", "#Other"]), cursor)
    assert set(world.stored) == world.live()


def test_two_handles_are_one_account(world: World) -> None:
    world.server.control("users", {"handle": "volmera_fr", "name": "Volmera FR"})
    one = world.post("one", text="@volmera hello")
    two = world.post("two", "bob", text="@volmera_fr bonjour")
    reply = world.post("reply", "volmera_fr", text="Bonjour !", reply_to="two", ago=60)
    world.round(world.source(addresses=("@volmera", "@Volmera_FR")))
    assert set(world.stored) == {one, two, reply}
    assert world.stored[reply].conversation == world.stored[two].conversation


def test_an_account_silent_for_over_seven_days_has_an_expired_cursor_and_says_what_is_lost(
    world: World,
) -> None:
    world.post("first", text="#Volmera first", ago=60)
    source = world.source()
    cursor, _ = world.round(source)
    world.post("unreachable", text="#Volmera soon out of reach", ago=1)
    mention = world.post("mention", text="@volmera mentions reach further", ago=1)
    world.sleep_until_later(days=8)
    seen = world.post("seen", text="#Volmera seen", ago=3600)
    with pytest.raises(CursorExpired):
        source.pull(cursor)
    world.stored.clear()
    _, pages = world.round(source, source.resync(cursor))
    assert set(world.stored) == {seen, mention}
    assert [page.reset for page in pages] == [True, False]
    assert [bool(page.paused) for page in pages] == [False, True]
    assert "gap: posts of " in pages[-1].paused


def test_a_term_nobody_used_for_weeks_does_not_expire_while_it_is_asked_for(world: World) -> None:
    world.post("first", text="#Volmera first", ago=60)
    source = world.source()
    cursor, _ = world.round(source)
    for _ in range(4):
        world.sleep_until_later(days=4)
        cursor, _ = world.round(source, cursor)
    late = world.post("late", text="#Volmera late", ago=60)
    world.round(source, cursor)
    assert late in world.stored


def test_an_outage_longer_than_first_sync_leaves_no_gap_where_nothing_was_found_before(world: World) -> None:
    source = world.source(first_sync=timedelta(hours=1))
    cursor, _ = world.round(source)
    during = world.post("during", text="#Volmera during", ago=1)
    world.sleep_until_later(days=2)
    world.round(source, cursor)
    assert during in world.stored


def test_a_cursor_that_x_itself_calls_too_old_expires_and_resyncs(world: World) -> None:
    world.post("old", text="#Volmera old", ago=86_400)
    source = world.source()
    cursor, _ = world.round(source)
    world.server.control("clock", {"advance": timedelta(days=7).total_seconds()})
    cursor = world.keep(source.pull(cursor))
    with pytest.raises(CursorExpired, match="seven days"):
        source.pull(cursor)
    world.offset += timedelta(days=7)
    fresh = world.post("fresh", text="#Volmera fresh", ago=60)
    world.round(source, source.resync(cursor))
    assert fresh in world.stored


def test_a_cursor_of_another_version_expires(world: World) -> None:
    cursor = Cursor(account="brand", version=99, value={"anything": 1})
    with pytest.raises(CursorExpired):
        world.source().pull(cursor)
    assert world.source().pull(world.source().resync(cursor)).reset


def test_a_page_token_that_x_forgot_starts_the_walk_again_once(world: World) -> None:
    world.many(25)
    source = world.source()
    cursor = world.keep(source.pull(None))
    stale = {**cursor.value, "walk": {**cursor.value["walk"], "token": "1234567890abcdef"}}
    page = source.pull(Cursor(account="brand", value=stale))
    assert page.has_more
    assert not page.messages
    world.round(source, world.keep(page))
    assert set(world.stored) == world.live()
    twice = {**stale, "walk": {**stale["walk"], "restarted": True}}
    with pytest.raises(Fatal, match="twice"):
        source.pull(Cursor(account="brand", value=twice))


def test_mentions_beyond_the_last_800_are_found_by_search(world: World) -> None:
    world.many(1000)
    _, pages = world.round(world.source(page_size=100))
    assert set(world.stored) == world.live()
    assert world.doubles == 0
    assert len(pages) == 8 + 2 + 1


def test_a_storm_of_mentions_between_two_rounds_loses_nobody(world: World) -> None:
    world.many(50, ago=9000, prefix="before")
    source = world.source(page_size=100)
    cursor, _ = world.round(source)
    world.many(1000)
    _, pages = world.round(source, cursor)
    assert set(world.stored) == world.live()
    assert sum(len(page.messages) for page in pages) == 1000


def test_a_budget_below_the_smallest_page_pauses_without_asking(world: World) -> None:
    world.many(30)
    source = world.source()
    cursor = world.keep(source.pull(None))
    before = world.server.control("stats")["requests"]
    page = source.pull(cursor, budget=54_999)
    assert page.paused.startswith("budget: ")
    assert page.cursor == cursor
    assert (page.messages, page.has_more) == ((), False)
    assert world.server.control("stats")["requests"] == before
    assert source.pull(None, budget=0).paused


def test_a_small_budget_takes_smaller_pages_and_is_never_overdrawn(world: World) -> None:
    world.many(30, text="@volmera #Volmera {}")
    source, cursor, more = world.source(page_size=100), None, True
    for _ in range(40):
        page = source.pull(cursor, budget=170_000)
        assert not page.paused
        assert sum(page.units.values()) <= 170_000
        cursor, more = world.keep(page), page.has_more
        if not more:
            break
    assert not more
    assert set(world.stored) == world.live()


def test_what_is_counted_is_what_x_bills_when_nobody_writes_twice(world: World) -> None:
    world.many(25, text="@volmera #Volmera {}")
    world.many(12, text="only #Volmera {}", prefix="tags")
    world.round(world.source())
    assert world.units == {"mention": 25_000, "post": 60_000, "user": 380_000}
    assert sum(world.units.values()) == world.billed()


def test_what_is_counted_is_never_below_what_x_bills_on_a_day(world: World) -> None:
    for n in range(30):
        world.post(f"p{n}", f"user{n % 7}", text=f"@volmera {'#Volmera' if n % 3 else ''} {n}", ago=1000 - n)
    cursor, _ = world.round(world.source())
    world.round(world.source(["#Volmera", "#More"]), cursor)
    assert sum(world.units.values()) >= world.billed()


def test_used_up_credits_pause_and_go_on_where_they_were(world: World) -> None:
    world.many(25)
    source = world.source()
    cursor = world.keep(source.pull(None))
    world.server.control("credits", {"dollars": 0})
    page = source.pull(cursor)
    assert "credits are used up" in page.paused
    assert page.cursor == cursor
    world.server.control("credits", {"dollars": None})
    world.round(source, cursor)
    assert set(world.stored) == world.live()


def test_a_rate_limit_says_when_and_the_walk_goes_on_afterwards(world: World) -> None:
    world.many(25)
    world.server.control("limits", {"endpoint": "users.mentions", "app": 2})
    try:
        source = world.source()
        cursor = world.keep(source.pull(None))
        cursor = world.keep(source.pull(cursor))
        with pytest.raises(Retry, match="patience") as caught:
            source.pull(cursor)
        assert timedelta(minutes=14) < caught.value.after <= timedelta(minutes=15)
        world.sleep_until_later(seconds=caught.value.after.total_seconds() + 1)
        world.round(source, cursor)
        assert set(world.stored) == world.live()
    finally:
        world.server.control("limits/reset", {})


def test_a_revoked_token_is_fatal(world: World) -> None:
    world.server.control("tokens/revoke", {"token": TOKEN})
    with pytest.raises(Fatal, match="401"):
        world.source().pull(None)


def test_a_walk_that_rested_for_over_a_week_expires_too(world: World) -> None:
    world.many(25, text="#Volmera {}")
    source = world.source()
    cursor = world.keep(source.pull(world.keep(source.pull(None))))
    assert "token" in cursor.value["walk"]
    world.sleep_until_later(days=8)
    with pytest.raises(CursorExpired):
        source.pull(cursor)
    late = world.post("late", text="#Volmera late", ago=60)
    world.stored.clear()
    _, pages = world.round(source, source.resync(cursor))
    assert set(world.stored) == {late}
    assert "gap" in pages[-1].paused


FAULTS = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "rate_limit", "seconds": 900},
    {"kind": "status", "status": 429},
    {"kind": "truncated"},
    {"kind": "malformed"},
    {"kind": "drop"},
    {"kind": "drop", "when": "after"},
    {"kind": "credits"},
    {"kind": "credits", "status": 403},
    {"kind": "hang", "seconds": 30},
]


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: "-".join(str(v) for v in f.values()))
def test_whatever_goes_wrong_at_any_request_nothing_is_lost_or_doubled(
    world: World, fault: dict[str, Any], times: int
) -> None:
    world.many(12, text="@volmera {}")
    world.many(12, text="#Volmera {}", prefix="tags")
    source = world.source(extra={"timeout_seconds": 0.15})
    for request in range(5):
        world.stored.clear()
        world.server.control("faults", {**fault, "skip": request, "times": times})
        cursor, tries, page = None, 0, None
        while page is None or page.has_more or page.paused:
            tries += 1
            assert tries < 20
            try:
                page = source.pull(cursor)
            except Retry:
                continue
            cursor = world.keep(page)
        assert set(world.stored) == world.live()
        world.server.control("faults", verb="DELETE")
    assert world.doubles == 0


STEPS = st.lists(
    st.sampled_from(["pull", "pull", "pull", "crash", "mention", "tag", "both", "reply"]), max_size=40
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_however_posts_pulls_and_crashes_interleave_all_are_stored_once(
    server: Server, steps: list[str]
) -> None:
    world = World(server)
    source, cursor = world.source(), None
    texts = {"mention": "@volmera {}", "tag": "#Volmera {}", "both": "@volmera #Volmera {}"}
    world.many(23, text="@volmera {}", ago=9000)
    for n, step in enumerate(steps):
        if step in texts:
            world.post(f"p{n}", f"user{n}", text=texts[step].format(n), ago=5 - n * 0.05)
        elif step == "reply":
            world.post(f"p{n}", "volmera", text=f"answer {n}", reply_to=f"many-{n % 23}", ago=5 - n * 0.05)
        else:
            page = source.pull(cursor)
            cursor = world.keep(page) if step == "pull" else cursor
    for _ in range(2):
        cursor, _ = world.round(source, cursor)
    assert set(world.stored) == world.live()
    assert world.doubles == 0


def test_ids_of_different_lengths_do_not_confuse_the_order(world: World) -> None:
    """Since 2010 ids have grown from 18 to 19 digits; as text, 9… is above 1…."""
    stale = Cursor(
        account="brand",
        value={
            "users": {"volmera": "1500000001"},
            "done": {
                "mentions:volmera": ["999999999999999999", datetime(2018, 5, 1, tzinfo=UTC).isoformat()]
            },
        },
    )
    post = world.post("new")
    cursor = world.keep(world.source().pull(stale))
    assert cursor.value["done"]["mentions:volmera"][0] == post


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
    """One account of the stand-in, for the contract of sources."""

    several_pages = 35

    def __init__(self, server: Server) -> None:
        self.world = World(server)
        self.count = 0
        self.blemish: Blemish | None = None

    def source(self) -> XSource:
        endpoint = self.blemish.url if self.blemish else self.world.server.url
        return self.world.source(
            known=lambda ids: set(), extra={"api_endpoint": endpoint, "timeout_seconds": 1}
        )

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
        self.world.server.control("faults", CONTRACT_FAULTS[fault])

    def stop(self) -> None:
        self.world.server.control("faults", verb="DELETE")
        if self.blemish:
            self.blemish.stop()


CONTRACT_FAULTS: dict[str, dict[str, Any]] = {
    "-".join(str(value) for value in fault.values()) + f"-{times}-times": {**fault, "times": times}
    for fault in FAULTS
    if fault["kind"] != "hang"
    for times in ((1,) if fault["kind"] == "credits" else (1, 3))
}
"""A pause ends a run, and the contract runs twice: so credits are refused once here, three times above."""


class TestXContract(SourceContract):
    """What every source promises."""

    faults: ClassVar[tuple[str, ...]] = tuple(CONTRACT_FAULTS)

    @pytest.fixture
    def harness(self, server: Server) -> Iterator[XHarness]:
        harness = XHarness(server)
        yield harness
        harness.stop()
