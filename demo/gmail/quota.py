"""Quota units: the price of each method, the sliding minute of each user, and the running totals."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import Any

from demo.common.clock import Clock
from demo.gmail.errors import over_quota

UNITS_PER_MINUTE = 6_000
WINDOW_SECONDS = 60.0
FORMS = ("403", "403user", "429")

# The prices in force since 2026-05-01; those marked with a question mark in FACTS.md are kept from before.
UNITS = {
    "gmail.users.getProfile": 1,
    "gmail.users.watch": 100,
    "gmail.users.stop": 50,
    "gmail.users.history.list": 2,
    "gmail.users.settings.sendAs.list": 1,
    "gmail.users.labels.list": 1,
    "gmail.users.labels.get": 1,
    "gmail.users.labels.create": 5,
    "gmail.users.labels.patch": 5,
    "gmail.users.labels.update": 5,
    "gmail.users.labels.delete": 5,
    "gmail.users.messages.list": 5,
    "gmail.users.messages.get": 20,
    "gmail.users.messages.attachments.get": 20,
    "gmail.users.messages.modify": 5,
    "gmail.users.messages.batchModify": 50,
    "gmail.users.messages.batchDelete": 50,
    "gmail.users.messages.trash": 5,
    "gmail.users.messages.untrash": 5,
    "gmail.users.messages.delete": 10,
    "gmail.users.messages.send": 100,
    "gmail.users.threads.list": 10,
    "gmail.users.threads.get": 40,
    "gmail.users.threads.modify": 10,
    "gmail.users.threads.trash": 10,
    "gmail.users.threads.untrash": 10,
    "gmail.users.threads.delete": 20,
}


class Meter:
    """Units spent by each mailbox, and by all of them (a project), within the last minute."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.limit: int | None = UNITS_PER_MINUTE
        self.project: int | None = None
        self.form = "alternate"
        self._spent: dict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._refusals = 0

    def used(self, address: str) -> int:
        """Units inside the window now."""
        spent = self._spent[address]
        start = self.clock.now() - WINDOW_SECONDS
        while spent and spent[0][0] <= start:
            spent.popleft()
        return sum(units for _, units in spent)

    def charge(self, address: str, units: int) -> None:
        """Take units from the minute of the mailbox and the project, or refuse as Google does; that costs nothing."""
        if self.project is not None and sum(map(self.used, list(self._spent))) + units > self.project:
            raise over_quota("403")
        if self.limit is not None and self.used(address) + units > self.limit:
            form = FORMS[self._refusals % len(FORMS)] if self.form == "alternate" else self.form
            self._refusals += 1
            raise over_quota(form)
        self._spent[address].append((self.clock.now(), units))

    def forget(self) -> None:
        """Start every window afresh."""
        self._spent.clear()


class Stats:
    """What was asked, what it cost, and which errors were given, since the last reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start counting from zero."""
        self.batches: list[int] = []
        self.requests: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.errors: dict[str, Counter[str]] = defaultdict(Counter)
        self.box_requests: Counter[str] = Counter()
        self.box_units: Counter[str] = Counter()

    def record(self, method: str, address: str | None, status: int, units: int) -> None:
        """Count one request, or one part of a batch."""
        self.requests[method] += 1
        self.units[method] += units
        if status >= 400 or status == 0:
            self.errors[method][str(status)] += 1
        if address is not None:
            self.box_requests[address] += 1
            self.box_units[address] += units

    def as_json(self) -> dict[str, Any]:
        """The totals, by method, by mailbox and by error; status 0 is a connection dropped on purpose."""
        errors: Counter[str] = Counter()
        for counts in self.errors.values():
            errors.update(counts)
        return {
            "requests": self.requests.total(),
            "units": self.units.total(),
            "batches": {"count": len(self.batches), "largest": max(self.batches, default=0)},
            "errors": dict(sorted(errors.items())),
            "methods": {
                name: {
                    "requests": count,
                    "units": self.units[name],
                    "errors": dict(sorted(self.errors.get(name, {}).items())),
                }
                for name, count in sorted(self.requests.items())
            },
            "mailboxes": {
                address: {"requests": count, "units": self.box_units[address]}
                for address, count in sorted(self.box_requests.items())
            },
        }
