"""The fault table of Gmail: what is done to the service, by name, and what a person then finds.

Each is injected while messages wait to be read, in the first pull and in a later one, and must end with nothing
lost and nothing doubled (`SourceContract`). `steps` are control requests, `act` is what control has no words for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from demo.common.serving import Server
from tests.sources.gmail_harness import ALIAS, ME, PRICES, GmailHarness, mail
from tests.sources.social_faults import LATER, RECOVERED, Fault
from triage.core.types import Cursor, Page
from triage.sources.base import Credentials, SourceSettings
from triage.sources.gmail import GmailSource

ALONE = "the parts that failed are asked for once more, alone; then read in the same run"
NEXT = "the others are read; the run stops early and says why; the next one reads the rest"
RESYNC = "one bounded resync: the window is listed, only what is missing is read"
NEVER = "it is no mail anybody sent us: never read, never shown"
STALLED_SECONDS = 1


@dataclass(frozen=True, kw_only=True)
class GmailFault(Fault):
    """A fault with something done to the mailbox itself."""

    act: Callable[[FaultyHarness], Any] = lambda harness: None


class FaultyHarness(GmailHarness):
    """A mailbox reached with a refresh token, whose sockets are given up soon.

    Once something goes wrong, what was pulled is known to be stored: a resync need not read it again.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.stored: set[str] = set()
        self.injected = False
        self.newest = ""

    def deliver(self, count: int) -> list[str]:
        ids = super().deliver(count)
        self.newest = ids[-1]
        return ids

    def credentials(self, **extra: Any) -> Credentials:
        client = {"client_id": "client-id", "client_secret": "client-secret"}
        token = {"refresh_token": f"refresh-{ME}", "token_uri": f"{self.server.url}/token", **client}
        return super().credentials(**extra or token)

    def source(self, **settings: Any) -> GmailSource:
        given = SourceSettings(account="care", addresses=(ME, ALIAS), prices=PRICES, **settings)
        made = _Remembering(given, self.credentials(), known=self.known)
        made.stored = self.stored
        made._client._http.http.timeout = STALLED_SECONDS
        return made

    def known(self, ids: Sequence[str]) -> set[str]:
        return self.stored & set(ids) if self.injected else set()

    def inject(self, fault: str) -> None:
        self.injected = True
        for path, body in GMAIL[fault].steps:
            self.server.control(path.replace("box/", f"mailboxes/{ME}/"), dict(body))
        GMAIL[fault].act(self)


