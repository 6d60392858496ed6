"""Gmail quota units per new labelled mail, as the stand-in counts them: a burst, a trickle, and a day.

python -m benchmarks units [-- --poll SECONDS]

Beside each figure stands what cannot be avoided: 20 to read a mail, 2 to ask whether there is one, 5 to change
one mail's labels, 50 for up to 1,000 mails with the same change.
"""

from __future__ import annotations

import argparse
import base64
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from psycopg2.extensions import connection as Connection

import demo.gmail
from benchmarks.kit import database, show
from demo.common.serving import Server
from triage import config
from triage.classify import load_classifier
from triage.ops.classify import classify
from triage.ops.collect import collect
from triage.ops.label import label, label_names
from triage.ops.look import look
from triage.ops.sources import for_account
from triage.sources.base import Credentials
from triage.store import db

MAILBOX = "care@brixel.example"
TOPICS = ("product_defect", "delivery", "billing", "service_outage", "safety_injury")
READ, ASK, CHANGE, CHANGE_MANY = 20, 2, 5, 50
DAY = 24 * 3600


@dataclass
class Mailbox:
    """A mailbox at the stand-in with its quota lifted, and the verbs that the DAGs call."""

    gmail: Server
    connection: Connection
    settings: config.Settings
    classifier: Any
    source: Any
    clock: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=1))

    def units(self) -> Counter[str]:
        """What the stand-in has counted so far, by method."""
        methods = self.gmail.control("stats")["methods"]
        return Counter({name.removeprefix("gmail.users."): told["units"] for name, told in methods.items()})

    def deliver(self, numbers: Sequence[int]) -> list[dict[str, str]]:
        """Mails arrive, each with the hashtag of one of five topics."""
        items = [
            {
                "raw": base64.urlsafe_b64encode(_mail(number)).decode(),
                "internalDate": int(self.clock.timestamp() * 1000) + place,
                "labels": ["INBOX", "UNREAD"],
            }
            for place, number in enumerate(numbers)
        ]
        delivered = self.gmail.control(f"mailboxes/{MAILBOX}/deliver", {"messages": items})["delivered"]
        return list(delivered)

    def answer(self, thread: str) -> None:
        """A person answers in Gmail."""
        when = int(self.clock.timestamp() * 1000)
        body = {"action": "reply", "thread": thread, "text": "We are on it.", "internalDate": when}
        self.gmail.control(f"mailboxes/{MAILBOX}/person", body)

    def look(self) -> bool:
        """One poll of the event trigger: is there something to do?"""
        seen = look(self.connection, self.source, "care")
        return seen is not None and bool(seen.waiting)

    def collect(self) -> int:
        """Read what was found; how many mails."""
        return collect(self.connection, self.source, "care").kept

    def triage(self) -> None:
        """Decide, then label."""
        classify(self.connection, self.classifier, self.settings.topics)
        label(self.connection, self.source, "care", label_names(self.settings))


def _mail(number: int) -> bytes:
    topic = TOPICS[number % len(TOPICS)].replace("_", "")
    return (
        f"From: Customer {number} <customer{number}@post.example>\r\nTo: {MAILBOX}\r\n"
        f"Message-ID: <{number}@post.example>\r\nSubject: Number {number}\r\n\r\n"
        f"Hello, this is about order {number * 7919}. Please help me. #{topic}\r\n"
    ).encode()


