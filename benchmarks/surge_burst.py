"""Bursts of mail that cannot be read yet, in simulated time: noticed by their number, named from a sample.

What people write comes from `bursts.yaml`, written for this, and from the demo's stories, by the topic a person gave
them; the model was trained on neither. Ten thousand mails come faster and faster, some 25 in the first minute, and five
can be read a second. Beside the name from added-up chances stands the name from counting decisions alone.
"""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from demo.story import FOLDER
from triage import config
from triage.classify import load_classifier
from triage.core.incident import named, renamed
from triage.core.sample import Lead, Reading, pooled, sample
from triage.core.surge import Bin, Detector
from triage.core.terms import Background, emerging
from triage.core.types import NOT_CRISIS
from triage.ops.incident import MOST_READ

WRITTEN = Path(__file__).with_name("bursts.yaml")
QUIET = ("quiet_1", "quiet_2", "quiet_3")
START = datetime(2026, 3, 2, tzinfo=UTC)
ONSET = START + timedelta(days=14, hours=9, minutes=12)
MINUTE, POLL = 60, 5
SIZE, AN_HOUR, READ_A_SECOND = 10_000, 20, 5
LASTS = 20 * MINUTE
LATE_ALARM, LATE_NAME = 60, 300
"""What must be shown: seconds from the onset to the alarm, to the topic."""
FEWEST = 6
"""Texts of a topic and language in the stories that make a burst."""