class _Remembering(GmailSource):
    stored: set[str]

    def pull(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        page = super().pull(cursor, budget=budget)
        self.stored |= {m.key.native_id for m in page.messages}
        return page


EXPIRED = ("box/expire_history", {})
READ: dict[str, Any] = {"method": "messages.get", "where": "batch"}


def _spoil(leaves: str, *rules: dict[str, Any]) -> GmailFault:
    return GmailFault(steps=tuple(("faults", rule) for rule in rules), leaves=leaves)


def _status(method: str, status: int, **more: Any) -> dict[str, Any]:
    return {"method": method, "kind": "status", "status": status, **more}


def _lists(status: int, **more: Any) -> tuple[dict[str, Any], ...]:
    """Whatever the pull begins with: a first one asks for the profile, a later one for history."""
    return tuple(_status(method, status, **more) for method in ("history.list", "getProfile"))


def _put(leaves: str, **fields: Any) -> GmailFault:
    return GmailFault(steps=(), leaves=leaves, act=lambda harness: harness.put([mail(99)], **fields))


def _gone(harness: FaultyHarness) -> None:
    (extra,) = harness.put([mail(99)])
    harness.fault(method="messages.get", kind="gone", path=extra)


def _deleted(harness: FaultyHarness) -> None:
    (extra,) = harness.put([mail(99)])
    harness.box("person", {"action": "delete", "message": extra})


def _refused_for_a_while(harness: FaultyHarness) -> None:
    """Two pulls, each of which asks twice."""
    harness.fault(method="messages.get", kind="status", status=500, path=harness.newest, times=4)


READING = {
    "500 for the batch": _spoil(RECOVERED, _status("batch", 500)),
    "503 for the batch, again and again": _spoil(LATER, _status("batch", 503, times=4)),
    "500 inside the batch": _spoil(ALONE, READ | {"kind": "status", "status": 500, "skip": 1, "times": 2}),
    "500 twice for every part": _spoil(LATER, READ | {"kind": "status", "status": 500, "times": 10}),
    "one message fails in two runs": GmailFault(steps=(), leaves=NEXT, act=_refused_for_a_while),
    "429 inside the batch": _spoil(NEXT, READ | {"kind": "status", "status": 429, "skip": 2, "times": 3}),
    "403 rate limit inside the batch": _spoil(
        NEXT,
        READ | {"kind": "status", "status": 403, "reason": "userRateLimitExceeded", "skip": 1, "times": 2},
    ),
    "429 for every part": _spoil(LATER, READ | {"kind": "status", "status": 429, "times": 5}),
    "429 for the batch, with Retry-After": _spoil(LATER, _status("batch", 429, retry_after=7)),
    "403 rate limit for the batch": _spoil(LATER, _status("batch", 403, reason="rateLimitExceeded")),
    "401 inside the batch": _spoil(
        "the token is renewed, the part asked for again", READ | {"kind": "status", "status": 401, "skip": 1}
    ),
    "batch cut off": _spoil(RECOVERED, {"method": "batch", "kind": "truncated"}),
    "batch is not multipart": _spoil(RECOVERED, {"method": "batch", "kind": "malformed"}),
    "part cut off": _spoil(ALONE, READ | {"kind": "truncated"}),
    "part is not JSON": _spoil(ALONE, READ | {"kind": "malformed", "skip": 1}),
    "connection dropped in the batch": _spoil(RECOVERED, {"method": "batch", "kind": "drop"}),
    "batch done, answer lost": _spoil(RECOVERED, {"method": "batch", "kind": "drop", "when": "after"}),
    "socket stalls in the batch": _spoil(RECOVERED, {"method": "batch", "kind": "hang", "seconds": 30}),
    "mail gone between history and get": GmailFault(
        steps=(), leaves="told as deleted, the others are read", act=_gone
    ),
    "mail deleted before it is read": GmailFault(
        steps=(), leaves="told as deleted, no unit is spent on it", act=_deleted
    ),
    "a draft among them": _put(NEVER, labels=["DRAFT"]),
    "a chat among them": _put(NEVER, labels=["CHAT"]),
    "spam among them": _put("not read as long as it lies there", labels=["SPAM", "UNREAD"]),
    "trash among them": _put("not read as long as it lies there", labels=["TRASH"]),
}

FINDING = {
    "500 for lists": _spoil(RECOVERED, *_lists(500)),
    "408 for lists": _spoil(RECOVERED, *_lists(408)),
    "503 for lists, again and again": _spoil(LATER, *_lists(503, times=4)),
    "429 for lists": _spoil(LATER, *_lists(429)),
    "403 quota for lists": _spoil(LATER, *_lists(403, reason="quotaExceeded")),
    "lists cut off": _spoil(
        RECOVERED,
        {"method": "history.list", "kind": "truncated"},
        {"method": "messages.list", "kind": "truncated"},
    ),
    "lists are not JSON": _spoil(
        RECOVERED,
        {"method": "history.list", "kind": "malformed"},
        {"method": "messages.list", "kind": "malformed"},
    ),
    "token endpoint down": _spoil(LATER, {"method": "token", "kind": "drop", "times": 9}),
    "history repeats itself": _spoil(
        "each message is read once", {"method": "history.list", "kind": "repeat_history", "times": 0}
    ),
    "page of history without records": _spoil(
        "the next page is asked for", {"method": "history.list", "kind": "empty_history"}
    ),
    "history page token refused": _spoil(
        "the walk starts again where it began",
        {"method": "history.list", "kind": "empty_history"},
        _status("history.list", 400),
    ),
    "history expired": GmailFault(steps=(EXPIRED,), leaves=RESYNC),
    "history expired in mid-walk": _spoil(
        RESYNC, {"method": "history.list", "kind": "empty_history"}, _status("history.list", 404)
    ),
    "history expired again after the resync": _spoil(
        "a second resync, which finds nothing missing; then history goes on",
        _status("history.list", 404, times=2),
    ),
    "history expired, then the list is down": GmailFault(
        steps=(EXPIRED, ("faults", _status("messages.list", 503, times=3))), leaves=f"{LATER}; then {RESYNC}"
    ),
}

GMAIL: dict[str, GmailFault] = {**READING, **FINDING}
