"""What a busy day costs the detector, and how a burst of mail is noticed and named while it cannot be read yet."""

from __future__ import annotations

import json
import random
import statistics
import time
import tracemalloc
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import yaml

from demo.story import FOLDER
from triage import config
from triage.classify import load_classifier
from triage.core.sample import leading, sample
from triage.core.surge import Bin, Detector
from triage.core.terms import Background, emerging

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, POLL = 60, 5
BURST, AN_HOUR, READ_A_SECOND = 10_000, 20, 5
BURST_LASTS = 20 * MINUTE
LATE_ALARM, LATE_NAME = 60, 300
"""What must be shown: seconds from the onset to the alarm, to the topic."""


def busy_day(an_hour: int = 10_000) -> list[dict[str, Any]]:
    """So many messages an hour for a day, in minutes: what a bin costs and what the state weighs, every six hours."""
    tracemalloc.start()
    weighed = [row["memory, KiB"] for row in _quarters(an_hour)]
    tracemalloc.stop()
    return [{**row, "memory, KiB": w} for row, w in zip(_quarters(an_hour), weighed, strict=True)]


def _quarters(an_hour: int) -> list[dict[str, Any]]:
    chance = np.random.default_rng(4)
    detector = Detector()
    rows, place = [], 0
    for quarter in range(4):
        spent = []
        for count in chance.poisson(an_hour / 60, 6 * 60).tolist():
            at = START + timedelta(minutes=place)
            began = time.perf_counter()
            detector.step(Bin(started_at=at, seconds=MINUTE, count=count, authors=count))
            spent.append(time.perf_counter() - began)
            place += 1
        rows.append({
            "hours": f"{6 * quarter} to {6 * quarter + 6}", "messages": an_hour * 6,
            "a bin, microseconds": 1e6 * statistics.median(spent), "state, bytes": len(json.dumps(detector.dump())),
            "memory, KiB": tracemalloc.get_traced_memory()[0] / 1024,
        })  # fmt: skip
    return rows


Mail = tuple[str, str]


class Inbox:
    """A mailbox in simulated time: mails come, a few a second can be read."""

    def __init__(self, seed: int = 7) -> None:
        self.chance = random.Random(seed)
        self.onset = START + timedelta(days=14, hours=9, minutes=12, seconds=self.chance.randrange(60))
        recall = _mails("recall_en_1", "recall_en_2", "recall_fr_1", "recall_fr_2")
        quiet = _mails("quiet_1", "quiet_2", "quiet_3")
        came = [(BURST_LASTS * self.chance.random() ** 0.5, self.chance.choice(recall)) for _ in range(BURST)]
        came += [(self.chance.uniform(-600, 3600), self.chance.choice(quiet)) for _ in range(25)]
        self.came = [(self.onset + timedelta(seconds=after), mail) for after, mail in sorted(came)]

    def warm(self, detector: Detector) -> None:
        """Two weeks of minutes with what comes normally, and the minutes until the burst."""
        at = START
        while at + timedelta(minutes=1) <= self.onset:
            day = 1 + 0.67 * np.sin((at.hour - 8) / 24 * 2 * np.pi)
            count = sum(self.chance.random() < AN_HOUR / 60 * day / 10 for _ in range(10))
            detector.step(Bin(started_at=at, seconds=MINUTE, count=count))
            at += timedelta(minutes=1)


def _mails(*stories: str) -> list[Mail]:
    """Subject and text of what people write first in the demo's stories."""
    threads = [t for s in stories for t in yaml.safe_load((FOLDER / f"{s}.yaml").read_text(encoding="utf-8"))]
    return [
        (str(t.get("subject", "")), t["messages"][0]["text"])
        for t in threads
        if t.get("messages") and "text" in t["messages"][0]
    ]


def burst(seed: int) -> dict[str, Any]:
    """Seconds from the onset to the volume alarm and to the topic, when reading takes 33 minutes.

    The mails come faster and faster, some 25 in the first minute.
    Arrivals are polled every five seconds, and the minute that still fills is judged as it is. From the alarm on a
    fifth of a second goes to each mail of a sample over what is unread, which is taken anew at every poll.
    """
    inbox, detector = Inbox(seed), Detector()
    inbox.warm(detector)
    classifier = load_classifier(config.load().topics, cascade=False)
    minute = inbox.onset.replace(second=0)
    alarm = named = None
    now, read, topics = inbox.onset, set[int](), Counter[str]()
    while named is None and now - inbox.onset < timedelta(minutes=10):
        now += timedelta(seconds=POLL)
        while minute + timedelta(minutes=1) <= now:
            said = detector.step(_arrived(inbox, minute, minute + timedelta(minutes=1))).surge
            minute += timedelta(minutes=1)
            alarm = alarm or (now if said else None)
        trial = Detector(state=detector.dump())
        if alarm is None and trial.step(_arrived(inbox, minute, now)).surge:
            alarm = now
        if alarm is None:
            continue
        here = [n for n, (when, _) in enumerate(inbox.came) if when <= now and n not in read]
        chosen = [int(n) for n in sample([str(n) for n in here], READ_A_SECOND * POLL)]
        read.update(chosen)
        decided = classifier.classify([(*inbox.came[n][1], "") for n in chosen])
        topics.update(one.topic for one in decided)
        named = now if leading(topics.elements(), {}) else None
    topic = leading(topics.elements(), {})
    return {
        "burst": f"{BURST:,} mails in {BURST_LASTS // 60} min, {AN_HOUR} an hour before", "seed": seed,
        "alarm after, s": _since(alarm, inbox.onset), "named after, s": _since(named, inbox.onset),
        "topic": topic or "none", "words in 5 min": _words(inbox), "read": len(read),
        "reading all, min": BURST / READ_A_SECOND / 60,
    }  # fmt: skip


def _words(inbox: Inbox) -> str:
    """What a sample of the first five minutes says that the quiet stories do not; as many as can be read by then."""
    background = Background()
    background.learn(text for _, text in _mails("quiet_1", "quiet_2", "quiet_3"))
    until = inbox.onset + timedelta(seconds=LATE_NAME)
    here = [str(n) for n, (when, _) in enumerate(inbox.came) if inbox.onset <= when <= until]
    said = [(n, " ".join(inbox.came[int(n)][1])) for n in sample(here, LATE_NAME * READ_A_SECOND)]
    return ", ".join(term.text for term in emerging(said, background, top=4))


def _arrived(inbox: Inbox, since: datetime, until: datetime) -> Bin:
    return Bin(started_at=since, seconds=MINUTE, count=sum(since <= when < until for when, _ in inbox.came))


def _since(when: datetime | None, onset: datetime) -> float:
    return (when - onset).total_seconds() if when else float("inf")
