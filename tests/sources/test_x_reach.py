"""X: how far back it reaches, by mentions and by search, and what becomes of those that wait beyond."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

import demo.x
from demo.common.serving import Server
from tests.sources.x_world import World
from triage.core.errors import CursorExpired


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.x.serve() as running:
        yield running


@pytest.fixture
def world(server: Server) -> World:
    return World(server)


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
    assert [page.reset for page in pages] == [True, False, False]
    assert [bool(page.paused) for page in pages] == [False, False, True]
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
    for _ in ("mentions", "own"):
        cursor = world.keep(source.pull(cursor))
    with pytest.raises(CursorExpired, match="seven days"):
        source.pull(cursor)
    world.offset += timedelta(days=7)
    fresh = world.post("fresh", text="#Volmera fresh", ago=60)
    world.round(source, source.resync(cursor))
    assert fresh in world.stored


def test_mentions_beyond_the_last_800_are_found_by_search(world: World) -> None:
    world.many(1000)
    _, pages = world.round(world.source(page_size=100))
    assert set(world.stored) == world.live()
    assert world.doubles == 0
    assert len(pages) == 8 + 2 + 1 + 1


def test_a_resync_reaches_seven_days_whatever_first_sync_is_and_only_for_its_own_round(world: World) -> None:
    source = world.source(first_sync=timedelta(hours=1))
    cursor, _ = world.round(source)
    lost = world.post("lost", text="#Volmera lost", ago=6 * 86_400)
    other = world.post("other", text="#Other three days old", ago=3 * 86_400)
    cursor, _ = world.round(source, source.resync(cursor))
    assert set(world.stored) == {lost}
    world.round(world.source(["#Volmera", "#Other"], first_sync=timedelta(hours=1)), cursor)
    assert other not in world.stored


def test_a_gap_is_told_once(world: World) -> None:
    source = world.source()
    cursor, _ = world.round(source)
    world.sleep_until_later(days=9)
    cursor, first = world.round(source, source.resync(cursor))
    _, second = world.round(source, cursor)
    assert first[-1].paused.startswith("gap: ")
    assert [page.paused for page in second] == ["", "", ""]


def test_the_search_beyond_the_last_800_mentions_stays_within_first_sync(world: World) -> None:
    world.many(1000)
    older = world.post("older", text="@volmera long ago", ago=9000)
    world.round(world.source(page_size=100, first_sync=timedelta(hours=2)))
    assert set(world.stored) == world.live() - {older}


def test_the_search_beyond_the_last_800_mentions_asks_no_further_than_x_searches(world: World) -> None:
    world.many(1000)
    world.round(world.source(page_size=100, first_sync=timedelta(days=30)))
    assert set(world.stored) == world.live()


def test_a_storm_of_mentions_between_two_rounds_loses_nobody(world: World) -> None:
    world.many(50, ago=9000, prefix="before")
    source = world.source(page_size=100)
    cursor, _ = world.round(source)
    world.many(1000)
    _, pages = world.round(source, cursor)
    assert set(world.stored) == world.live()
    assert sum(len(page.messages) for page in pages) == 1000


def test_a_walk_that_rested_for_over_a_week_expires_too(world: World) -> None:
    world.many(25, text="#Volmera {}")
    source = world.source()
    cursor = world.keep(source.pull(world.keep(source.pull(world.keep(source.pull(None))))))
    assert "token" in cursor.value["walk"]
    world.sleep_until_later(days=8)
    with pytest.raises(CursorExpired, match="rested since"):
        world.round(source, cursor)
    late = world.post("late", text="#Volmera late", ago=60)
    world.stored.clear()
    _, pages = world.round(source, source.resync(cursor))
    assert set(world.stored) == {late}
    assert "gap" in pages[-1].paused


def test_mentions_do_not_wait_for_a_long_search(world: World) -> None:
    world.many(40, text="#Volmera {}", prefix="tags")
    source, cursor = world.source(), None
    for _ in range(3):
        cursor = world.keep(source.pull(cursor))
    assert cursor is not None
    assert "token" in cursor.value["walk"]
    asked = world.post("asked", ago=1)
    world.sleep_until_later(minutes=2)
    cursor = world.keep(source.pull(cursor))
    assert asked in world.stored
    assert "token" in cursor.value["held"]
    before = world.billed()
    world.round(source, cursor)
    assert set(world.stored) == world.live()
    assert world.doubles == 0
    assert world.billed() - before == 30 * 5_000, "the search went on where it was"


def test_old_mentions_that_are_searched_for_do_not_hold_up_new_ones(world: World) -> None:
    world.many(1000, ago=40_000)
    source, cursor = world.source(page_size=100), None
    while cursor is None or "until" not in cursor.value.get("walk", {}):
        cursor = world.keep(source.pull(cursor))
    new = world.post("new", ago=1)
    page = source.pull(cursor, budget=49_999)
    assert page.paused.startswith("budget:")
    cursor = world.keep(source.pull(page.cursor, budget=49_999))
    assert new in world.stored
    world.round(source, cursor)
    assert set(world.stored) == world.live()
    assert world.doubles == 0


def test_old_mentions_that_came_out_of_reach_meanwhile_are_given_up_without_asking(world: World) -> None:
    world.many(1000, ago=40_000)
    source, cursor = world.source(["#Volmera"], page_size=100), None
    while cursor is None or "until" not in cursor.value.get("walk", {}):
        cursor = world.keep(source.pull(cursor))
    for _ in range(4):
        world.sleep_until_later(days=2)
        cursor = world.keep(source.pull(cursor, budget=49_999))
    new = world.post("new", ago=1)
    while new not in world.stored:
        cursor = world.keep(source.pull(cursor))
    assert len(world.stored) >= 800
