"""What X costs, against what the stand-in bills: units, budgets, credits, rate limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

import demo.x
from demo.common.serving import Server
from tests.sources.x_world import World, XHarness
from triage.core.errors import Retry


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.x.serve() as running:
        yield running


@pytest.fixture
def world(server: Server) -> World:
    return World(server)


def test_a_budget_below_the_smallest_page_pauses_without_asking(world: World) -> None:
    world.many(30)
    source = world.source()
    cursor = world.keep(source.pull(None))
    before = world.server.control("stats")["requests"]
    page = source.pull(cursor, budget=4_999)
    assert page.paused.startswith("budget: ")
    assert page.cursor == cursor
    assert (page.messages, page.has_more) == ((), False)
    assert world.server.control("stats")["requests"] == before
    assert source.pull(None, budget=0).paused


def test_a_small_budget_takes_smaller_pages_and_is_never_overdrawn(world: World) -> None:
    world.many(30, text="@volmera #Volmera {}")
    source, cursor, more = world.source(page_size=100), None, True
    for _ in range(40):
        page = source.pull(cursor, budget=70_000)
        assert not page.paused
        assert sum(len(read.ids) * read.price for read in page.reads) <= 70_000
        cursor, more = world.keep(page), page.has_more
        if not more:
            break
    assert not more
    assert set(world.stored) == world.live()


@pytest.mark.parametrize("names", ["never", "always"])
def test_what_is_counted_is_what_x_bills(world: World, names: str) -> None:
    for n in range(30):
        world.post(f"p{n}", f"user{n % 7}", text=f"@volmera {'#Volmera' if n % 3 else ''} {n}", ago=1000 - n)
    world.many(12, text="only #Volmera {}", prefix="tags")
    world.post("own", "volmera", text="our own #Volmera", ago=50)
    cursor, _ = world.round(world.source(names=names))
    world.round(world.source(["#Volmera", "#More"], names=names), cursor)
    authors = 7 + 12 + 1 if names == "always" else 1
    assert world.units == {"mention": 30_000, "own": 1_000, "post": 60_000, "user": authors * 10_000}
    assert sum(world.units.values()) == world.billed()


def test_a_post_found_by_mention_and_by_search_is_paid_once_a_day(world: World) -> None:
    world.post("both", text="@volmera it broke #Volmera")
    no_memory = world.source(known=lambda ids: set(), first_sync=timedelta(hours=2))
    _, pages = world.round(no_memory)
    assert [len(page.messages) for page in pages] == [1, 0, 1]
    once = world.billed()
    assert once == 10_000 + 1_000
    world.round(no_memory)
    assert world.billed() == once == sum(world.units.values())


def test_a_search_on_a_later_day_leaves_out_what_the_timelines_have_found(world: World) -> None:
    world.many(12, text="@volmera it broke #Volmera {}")
    tagged = world.post("tagged", text="only #Volmera")
    world.post("own", "volmera", text="our own #Volmera")
    source = world.source()
    cursor = world.keep(source.pull(None))
    for _ in ("mentions", "own"):
        cursor = world.keep(source.pull(cursor))
    world.to_noon()
    world.round(source, cursor)
    assert tagged in world.stored
    assert world.billed() == sum(world.units.values()) == 10_000 + 12_000 + 1_000 + 5_000


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


def test_a_pause_for_the_budget_leaves_the_cursor_as_it_was_whatever_the_configuration_says(
    world: World,
) -> None:
    world.many(25, text="#Volmera {}")
    source = world.source()
    cursor = world.keep(source.pull(world.keep(source.pull(world.keep(source.pull(None))))))
    assert world.source(["#Other"]).pull(cursor, budget=0).cursor == cursor


def test_a_post_that_cannot_be_read_costs_like_any_other(server: Server) -> None:
    harness = XHarness(server, {})
    harness.deliver(2)
    harness.deliver_unreadable()
    page = harness.source().pull(None)
    harness.stop()
    assert (len(page.messages), len(page.quarantined)) == (2, 1)
    assert [(read.method, len(read.ids)) for read in page.reads] == [("user", 1), ("mention", 3)]
