"""Six hours without network, in simulated time: everything arrives, the urgent first, and no quota is exceeded.

python -m benchmarks outage [-- --mails 3000] [-- --posts 400]

Gmail's and X's stand-ins keep their own limits and refuse what passes them; a minute of theirs and of our ledger
passes when we say so.
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

import demo.gmail
import demo.x
from benchmarks.kit import database, show
from demo.common.serving import Server
from triage import config
from triage.core.errors import Retry
from triage.ops import care
from triage.ops.collect import collect
from triage.ops.sources import for_account, limits_of
from triage.sources.base import Credentials
from triage.store import db

MAILBOX = "care@volmera.example"
OUT = timedelta(hours=6)
TRIED = timedelta(minutes=15)
"""Between two runs while the network is gone: each tries three times before it gives up."""

MINUTE = timedelta(minutes=1)
URGENT_EVERY = 40
URGENT = ("My son was injured by it.", "Le mixeur a pris feu dans la cuisine.")


@dataclass
class World:
    """Two accounts, their services, our database, and a clock that all three follow."""

    gmail: Server
    x: Server
    connection: Connection
    settings: config.Settings = field(default_factory=config.load)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    mails: int = 0
    posts: int = 0
    urgent: int = 0

    def passes(self, time: timedelta) -> None:
        """Time passes everywhere: at the services, and for the units in our ledger."""
        self.now += time
        for server in (self.gmail, self.x):
            server.control("clock", {"advance": time.total_seconds()})
        with db.transaction(self.connection):
            db.execute(self.connection, "UPDATE triage.quota_use SET at = at - %s", (time,))

    def network(self, *, up: bool) -> None:
        """Every connection is dropped, or none."""
        for server in (self.gmail, self.x):
            if up:
                server.control("faults", verb="DELETE")
            else:
                server.control("faults", {"kind": "drop", "times": 0})

    def arrive(self, mails: int, posts: int) -> None:
        """What customers write within a quarter of an hour."""
        items = [self._mail() for _ in range(mails)]
        if items:
            self.gmail.control(f"mailboxes/{MAILBOX}/deliver", {"messages": items})
        made = [self._post() for _ in range(posts)]
        if made:
            self.x.control("deliver", {"posts": made})

    def _mail(self) -> dict[str, Any]:
        self.mails += 1
        urgent = self.mails % URGENT_EVERY == 0
        self.urgent += urgent
        text = URGENT[self.mails % 2] if urgent else "Where is my parcel? I have waited for a week."
        raw = (
            f"From: c{self.mails}@post.example\r\nTo: {MAILBOX}\r\nMessage-ID: <{self.mails}@post.example>\r\n"
            f"Subject: Number {self.mails}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        ).encode()
        return {
            "raw": base64.urlsafe_b64encode(raw).decode(), "labels": ["INBOX", "UNREAD"],
            "internalDate": int(self.now.timestamp() * 1000) + self.mails,
        }  # fmt: skip

    def _post(self) -> dict[str, str]:
        self.posts += 1
        at = self.now - MINUTE + timedelta(milliseconds=self.posts)
        return {
            "id": f"p{self.posts}", "author": f"customer{self.posts}", "text": f"@volmera number {self.posts}",
            "created_at": at.isoformat(),
        }  # fmt: skip

    def cycle(self) -> tuple[int, list[str]]:
        """One run of each account's DAG: messages kept, and what the accounts that failed said."""
        kept, failed = 0, []
        for account in self.settings.triage.accounts:
            source = for_account(self.connection, account, self.settings, self._credentials(account.source))
            try:
                report = collect(self.connection, source, account.name, **limits_of(account, self.settings))
                kept += report.kept
            except Retry as error:
                failed.append(str(error))
        return kept, failed

    def _credentials(self, source: str) -> Credentials:
        if source == "x":
            return Credentials(login="@volmera", password="app-token", extra={"api_endpoint": self.x.url})
        extra = {
            "api_endpoint": self.gmail.url, "token_uri": f"{self.gmail.url}/token", "client_id": "client-id",
            "client_secret": "client-secret", "refresh_token": f"refresh-{MAILBOX}",
        }  # fmt: skip
        return Credentials(login=MAILBOX, extra=extra)

    def stored(self, source: str) -> list[bool]:
        """What was stored of a source, in that order: whether each was urgent."""
        sql = "SELECT text FROM triage.message WHERE source = %s ORDER BY id"
        with db.transaction(self.connection):
            return [row["text"].strip() in URGENT for row in db.rows(self.connection, sql, (source,))]

    def refused(self) -> int:
        """429s and 403s that the services gave."""
        told = [self.gmail.control("stats")["errors"], self.x.control("stats")["errors"]]
        return sum(
            int(count) for errors in told for status, count in errors.items() if status in ("403", "429")
        )


@contextmanager
def world() -> Iterator[World]:
    """Both accounts, read once, with a few messages."""
    with ExitStack() as stack:
        gmail, x = stack.enter_context(demo.gmail.serve()), stack.enter_context(demo.x.serve())
        connection = stack.enter_context(db.connect(stack.enter_context(database())))
        gmail.control("mailboxes", {"address": MAILBOX})
        x.control("users", {"handle": "volmera", "name": "Volmera", "app_tokens": ["app-token"]})
        made = World(gmail, x, connection)
        made.arrive(5, 5)
        made.passes(MINUTE)
        made.cycle()
        yield made


def run(mails: int, posts: int, *, tried: timedelta = TRIED) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Minute by minute after the outage, and what became of everything."""
    with world() as it:
        it.network(up=False)
        steps, silent = OUT // tried, 0
        for step in range(steps):
            it.arrive(_share(mails, step, steps), _share(posts, step, steps))
            it.passes(tried)
            silent += len(it.cycle()[1])
        it.network(up=True)
        before, minutes = it.refused(), []
        while len(minutes) < 24 * 60:
            kept = it.cycle()[0]
            read = it.stored("gmail")
            minutes.append(
                {"minute": len(minutes) + 1, "kept": kept, "mails": len(read), "posts": len(it.stored("x")),
                 "urgent unread": it.urgent - sum(read)}
            )  # fmt: skip
            if len(read) == it.mails and minutes[-1]["posts"] == it.posts:
                break
            it.passes(MINUTE)
        order = it.stored("gmail")[5:]
        ledger = care.audit(it.connection)
        summary = {
            "failed cycles in the outage": silent, "mails": it.mails, "stored": len(it.stored("gmail")),
            "posts": it.posts, "posts stored": len(it.stored("x")), "conversations": ledger.collected,
            "urgent": it.urgent, "before the last urgent": len(order) - order[::-1].index(True),
            "minutes": len(minutes), "refusals for rates": it.refused() - before,
        }  # fmt: skip
    return minutes, summary


def _share(total: int, step: int, steps: int) -> int:
    return total * (step + 1) // steps - total * step // steps


def main(argv: list[str] | None = None) -> int:
    """Print both tables; 1 when something is missing, late or was refused."""
    parser = argparse.ArgumentParser(description="Six hours without network, in simulated time.")
    parser.add_argument("--mails", type=int, default=3000)
    parser.add_argument("--posts", type=int, default=400)
    args = parser.parse_args(argv)
    minutes, summary = run(args.mails, args.posts)
    show("After the network is back, minute by minute", minutes)
    show("What became of everything", [{"what": name, "figure": value} for name, value in summary.items()])
    good = (
        summary["mails"] == summary["stored"]
        and summary["posts"] == summary["posts stored"]
        and summary["before the last urgent"] == summary["urgent"]
        and not summary["refusals for rates"]
    )
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
