"""Bluesky: the contract under every fault of the table, and what is particular to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import atproto
import pytest
from atproto_client.exceptions import BadRequestError

import demo.bluesky
from demo.common.serving import Server
from tests.sources.bluesky_world import PASSWORD, US, BlueskyHarness, World
from tests.sources.contract import Collected, SourceContract, store
from tests.sources.social_faults import BLUESKY, LATER, play
from triage.core.errors import ConfigError, CursorExpired, Fatal, Retry
from triage.core.types import Cursor, Direction
from triage.sources.base import Credentials, SourceSettings
from triage.sources.bluesky import BlueskySource


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.bluesky.serve() as running:
        yield running


@pytest.fixture
def world(server: Server) -> World:
    return World(server)


class TestBlueskyContract(SourceContract):
    """What every source promises."""

    faults: ClassVar[tuple[str, ...]] = tuple(BLUESKY)

    @pytest.fixture
    def harness(self, server: Server) -> Iterator[BlueskyHarness]:
        harness = BlueskyHarness(server)
        yield harness
        harness.stop()


@pytest.mark.parametrize("name", BLUESKY)
def test_every_fault_of_the_table_is_met_and_costs_nothing(server: Server, name: str) -> None:
    harness = BlueskyHarness(server)
    outcome = play(harness, name, BLUESKY[name])
    harness.stop()
    assert (outcome.lost, outcome.doubled, outcome.quarantined) == (0, 0, 0)
    assert bool(outcome.cut_short) == (outcome.leaves is LATER)
    assert outcome.met, "the fault never struck: the test proves nothing"


def read(world: World, cursor: Cursor | None = None, **settings: Any) -> Collected:
    """One or more rounds' worth of pages by one source object that knows what it gave."""
    collected = Collected(cursor=cursor)
    source = world.source(known=lambda ids: set(ids) & collected.messages.keys(), **settings)
    run(source, collected)
    return collected


def run(source: BlueskySource, collected: Collected) -> None:
    more = True
    while more:
        page = source.pull(collected.cursor)
        store(page, collected)
        more = page.has_more


def test_a_round_reads_mentions_replies_quotes_tracked_terms_and_our_own_posts(world: World) -> None:
    root = world.post(US, "A new mixer!", id="root")
    asked = world.post("ada", f"@{US} where is it?")
    reply = world.post("bob", "mine is broken", reply_to="root")
    quote = world.post("eve", "look at this", quotes="root")
    tagged = world.post("max", "never again #volmera")
    world.post("max", "nice weather")
    answer = world.post(US, "On its way.", reply_to=asked)
    found = read(world, page_size=100).messages
    assert set(found) == {root, asked, reply, quote, tagged, answer}
    outbound = {id_ for id_, message in found.items() if message.direction is Direction.OUTBOUND}
    assert outbound == {root, answer}
    assert found[tagged].extra["hashtags"] == ["volmera"]
    assert found[asked].author_name == "@ada.example (ada)"
    assert found[asked].url == f"https://bsky.app/profile/ada.example/post/{asked.rpartition('/')[2]}"


def test_our_reply_is_on_the_branch_of_the_author_it_answers(world: World) -> None:
    root = world.post(US, "A new mixer!", id="root")
    ada, bob = (world.post(name, "mine is broken", reply_to="root") for name in ("ada", "bob"))
    answer = world.post(US, "Sorry! Write to us.", reply_to=ada)
    more = world.post(US, "And keep the box.", reply_to=answer)
    again = world.post("ada", "thanks", reply_to=answer)
    found = read(world).messages
    authors = {name: found[id_].author for name, id_ in (("ada", ada), ("bob", bob))}
    branch = {id_: message.conversation for id_, message in found.items()}
    assert branch == {
        root: f"{root}/{world.did}", ada: f"{root}/{authors['ada']}", bob: f"{root}/{authors['bob']}",
        answer: f"{root}/{authors['ada']}", more: f"{root}/{world.did}", again: f"{root}/{authors['ada']}",
    }  # fmt: skip
    assert found[answer].reply_to == ada
    assert found[again].bare_thanks


def test_a_post_found_by_mention_and_by_search_is_one_message(world: World) -> None:
    both = world.post("ada", f"@{US} broken #Volmera")
    assert read(world).given == [both]


def test_posts_that_arrive_late_are_found_below_what_was_read(world: World) -> None:
    """Bluesky sorts a post by the time its author's client gave, however late it comes."""
    collected = Collected()
    source = world.source(known=lambda ids: set(ids) & collected.messages.keys())
    world.post("ada", f"@{US} first", ago=4000)
    world.post("ada", f"@{US} on time")
    run(source, collected)
    minutes = world.post("bob", f"@{US} my phone is slow", ago=200)
    run(source, collected)
    assert collected.given[-1] == minutes
    hour = world.post("eve", f"@{US} I was in a tunnel", ago=3600)
    run(source, collected)
    assert hour not in collected.messages
    world.pass_time(minutes=61)
    run(source, collected)
    assert collected.given[-1] == hour
    assert len(collected.given) == len(collected.messages) == 4


