"""Rounds of feeds, Bluesky's and Mastodon's alike: every request spoiled in turn, and any order of events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import demo.bluesky
import demo.mastodon
from demo.common.serving import Server
from tests.sources import bluesky_world, mastodon_world
from tests.sources.contract import Collected, store
from tests.sources.social_store import Stored
from triage.core.errors import Retry

World = bluesky_world.World | mastodon_world.World


@pytest.fixture(scope="module", params=["bluesky", "mastodon"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, Server]]:
    with {"bluesky": demo.bluesky, "mastodon": demo.mastodon}[request.param].serve() as running:
        yield request.param, running


def world_of(served: tuple[str, Server]) -> tuple[World, str]:
    """A fresh world, and how we are called there."""
    name, server = served
    made: World = (bluesky_world if name == "bluesky" else mastodon_world).World(server)
    server.control("limits", {"name": "all", "limit": 100_000})
    return made, bluesky_world.US if name == "bluesky" else "volmera"


def round_(world: World, stored: Stored, collected: Collected) -> bool:
    """One run, to its end or to the first Retry; whether it read everything."""
    more, left = True, False
    while more:
        try:
            page = stored.source(lambda known: world.source(known=known)).pull(collected.cursor)
        except Retry:
            return False
        store(page, collected)
        more = page.has_more
        left = left or bool(page.paused)
    return not left


FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 503},
    {"kind": "rate_limit", "seconds": 60},
    {"kind": "truncated"},
    {"kind": "drop", "when": "after"},
]


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault["kind"]))
def test_whatever_goes_wrong_at_any_request_nothing_is_lost_or_doubled(
    served: tuple[str, Server], fault: dict[str, Any], times: int
) -> None:
    world, us = world_of(served)
    ids = {world.post(f"user{n}", f"@{us} number {n}") for n in range(4)}
    ids |= {world.post(f"tag{n}", f"#Volmera number {n}") for n in range(4)}
    ids.add(world.post(us, "On our way.", reply_to=min(ids)))
    for request in range(8):
        stored, collected = Stored(), Collected()
        world.server.control("faults", {**fault, "skip": request, "times": times})
        runs = 1
        while not round_(world, stored, collected):
            runs += 1
            assert runs < 6, "it never recovers"
        assert sorted(collected.given) == sorted(ids)
        world.server.control("faults", verb="DELETE")


STEPS = st.lists(
    st.sampled_from(["pull", "pull", "pull", "crash", "mention", "tag", "both", "reply", "late"]), max_size=24
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_however_posts_pulls_and_crashes_interleave_all_are_stored_once(
    served: tuple[str, Server], steps: list[str]
) -> None:
    world, us = world_of(served)
    stored, collected = Stored(), Collected()
    first = world.post("ada", f"@{us} first")
    made = {first}
    texts = {"mention": f"@{us} {{}}", "tag": "#Volmera {}", "both": f"@{us} #Volmera {{}}"}
    for n, step in enumerate(steps):
        if step in texts:
            made.add(world.post(f"user{n}", texts[step].format(n)))
        elif step == "late":
            made.add(world.post(f"user{n}", f"#Volmera {n}", ago=120))
        elif step == "reply":
            made.add(world.post(us, f"answer {n}", reply_to=first))
        else:
            page = stored.source(lambda known: world.source(known=known)).pull(collected.cursor)
            if step == "pull":
                store(page, collected)
    for _ in range(2):
        round_(world, stored, collected)
    assert sorted(collected.given) == sorted(made)


@pytest.mark.parametrize("how", [{"status": 502}, {"status": 403}])
def test_a_search_that_is_down_for_hours_keeps_nobody_who_mentions_us_waiting(
    served: tuple[str, Server], how: dict[str, int]
) -> None:
    world, us = world_of(served)
    stored, collected = Stored(), Collected()
    method = "searchPosts" if served[0] == "bluesky" else "tag"
    world.server.control("faults", {"kind": "status", **how, "method": method, "times": 0})
    tagged = [world.post("max", "broken #Volmera", ago=300)]
    for n in range(3):
        mentioned = world.post(f"user{n}", f"@{us} number {n}")
        round_(world, stored, collected)
        assert collected.given[-1] == mentioned
        assert "left for later" in collected.pages[-1].paused
        world.pass_time(hours=1)
    world.server.control("faults", verb="DELETE")
    round_(world, stored, collected)
    assert collected.given[-1:] == tagged
    assert collected.pages[-1].paused == ""