def _settings(folder: Path) -> config.Settings:
    """One mailbox; each of the five topics has its hashtag of the day."""
    triage: dict[str, Any] = yaml.safe_load((config.config_dir() / "triage.yaml").read_text(encoding="utf-8"))
    triage["accounts"] = [
        {"name": "care", "source": "gmail", "connection": "gmail_care", "addresses": [MAILBOX]}
    ]
    topics: dict[str, Any] = yaml.safe_load((config.config_dir() / "topics.yaml").read_text(encoding="utf-8"))
    for key in TOPICS:
        topics["topics"][key]["hashtags"] = ["#" + key.replace("_", "")]
    for name, value in (("triage", triage), ("topics", topics)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(value), encoding="utf-8")
    return config.load(folder)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A fresh mailbox that was read once, empty."""
    with demo.gmail.serve() as gmail, database() as dsn, tempfile.TemporaryDirectory() as folder:
        gmail.control("quota", {"limit": 0})
        gmail.control("mailboxes", {"address": MAILBOX})
        settings = _settings(Path(folder))
        extra = {
            "api_endpoint": gmail.url, "token_uri": f"{gmail.url}/token", "client_id": "client-id",
            "client_secret": "client-secret", "refresh_token": f"refresh-{MAILBOX}",
        }  # fmt: skip
        credentials = Credentials(login=MAILBOX, extra=extra)
        with db.connect(dsn) as connection:
            account = settings.triage.account("care")
            source = for_account(connection, account, settings, credentials)
            made = Mailbox(
                gmail, connection, settings, load_classifier(settings.topics, cascade=False), source
            )
            made.collect()
            made.triage()
            gmail.control("stats/reset", {})
            yield made


def burst(size: int = 1000) -> dict[str, Any]:
    """Everything at once: found, read, decided, labelled."""
    with mailbox() as box:
        box.deliver(range(size))
        while box.look():
            if not box.collect():
                break
        box.triage()
        spent = box.units()
        labelled = db.rows(
            box.connection, "SELECT count(DISTINCT message_id) AS n FROM triage.label_outbox WHERE applied"
        )
    least = size * READ + len(TOPICS) * CHANGE_MANY
    return _row(f"burst of {size:,}, five topics", labelled[0]["n"], spent, least, limit=20.4)


def trickle() -> dict[str, Any]:
    """One mail, when the labels have been made before."""
    with mailbox() as box:
        box.deliver(range(len(TOPICS)))
        _work(box)
        box.gmail.control("stats/reset", {})
        box.deliver([len(TOPICS)])
        _work(box)
        spent = box.units()
    return _row("trickle of one", 1, spent, ASK + READ + CHANGE, limit=27.0)


def _work(box: Mailbox) -> None:
    if box.look():
        box.collect()
        box.triage()


def _row(what: str, mails: int, spent: Mapping[str, int], least: int, *, limit: float) -> dict[str, Any]:
    total = sum(spent.values())
    return {
        "what": what, "mails labelled": mails, "units": total, "units a mail": total / mails, "limit": limit,
        "unavoidable": least / mails, "ratio": total / least,
        "by method": ", ".join(f"{name} {units}" for name, units in sorted(spent.items())),
    }  # fmt: skip


def day(conversations: int = 200, *, poll: int = 5) -> list[dict[str, Any]]:
    """A day of conversations, each answered from Gmail a while later; polled every `poll` seconds."""
    asked, answered = _times(conversations, DAY // poll, longest=2 * 3600 // poll)
    spent: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    with mailbox() as box:
        start, threads = box.clock, {}
        for slot in range(DAY // poll):
            box.clock = start + timedelta(seconds=slot * poll)
            what = "labelling"
            if slot in asked:
                threads[asked[slot]] = box.deliver([asked[slot]])[0]["threadId"]
            elif slot in answered:
                box.answer(threads[answered[slot]])
                what = "unlabelling"
            units, found = _spending(box, box.look)
            spent["polling"] += units
            if found:
                spent["reading"] += _spending(box, box.collect)[0]
                spent[what] += _spending(box, box.triage)[0]
                changed[what] += 1
    polls, read = DAY // poll, sum(changed.values())
    least = {
        "polling": polls * ASK, "reading": read * READ,
        "labelling": changed["labelling"] * CHANGE, "unlabelling": changed["unlabelling"] * CHANGE,
    }  # fmt: skip
    rows = [
        {"part of the day": name, "units": spent[name], "unavoidable": units, "ratio": spent[name] / units}
        for name, units in least.items()
    ]
    total, floor = sum(spent.values()), sum(least.values())
    return [
        *rows,
        {"part of the day": "together", "units": total, "unavoidable": floor, "ratio": total / floor},
    ]


def _times(conversations: int, slots: int, *, longest: int) -> tuple[dict[int, int], dict[int, int]]:
    """When each conversation is begun and when it is answered; no two things in one slot."""
    chance = random.Random(5)
    free = set(range(slots))
    asked: dict[int, int] = {}
    answered: dict[int, int] = {}
    for number in range(conversations):
        begin = chance.choice([slot for slot in sorted(free) if slot < slots - longest])
        end = chance.choice([slot for slot in range(begin + 1, begin + longest) if slot in free])
        free -= {begin, end}
        asked[begin], answered[end] = number, number
    return asked, answered


def _spending(box: Mailbox, do: Any) -> tuple[int, Any]:
    """What doing it cost, and what it gave."""
    before = box.gmail.control("stats")["units"]
    given = do()
    return box.gmail.control("stats")["units"] - before, given


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 when a limit was passed."""
    parser = argparse.ArgumentParser(description="Gmail quota units per new labelled mail.")
    parser.add_argument("--poll", type=int, default=5, metavar="SECONDS", help="between two looks in the day")
    args = parser.parse_args(argv)
    rows = [burst(), trickle()]
    show("Gmail units per new labelled mail", rows)
    show(f"A day of 200 conversations, polled every {args.poll} s, answered from Gmail", day(poll=args.poll))
    return int(any(row["units a mail"] > row["limit"] for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