Mail = tuple[str, str]
Said = tuple[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Burst:
    """What people write, and the topic it is about; not_crisis: nothing is to be named."""

    what: str
    topic: str
    mails: Sequence[Mail]


def bursts() -> list[Burst]:
    """Those that were written for this, then the stories' by topic and language."""
    written = yaml.safe_load(WRITTEN.read_text(encoding="utf-8"))
    found = [
        Burst(what=b["what"], topic=b["topic"], mails=[("", text) for text in b["texts"]]) for b in written
    ]
    told: dict[tuple[str, str], list[Mail]] = defaultdict(list)
    for story in sorted(path.stem for path in FOLDER.glob("*.yaml")):
        for thread, mail in _firsts(story):
            told[thread["topic"], thread["lang"]].append(mail)
    return found + [
        Burst(what=f"story, {lang}", topic=topic, mails=mails)
        for (topic, lang), mails in sorted(told.items())
        if lang in ("en", "fr") and len(mails) >= FEWEST
    ]


def _firsts(story: str) -> list[tuple[dict[str, Any], Mail]]:
    """Threads with what somebody else wrote first in them."""
    threads = yaml.safe_load((FOLDER / f"{story}.yaml").read_text(encoding="utf-8"))
    return [
        (t, (str(t.get("subject", "")), t["messages"][0]["text"]))
        for t in threads
        if t.get("messages") and "text" in t["messages"][0] and t["messages"][0].get("from") != "team"
    ]


class Reader:
    """The shipped classifier without its encoders, as a storm leaves it; each text is read once."""

    def __init__(self) -> None:
        self._classifier = load_classifier(config.load().topics, cascade=False)
        self._known: dict[Mail, Said] = {}

    def read(self, mails: Sequence[Mail]) -> list[Said]:
        """Topic and chances of each."""
        new = sorted({mail for mail in mails if mail not in self._known})
        for mail, one in zip(new, self._classifier.classify([(*mail, "") for mail in new]), strict=True):
            chances = {} if one.decided_by == "rule" else {t.topic: t.score for t in one.topics}
            self._known[mail] = one.topic, chances
        return [self._known[mail] for mail in mails]


@cache
def quiet() -> list[Mail]:
    """What is written on quiet days."""
    return [mail for story in QUIET for _, mail in _firsts(story)]


class Inbox:
    """A mailbox in simulated time: mails come, a few a second can be read."""

    def __init__(self, mails: Sequence[Mail], seed: int) -> None:
        self.chance = random.Random(seed)
        self.onset = ONSET + timedelta(seconds=self.chance.randrange(60))
        came = [(LASTS * self.chance.random() ** 0.5, self.chance.choice(mails)) for _ in range(SIZE)]
        came += [(self.chance.uniform(-600, 3600), self.chance.choice(quiet())) for _ in range(25)]
        self.came = [(self.onset + timedelta(seconds=after), mail) for after, mail in sorted(came)]

    def arrived(self, since: datetime, until: datetime) -> Bin:
        """What came in that time."""
        count = sum(since <= when < until for when, _ in self.came)
        return Bin(started_at=since, seconds=MINUTE, count=count)


@cache
def _calm() -> str:
    """A detector after two weeks of minutes with what comes normally, up to the minute of the onset."""
    detector, chance, at = Detector(), random.Random(0), START
    while at < ONSET:
        day = 1 + 0.67 * math.sin((at.hour - 8) / 24 * 2 * math.pi)
        count = sum(chance.random() < AN_HOUR / 60 * day / 10 for _ in range(10))
        detector.step(Bin(started_at=at, seconds=MINUTE, count=count))
        at += timedelta(minutes=1)
    return json.dumps(detector.dump())


def _alarm(inbox: Inbox) -> datetime:
    """When the volume alarm comes: arrivals are polled, and the minute that still fills is judged as it is."""
    detector, now = Detector(state=json.loads(_calm())), inbox.onset
    minute = inbox.onset.replace(second=0)
    while now - inbox.onset < timedelta(minutes=10):
        now += timedelta(seconds=POLL)
        while minute + timedelta(minutes=1) <= now:
            if detector.step(inbox.arrived(minute, minute + timedelta(minutes=1))).surge:
                return now
            minute += timedelta(minutes=1)
        if Detector(state=detector.dump()).step(inbox.arrived(minute, now)).surge:
            return now
    return now


def _names(
    inbox: Inbox, reader: Reader, usual: Reading, since: datetime, *, chances: bool
) -> tuple[Any, ...]:
    """The lead after five minutes, when it was named first, how often it was renamed; a sample is read until then."""
    now, read, said = since, set[int](), list[Said]()
    lead: Lead | None = None
    first, again = None, 0
    while now + timedelta(seconds=POLL) <= inbox.onset + timedelta(seconds=LATE_NAME):
        now += timedelta(seconds=POLL)
        here = [n for n, (when, _) in enumerate(inbox.came) if inbox.onset <= when <= now and n not in read]
        chosen = [int(n) for n in sample([str(n) for n in here], READ_A_SECOND * POLL)]
        read.update(chosen)
        said += [(t, c if chances else {}) for t, c in reader.read([inbox.came[n][1] for n in chosen])]
        about = pooled(said[-MOST_READ:])
        other = renamed(lead.topic, about, usual) if lead else named(about, usual)
        if other:
            first, again, lead = first or now, again + (lead is not None), other
    return lead, first, again, pooled(said[-MOST_READ:])


def table() -> list[dict[str, Any]]:
    """One row a burst."""
    reader, rows = Reader(), []
    said = reader.read(quiet())
    for seed, burst in enumerate(bursts()):
        inbox = Inbox(burst.mails, seed)
        alarm = _alarm(inbox)
        lead, first, again, about = _names(inbox, reader, pooled(said), alarm, chances=True)
        plain = pooled((topic, {}) for topic, _ in said)
        counted, *_ = _names(inbox, reader, plain, alarm, chances=False)
        rows.append({
            "what": burst.what, "topic": burst.topic, "alarm, s": _since(alarm, inbox.onset),
            "named, s": _since(first, inbox.onset), "name in 5 min": lead.topic if lead else "none",
            "share": about.share(lead.topic) if lead else np.nan, "next": lead.second_share if lead else np.nan,
            "unsure": about.decided.get("unsure", 0) / about.messages, "renamed": again, "right": right(burst, lead),
            "by counting": counted.topic if counted else "none", "counting right": right(burst, counted),
        })  # fmt: skip
    return rows


def right(burst: Burst, lead: Lead | None) -> bool:
    """Whether the name is the topic, or none where there is no crisis."""
    return (lead.topic if lead else NOT_CRISIS) == burst.topic


def words(seed: int = 1) -> str:
    """What a sample of the recall's first five minutes says that the quiet stories do not."""
    recall = [
        mail
        for story in ("recall_en_1", "recall_en_2", "recall_fr_1", "recall_fr_2")
        for _, mail in _firsts(story)
    ]
    inbox, background = Inbox(recall, seed), Background()
    background.learn(" ".join(mail) for mail in quiet())
    until = inbox.onset + timedelta(seconds=LATE_NAME)
    here = [str(n) for n, (when, _) in enumerate(inbox.came) if inbox.onset <= when <= until]
    said = [(n, " ".join(inbox.came[int(n)][1])) for n in sample(here, LATE_NAME * READ_A_SECOND)]
    return ", ".join(term.text for term in emerging(said, background, top=4))


def _since(when: datetime | None, onset: datetime) -> float:
    return (when - onset).total_seconds() if when else float("nan")
