"""The fault table of Bluesky and Mastodon: what is done to the service, by name, and what a person then finds.

Each is injected by the stand-in while messages wait to be read, in the first pull and in a later one, and
must end with nothing lost and nothing doubled (`SourceContract`). `steps` are control requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from demo.common.serving import Server
from tests.sources.contract import Collected, Harness, collect, store
from triage.core.errors import CursorExpired, Retry


class Hurt(Harness, Protocol):
    """A harness whose stand-in can be asked what it spoiled."""

    server: Server


RECOVERED = "read in the same run, after up to two retries"
LEFT = "the other feeds are read, the page says why this one is not; the next round reads it"
LATER = "the run stops early and says why; the next one reads the rest"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is done, as control requests (path, body), and the state that it leaves."""

    steps: tuple[tuple[str, Mapping[str, Any]], ...]
    leaves: str


def spoil(leaves: str, **rule: Any) -> Fault:
    return Fault(steps=(("faults", rule),), leaves=leaves)


def everywhere(first: str) -> dict[str, Fault]:
    """Faults of any service; `first` is the method that lists mentions."""
    return {
        "500 once": spoil(RECOVERED, kind="status", status=500, method=first),
        "503 four times": spoil(LATER, kind="status", status=503, method=first, times=4),
        "408 once": spoil(RECOVERED, kind="status", status=408, method=first),
        "429 with the reset header": spoil(LATER, kind="rate_limit", seconds=120, method=first),
        "429 without a header": spoil(LATER, kind="status", status=429, method=first),
        "answer cut off": spoil(RECOVERED, kind="truncated", method=first),
        "answer cut off three times": spoil(LATER, kind="truncated", method=first, times=3),
        "answer is not JSON": spoil(RECOVERED, kind="malformed", method=first),
        "connection dropped": spoil(RECOVERED, kind="drop", method=first),
        "answer lost after the work": spoil(RECOVERED, kind="drop", when="after", method=first),
        "socket that stalls": spoil(RECOVERED, kind="hang", seconds=30, method=first),
        "empty page with a next one": spoil("the next page is read", kind="empty_page", method=first),
    }


BLUESKY = {
    **everywhere("listNotifications"),
    "page token refused": spoil(
        "the feed is walked again from its newest", kind="status", status=400, reason="InvalidRequest",
        message="Malformed cursor", method="listNotifications", skip=1,
    ),
    "access token runs out": Fault(steps=(("expire", {}),), leaves="the session is refreshed, without a login"),
    "session revoked": Fault(steps=(("revoke", {}),), leaves="one login, then read as ever"),
    "refresh refused": Fault(
        steps=(
            ("expire", {}),
            ("faults", {"kind": "status", "status": 400, "reason": "ExpiredToken", "method": "refreshSession"}),
        ),
        leaves="one login, then read as ever",
    ),
    "login refused once": Fault(
        steps=(
            ("revoke", {}),
            ("faults", {"kind": "status", "status": 401, "reason": "Unauthorized", "method": "createSession"}),
        ),
        leaves="the second login is let in",
    ),
    "too many logins": Fault(
        steps=(("revoke", {}), ("faults", {"kind": "rate_limit", "seconds": 300, "method": "createSession"})),
        leaves=LATER,
    ),
    "our own posts unreadable": spoil(LEFT, kind="truncated", method="listRecords", times=3),
    "search down": spoil(LEFT, kind="status", status=502, method="searchPosts", times=3),
}  # fmt: skip

MASTODON = {
    **everywhere("notifications"),
    "page token refused": spoil(
        "the feed is walked again from its newest", kind="status", status=422, method="notifications", skip=1
    ),
    "who we are is not told": spoil(LATER, kind="status", status=500, method="whoami", times=3),
    "ancestors not told": spoil(LATER, kind="status", status=503, method="context", times=3),
    "429 among the ancestors": spoil(LATER, kind="rate_limit", seconds=60, method="context"),
    "our own posts unreadable": spoil(LEFT, kind="truncated", method="own", times=3),
    "hashtag timeline down": spoil(LEFT, kind="status", status=502, method="tag", times=3),
}


def _stopped(harness: Harness, collected: Collected) -> bool:
    """One run, to its end or to the first Retry, as triage/ops/collect.py does it."""
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
        more = page.has_more
    return False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One row of the fault table. `cut_short`: runs that stopped early; `met`: every rule spoiled something."""

    fault: str
    lost: int
    doubled: int
    quarantined: int
    cut_short: int
    met: bool
    leaves: str


def play(harness: Hurt, name: str, fault: Fault) -> Outcome:
    """Two messages read, five more waiting, the fault, two runs: what became of the five."""
    collected = collect(harness)
    harness.deliver(2)
    collect(harness, collected)
    before = len(collected.given)
    ids = harness.deliver(5)
    harness.inject(name)
    cut_short = sum(_stopped(harness, collected) for _ in range(3))
    given = collected.given[before:]
    rules = harness.server.control("faults")["rules"]
    return Outcome(
        fault=name,
        lost=len(set(ids) - set(given)),
        doubled=len(given) - len(set(given)),
        quarantined=len(collected.quarantined),
        cut_short=cut_short,
        met=all(rule["done"] for rule in rules),
        leaves=fault.leaves,
    )
