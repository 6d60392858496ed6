"""X over HTTP against the stand-in: rounds, pages, bounds, whose branch a post is on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import demo.x
from demo.common.serving import Server
from tests.sources.x_world import TOKEN, World
from triage.core.errors import CursorExpired, Fatal
from triage.core.types import Cursor, Direction
from triage.sources.x_query import pack, term
from triage.sources.x_round import VERSION


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
    assert [page.has_more for page in pages] == [True, True, False]
    assert world.stored[asked].author_name == ""
    assert world.stored[asked].url == f"https://x.com/i/status/{asked}"
    assert world.stored[reply].author_name == "@volmera"
    assert world.stored[tagged].extra["hashtags"] == ["Volmera"]
    assert cursor.value["turn"] == "mentions:volmera"


def test_a_post_by_mention_and_by_search_is_one_message(world: World) -> None:
    both = world.post("both", text="@volmera it broke #Volmera")
    without_memory = world.source(known=lambda ids: set(), first_sync=timedelta(hours=2))
    first = without_memory.pull(None)
    second = without_memory.pull(without_memory.pull(first.cursor).cursor)
    assert [m.key for m in first.messages] == [m.key for m in second.messages]
    assert (
        first.messages[0].conversation
        == second.messages[0].conversation
        == f"{both}/{first.messages[0].author}"
    )
    _, pages = world.round(world.source())
    assert [len(page.messages) for page in pages] == [1, 0, 0]
    assert world.units == {"mention": 1_000, "user": 10_000}


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
    source = world.source(known=lambda ids: set(), first_sync=timedelta(hours=2))
    cursor, pages = world.round(source)
    assert [len(page.messages) for page in pages] == [10, 10, 5, 0, 0]
    again, pages = world.round(source, cursor)
    assert [len(page.messages) for page in pages] == [0, 0, 0]
    world.post("late", text="@volmera #Volmera late", ago=1)
    _, pages = world.round(source, again)
    assert [len(page.messages) for page in pages] == [1, 0, 1]


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
    assert [len(page.messages) for page in pages] == [10, 0, 0, 0]
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
    assert len(pages) == 2 + len(pack([term(text) for text in track]))
    assert len(pages) > 4
    assert all(cursor.value["done"][text] for text in track)


def test_a_changed_list_of_terms_reads_the_changed_query_anew_and_forgets_the_old_one(world: World) -> None:
    early = world.post("early", text="#Later", ago=700)
    cursor, _ = world.round(world.source(["#Volmera"]))
    assert early not in world.stored
    cursor, _ = world.round(world.source(["#Volmera", "#Later"]), cursor)
    assert early in world.stored
    cursor, _ = world.round(world.source(["#Later"]), cursor)
    assert set(cursor.value["done"]) == {"mentions:volmera", "own:volmera", "#Later"}


def test_a_term_that_is_added_does_not_read_the_others_again(world: World) -> None:
    world.many(12, text="#Volmera {}", ago=2 * 86_400)
    cursor, _ = world.round(world.source(["#Volmera"]))
    world.sleep_until_later(days=1)
    before = world.billed()
    world.post("later", text="#Later", ago=1000)
    cursor, _ = world.round(world.source(["#Volmera", "#Later"]), cursor)
    assert world.billed() - before == 5_000
    world.post("both", text="#Volmera #Later", ago=1)
    cursor, pages = world.round(world.source(["#Volmera", "#Later"]), cursor)
    cursor, pages = world.round(world.source(["#Volmera", "#Later"]), cursor)
    assert len(pages) == 3, "terms that were found on one day share a query again"
    assert world.billed() - before == 10_000 == sum(world.units.values()) - before
    assert set(world.stored) == world.live()


def test_a_walk_whose_query_is_gone_from_the_configuration_is_left(world: World) -> None:
    world.many(25, text="#Volmera {}")
    source, cursor = world.source(), None
    for _ in range(3):
        cursor = world.keep(source.pull(cursor))
    assert cursor is not None
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
    page = source.pull(Cursor(account="brand", version=VERSION, value=stale))
    assert page.has_more
    assert not page.messages
    world.round(source, world.keep(page))
    assert set(world.stored) == world.live()
    twice = {**stale, "walk": {**stale["walk"], "restarted": True}}
    with pytest.raises(Fatal, match="twice"):
        source.pull(Cursor(account="brand", version=VERSION, value=twice))


def test_a_revoked_token_is_fatal(world: World) -> None:
    world.server.control("tokens/revoke", {"token": TOKEN})
    with pytest.raises(Fatal, match="401"):
        world.source().pull(None)


def test_ids_of_different_lengths_do_not_confuse_the_order(world: World) -> None:
    """Since 2010 ids have grown from 18 to 19 digits; as text, 9… is above 1…."""
    stale = Cursor(
        account="brand",
        version=VERSION,
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


def test_a_look_goes_through_the_feeds_and_wakes_nobody_for_nothing(world: World) -> None:
    source = world.source()
    page = source.look(None)
    assert (page.messages, page.has_more) == ((), False)
    cursor = world.keep(page)
    tagged = world.post("tagged", text="#Volmera", ago=1)
    page = source.look(cursor)
    assert [m.key.native_id for m in page.messages] == [tagged]
    world.keep(page)
    assert sum(world.units.values()) == world.billed() == 15_000
