"""The fault table of X: what is done to the service, by name, and what a person then finds.

Two posts are read, twelve more wait, the fault, three runs. `steps` are control requests of the stand-in; `cap`
is what may be spent that day, `clock` moves both clocks. What spoils an answer also runs in `SourceContract`.
"""

from __future__ import annotations

from typing import Any

from tests.sources.contract import Collected, store
from tests.sources.social_faults import LATER, Fault, Outcome, everywhere, spoil
from tests.sources.x_world import XHarness
from triage.core.errors import CursorExpired, Retry

RESTS = "X rests and says what to do; mail goes on; when it is mended X is read on where it stood"
AGAIN = "the walk starts again from its newest page; what is stored is not stored twice"
MENTIONS = "users.mentions"

ANSWERS = {
    **everywhere(MENTIONS),
    "page token refused": spoil(AGAIN, kind="bad_token", method=MENTIONS, times=1),
    "search down": spoil(LATER, kind="status", status=502, method="search.recent", times=3),
    "search asks for patience": spoil(LATER, kind="rate_limit", seconds=60, method="search.recent"),
    "our own posts unreadable": spoil(LATER, kind="truncated", method="users.tweets", times=3),
    "credits used up, 402": spoil(RESTS, kind="credits", status=402, method=MENTIONS),
    "credits used up, said as 403": spoil(RESTS, kind="credits", status=403, method=MENTIONS),
}


def _does(leaves: str, *steps: tuple[str, dict[str, Any]]) -> Fault:
    return Fault(steps=steps, leaves=leaves)


WORLD = {
    "no credits until somebody adds some": _does(RESTS, ("credits", {"dollars": 0})),
    "the day's cap is reached": _does(RESTS, ("cap", {"dollars": 0.004})),
    "the day's cap pays one page": _does(RESTS, ("cap", {"dollars": 0.012})),
    "silent for eight days": _does(
        "mentions are read over the gap; searches begin seven days back, and the run says what they cannot reach",
        ("clock", {"advance": 8 * 86_400}),
    ),
    "silent over midnight": _does("read on as ever, on the new day's cap", ("clock", {"advance": 86_400})),
    "a post edited before it is read": _does(
        "one message with the new text", ("edit", {"id": "d5", "text": "@volmera d5, corrected"})
    ),
    "a post edited after it was read": _does(
        "the new text takes the place of the old, and waits since the first version",
        ("edit", {"id": "d0", "text": "@volmera d0, corrected"}),
    ),
    "a post edited twice": _does(
        "the last text takes the place of the first",
        ("edit", {"id": "d1", "text": "@volmera d1, corrected"}),
        ("edit", {"id": "d1", "text": "@volmera d1, corrected again"}),
    ),
    "a post deleted before it is read": _does("nobody waits", ("delete", {"id": "d6"})),
    "a post deleted after it was read": _does(
        "it leaves the queue at the next check of the day, free of charge", ("delete", {"id": "d0"})
    ),
    "the check for deleted posts is down": _does(
        "posts are read as ever; the next check is a quarter of an hour later",
        ("faults", {"kind": "status", "status": 503, "method": "tweets.list", "times": 3}),
    ),
}
X = {**ANSWERS, **WORLD}


def _stopped(harness: XHarness, collected: Collected) -> bool:
    """One run, to its end, to a pause or to the first Retry, as triage/ops/collect.py does it."""
    more = True
    while more:
        source = harness.source()
        try:
            page = source.pull(collected.cursor)
        except CursorExpired:
            assert collected.cursor is not None
            collected.cursor = source.resync(collected.cursor)
            continue
        except Retry:
            return True
        store(page, collected)
        harness.world.keep(page)
        more = page.has_more
    return False


def play(harness: XHarness, name: str) -> Outcome:
    """What became of all that was posted: nothing lost, nothing twice, and nobody waits who is gone."""
    harness.checks = True
    collected = Collected()
    harness.deliver(2)
    _stopped(harness, collected)
    harness.deliver(12)
    harness.inject(name)
    cut_short = 0
    for _ in range(3):
        cut_short += _stopped(harness, collected)
        if harness.faults[name].leaves is RESTS:
            assert any(page.paused for page in collected.pages), "it rests, and nobody is told"
        harness.mend()
    live = {post["id"] for post in harness.server.control("snapshot")["posts"] if post["state"] == "live"}
    there = set(collected.given) - set(collected.deleted)
    rules = harness.server.control("faults")["rules"]
    return Outcome(
        fault=name,
        lost=len(live - there),
        doubled=len(collected.given) - len(set(collected.given)) + len(there - live),
        quarantined=len(collected.quarantined),
        cut_short=cut_short,
        met=all(rule["done"] for rule in rules),
        leaves=harness.faults[name].leaves,
    )
