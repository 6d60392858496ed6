"""The contract every source inherits, and X under every fault at every request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import demo.x
from demo.common.serving import Server
from tests.sources.contract import SourceContract
from tests.sources.social_faults import LATER
from tests.sources.x_faults import ANSWERS, X, play
from tests.sources.x_world import World, XHarness
from triage.core.errors import Retry


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.x.serve() as running:
        yield running


@pytest.fixture
def world(server: Server) -> World:
    return World(server)


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


class TestXContract(SourceContract):
    """What every source promises."""

    faults: ClassVar[tuple[str, ...]] = tuple(ANSWERS)

    @pytest.fixture
    def harness(self, server: Server) -> Iterator[XHarness]:
        harness = XHarness(server, X)
        yield harness
        harness.stop()

    @pytest.mark.parametrize("name", X)
    def test_recovers_and_our_ledger_is_the_bill(
        self, server: Server, name: str, record_property: Callable[[str, object], None]
    ) -> None:
        harness = XHarness(server, X)
        outcome = play(harness, name)
        paid, billed = sum(harness.world.units.values()), harness.world.billed()
        harness.stop()
        record_property("lost", outcome.lost)
        record_property("doubled", outcome.doubled)
        assert (outcome.lost, outcome.doubled, outcome.quarantined) == (0, 0, 0)
        assert bool(outcome.cut_short) == (outcome.leaves is LATER)
        assert outcome.met, "the fault never struck: the test proves nothing"
        assert paid == billed