def test_a_time_that_lies_ahead_hides_nobody(world: World) -> None:
    ahead = world.post(US, "From the future", ago=-86_400 * 300)
    collected = read(world)
    now = world.post(US, "From now")
    run(world.source(known=lambda ids: set(ids) & collected.messages.keys()), collected)
    assert collected.given == [ahead, now]
    assert collected.messages[ahead].sent_at <= world.now()


def test_one_login_serves_every_task_until_the_refresh_token_ends(world: World) -> None:
    collected = read(world)
    for _ in range(5):
        run(world.source(), collected)
    world.server.control("expire", {})
    run(world.source(), collected)
    run(world.source(), collected)
    asked = world.requests()
    assert (asked["createSession"], asked["refreshSession"]) == (1, 1)


def test_the_session_in_the_cursor_is_of_no_use_without_the_app_password(world: World) -> None:
    collected = read(world)
    assert collected.cursor is not None
    kept = json.dumps(dict(collected.cursor.value))
    assert PASSWORD not in kept
    assert "eyJ" not in kept, "a token in the clear"
    world.server.control("accounts", {"handle": US, "password": "another-password"})
    run(world.source(password="another-password"), collected)
    assert world.requests()["createSession"] == 2


def test_a_refused_login_is_tried_once_more_and_then_told_with_the_mend(world: World) -> None:
    with pytest.raises(Fatal, match=r"^brand: .*new app password"):
        world.source(password="wrong").pull(None)
    assert world.requests() == {"createSession": 2}
    assert world.source().whoami() == f"@{US}, {world.did}"


@pytest.mark.parametrize("error", ["AccountTakedown", "AccountDeactivated"])
def test_a_closed_account_is_told(world: World, error: str) -> None:
    world.server.control("faults", {"kind": "status", "status": 401, "reason": error, "times": 0})
    with pytest.raises(Fatal, match="closed the account"):
        world.source().pull(None)


def test_a_handle_that_another_account_took_expires_the_cursor(world: World) -> None:
    collected = read(world)
    world.server.control("accounts", {"handle": US, "password": PASSWORD, "did": "did:plc:somebody"})
    with pytest.raises(CursorExpired, match="did:plc:somebody"):
        world.source().pull(collected.cursor)


def test_a_cursor_of_another_version_expires(world: World) -> None:
    cursor = Cursor(account="brand", version=99, value={"anything": 1})
    with pytest.raises(CursorExpired):
        world.source().pull(cursor)
    assert world.source().pull(world.source().resync(cursor)).reset


def test_a_page_token_refused_twice_is_told(world: World) -> None:
    for number in range(5):
        world.post("ada", f"@{US} {number}")
    rule = {"kind": "status", "status": 400, "reason": "InvalidRequest", "method": "listNotifications"}
    world.server.control("faults", {**rule, "skip": 1})
    world.server.control("faults", {**rule, "skip": 2})
    source = world.source()
    again = source.pull(source.pull(source.pull(None).cursor).cursor)
    with pytest.raises(Fatal, match=r"twice; run `triage replay`"):
        source.pull(again.cursor)


def test_the_first_sync_reaches_no_further_than_it_says(world: World) -> None:
    world.post("ada", f"@{US} #Volmera old", ago=90_000)
    world.post(US, "old", ago=90_000)
    new = world.post("ada", f"@{US} new", ago=80_000)
    collected = read(world, first_sync=timedelta(days=1), page_size=100)
    assert collected.given == [new]
    run(world.source(first_sync=timedelta(days=1), known=lambda ids: {new} & set(ids)), collected)
    assert collected.given == [new]


def test_a_bot_is_automatic_and_we_are_not(world: World) -> None:
    for handle in ("robot.example", US):
        world.server.control("accounts", {"handle": handle, "password": PASSWORD, "bot": True})
    robot, ours = world.post("robot", f"@{US} beep"), world.post(US, "hello")
    found = read(world).messages
    assert found[robot].direction is Direction.AUTOMATIC
    assert found[robot].automatic_reason == "the account says that it is a bot"
    assert found[ours].direction is Direction.OUTBOUND


def test_a_deleted_post_is_told_once(world: World) -> None:
    kept, lost = (world.post("ada", f"@{US} {word}") for word in ("kept", "lost"))
    collected = read(world)
    assert collected.deleted == []
    world.server.control("delete", {"id": lost})
    for _ in range(2):
        run(world.source(known=lambda ids: {kept, lost} & set(ids)), collected)
    assert collected.deleted == [lost]


