"""Requests per quarter of an hour, by app or by user."""

from __future__ import annotations

from dataclasses import dataclass

from demo.common.clock import Clock
from demo.common.web import ControlError
from demo.x.people import Caller

WINDOW_SECONDS = 900
DEFAULTS: dict[str, dict[str, int]] = {  # docs.x.com/x-api/fundamentals/rate-limits, August 2026
    "users.me": {"user": 75},
    "users.by": {"app": 300, "user": 900},
    "users.by_username": {"app": 300, "user": 900},
    "users.get": {"app": 300, "user": 900},
    "users.mentions": {"app": 450, "user": 300},
    "users.tweets": {"app": 10_000, "user": 900},
    "search.recent": {"app": 450, "user": 300},
    "counts.recent": {"app": 300, "user": 300},
    "tweets.list": {"app": 3500, "user": 5000},
    "tweets.get": {"app": 450, "user": 900},
    "tweets.create": {"user": 100},
    "tweets.delete": {"user": 50},
}


@dataclass
class Span:
    """What one caller used of one endpoint since the window opened."""

    opened: float
    used: int = 0


class Limits:
    """The windows; they are forgotten at a restart."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.table = {name: dict(limits) for name, limits in DEFAULTS.items()}
        self.spans: dict[tuple[str, str, int], Span] = {}

    def take(self, endpoint: str, caller: Caller) -> tuple[bool, dict[str, str]]:
        """Count a request; whether it is within the limit, and the headers that say so."""
        key, now = (endpoint, caller.kind, caller.user.id), self.clock.now()
        span = self.spans.get(key)
        if span is None or now >= span.opened + WINDOW_SECONDS:
            span = self.spans[key] = Span(now)
        limits = self.table[endpoint]
        limit = limits.get(caller.kind, next(iter(limits.values())))
        allowed = span.used < limit
        span.used += allowed
        return allowed, headers(limit, limit - span.used, span.opened + WINDOW_SECONDS)

    def change(self, endpoint: str, **limits: int | None) -> None:
        """Set limits of an endpoint."""
        if endpoint not in self.table:
            raise ControlError(f"There is no endpoint {endpoint!r}: use one of {', '.join(self.table)}.")
        self.table[endpoint] |= {kind: value for kind, value in limits.items() if value is not None}

    def forget(self) -> None:
        """Empty the windows."""
        self.spans.clear()

    def restore(self) -> None:
        """X's own limits, and empty windows."""
        self.table = {name: dict(limits) for name, limits in DEFAULTS.items()}
        self.forget()


def headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    """X's three headers; `reset` in seconds since 1970."""
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(max(0, remaining)),
        "x-rate-limit-reset": str(int(reset)),
    }
