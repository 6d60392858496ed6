"""Everything the stand-in holds: users, posts, limits, ledger, faults, and the clock they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from demo.common.clock import Clock
from demo.common.database import Database
from demo.common.faults import FaultBook
from demo.x.contract import x_contract
from demo.x.errors import XError
from demo.x.ledger import LEDGER_SCHEMA, Ledger
from demo.x.limits import Limits
from demo.x.people import USER_SCHEMA, People
from demo.x.posts import POST_SCHEMA, Posts

QUIRKS = ("rate_limit", "credits", "empty_page", "bad_token")
SETTINGS = {"search_lag": "0", "reply_policy": "summoned", "bill_expansions": "yes"}


class Hub:
    """The state of one running stand-in."""

    def __init__(self, path: str) -> None:
        self.database = Database(path, USER_SCHEMA + POST_SCHEMA + LEDGER_SCHEMA)
        self.contract = x_contract()
        self.clock = Clock(float(self.database.setting("clock", "0")))
        self.limits = Limits(self.clock)
        self.faults = FaultBook(quirks=QUIRKS, methods={name: name for name in self.contract.endpoints})
        self.load()

    def load(self) -> None:
        """Read what the database holds."""
        self.people = People(self.database)
        self.posts = Posts(self.database)
        self.ledger = Ledger(self.database, self.clock)

    @contextmanager
    def change(self) -> Iterator[None]:
        """All or nothing, in the database and in memory; what X refuses is refused before it changes anything."""
        try:
            with self.database.change():
                yield
        except XError:
            raise
        except BaseException:
            self.load()
            raise

    @property
    def now_ms(self) -> int:
        """The stand-in's clock, in milliseconds since 1970."""
        return int(self.clock.now() * 1000)

    def setting(self, name: str) -> str:
        """A setting, or what it is by default."""
        return self.database.setting(name, SETTINGS[name])

    def advance(self, seconds: float) -> float:
        """Move the clock, for this run and the next."""
        now = self.clock.advance(seconds)
        self.database.remember("clock", str(self.clock.offset))
        return now

    def reset(self) -> None:
        """Back to an empty stand-in."""
        self.database.wipe()
        self.clock.offset = 0.0
        self.limits.restore()
        self.faults.clear()
        self.load()

    def close(self) -> None:
        """Close the database."""
        self.database.close()