@pytest.mark.parametrize("method", ["getPosts", "getPostThread"])
@pytest.mark.parametrize("how", [{"kind": "status", "status": 500}, {"kind": "status", "status": 400}])
def test_in_doubt_nothing_counts_as_deleted_and_reading_goes_on(
    world: World, method: str, how: dict[str, Any]
) -> None:
    lost = world.post("ada", f"@{US} lost")
    collected = read(world)
    world.server.control("delete", {"id": lost})
    world.server.control("faults", {**how, "method": method, "times": 0})
    more = world.post("ada", f"@{US} more")
    run(world.source(known=lambda ids: {lost} & set(ids)), collected)
    assert collected.deleted == []
    assert collected.given[-1] == more
    world.server.control("faults", verb="DELETE")
    run(world.source(known=lambda ids: {lost, more} & set(ids)), collected)
    assert collected.deleted == [lost]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"text": None}, "text"),
        ({"text": ["a"]}, "text"),
        ({"createdAt": "yesterday"}, "createdAt"),
        ({"createdAt": "2026-11-20T12:00:00"}, "createdAt"),
        ({"createdAt": 7}, "createdAt"),
        ({"reply": {"root": {}, "parent": {"uri": "at://x"}}}, "reply"),
    ],
)
def test_what_cannot_be_read_is_quarantined_with_its_reason(
    world: World, record: dict[str, Any], reason: str
) -> None:
    odd, good = world.post("ada", f"@{US} odd", record=record), world.post("ada", f"@{US} good")
    collected = read(world, track=())
    assert collected.given == [good]
    assert list(collected.quarantined) == [odd]
    assert reason in collected.quarantined[odd]


@pytest.mark.parametrize(
    "record",
    [
        {"langs": "en"},
        {"langs": [7]},
        {"facets": [None, {"features": [7]}]},
        {"tags": "x"},
        {"embed": 7},
        {"labels": 1},
    ],
)
def test_odd_trimmings_do_not_keep_a_post_from_being_read(world: World, record: dict[str, Any]) -> None:
    odd = world.post("ada", f"@{US} odd", record=record)
    assert read(world).given == [odd]


def test_a_budget_too_small_pauses_and_what_is_asked_is_counted(world: World) -> None:
    page = world.source().pull(None, budget=2)
    assert "units_per_minute" in page.paused
    assert world.requests() == {}
    assert world.source().pull(page.cursor, budget=10).units == {"createSession": 1, "listNotifications": 1}


def test_a_phrase_is_searched_as_a_phrase(world: World) -> None:
    hit = world.post("ada", "the Duo 7 broke")
    world.post("ada", "7 times the duo broke")
    assert read(world, track=["Duo 7"]).given == [hit]


def test_a_run_stops_at_a_429_with_the_time_it_was_told_and_never_sleeps(world: World) -> None:
    rested: list[float] = []
    world.server.control("faults", {"kind": "rate_limit", "seconds": 437})
    source = BlueskySource(
        SourceSettings(account="brand", addresses=(US,)),
        Credentials(login=US, password=PASSWORD, extra={"api_endpoint": world.server.url}),
        sleep=rested.append,
    )
    with pytest.raises(Retry) as caught:
        source.pull(None)
    assert timedelta(seconds=430) < caught.value.after <= timedelta(seconds=437)
    assert rested == []


@pytest.mark.parametrize(
    ("address", "password", "said"),
    [
        ("volmera", "p", "not a handle"),
        ("care@volmera.example", "p", "not a handle"),
        (US, " ", "app password"),
    ],
)
def test_a_connection_that_cannot_work_is_refused(address: str, password: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        BlueskySource(SourceSettings(account="brand", addresses=(address,)), Credentials(password=password))


def test_the_stand_in_answers_what_the_atproto_client_expects(world: World) -> None:
    """An independent client reads the same as we do: its models check every field."""
    root = world.post(US, "A new mixer! #Volmera", id="root")
    asked = world.post("ada", f"@{US} it leaks #Volmera", reply_to="root")
    client = atproto.Client(base_url=f"{world.server.url}/xrpc")
    client.login(US, PASSWORD)
    listed = client.app.bsky.notification.list_notifications({"reasons": ["mention"], "limit": 10})
    assert [(n.reason, n.uri, n.record.reply.root.uri) for n in listed.notifications] == [
        ("mention", asked, root)
    ]
    searched = client.app.bsky.feed.search_posts({"q": "#volmera", "sort": "latest"})
    assert [post.uri for post in searched.posts] == [asked, root]
    kept = client.com.atproto.repo.list_records({"repo": world.did, "collection": "app.bsky.feed.post"})
    assert [record.uri for record in kept.records] == [root]
    assert len(client.app.bsky.feed.get_posts({"uris": [root, asked]}).posts) == 2
    with pytest.raises(BadRequestError):
        client.app.bsky.feed.get_post_thread({"uri": f"{asked}x"})
