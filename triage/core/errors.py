"""One tree of errors, named by what the caller does next.

TriageError
├── ConfigError      a person mends a file; nothing has run
├── Fatal            page somebody: no retry will help (revoked token, missing scope)
├── Retry            try the same thing again, not before `after`
├── CursorExpired    the source forgot our cursor: resync within a bound
├── Skip             quarantine this one item and go on
├── Declined         the platform will not take this one thing that we wrote: show its words, go on
└── InDoubt          a request went out and nobody knows what became of it: find out before doing it again
"""

from __future__ import annotations

from datetime import timedelta


class TriageError(Exception):
    """Base of every error this product raises on purpose; its text names the thing and the mend."""


class ConfigError(TriageError):
    """A configuration file is wrong. The text carries file, line and mend."""


class Fatal(TriageError):
    """Nothing we can do alone: a person has to act (credentials, scope, wrong address)."""


class Retry(TriageError):
    """The other side asks for patience. `after` is how long to wait; the work done so far is kept."""

    def __init__(self, message: str, *, after: timedelta = timedelta(seconds=60)) -> None:
        super().__init__(message)
        self.after = after


class CursorExpired(TriageError):
    """The source no longer knows our cursor (Gmail: history id too old; X: since_id past seven days)."""


class Skip(TriageError):
    """This item cannot be read. It is put in quarantine with this text as its reason."""


class Declined(TriageError):
    """The platform refuses what we wrote, in the words that this carries. Nothing went out."""


class InDoubt(TriageError):
    """What we sent may have arrived or not: the answer was lost. It must not be sent again before that is known."""
