"""The director: puts the story on the stand-ins' stages on cue, and watches the pipeline work it off."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from demo import bring, show, stage, story
from demo.common.serving import call_control
from demo.progress import Counts, Watch, wait
from demo.scene import Scene

PATIENCE = 900.0
"""Seconds after which an inbox that is not triaged is called trouble."""


@dataclass(frozen=True, kw_only=True)
class Play:
    """What is delivered: the acts in order, the addresses that are ours, the encore."""

    acts: tuple[tuple[str, tuple[story.Step, ...]], ...]
    addresses: tuple[str, ...]
    has_encore: bool
    note: str = ""

    @property
    def oldest(self) -> datetime | None:
        """When the first mail was sent."""
        return min((s.at for _, steps in self.acts for s in steps if isinstance(s, story.Mail)), default=None)

    @staticmethod
    def story() -> Play:
        """The story: two quiet days, then a recall that began three hours ago."""
        began = datetime.now(UTC) - timedelta(hours=3, minutes=2)
        steps = story.steps(story.files(encore=False), began)
        return Play(
            acts=(("two quiet days, then a recall", tuple(steps)),),
            addresses=(story.MAILBOX, *story.ALIASES), has_encore=True,
        )  # fmt: skip

    @staticmethod
    def quiet() -> Play:
        """Two quiet days that end now: what a drill breaks into."""
        now = datetime.now(UTC)
        steps = [s for s in story.steps(story.files(encore=False), now) if s.at < now - timedelta(minutes=5)]
        return Play(
            acts=(("two quiet days", tuple(steps)),),
            addresses=(story.MAILBOX, *story.ALIASES),
            has_encore=False,
        )

    @staticmethod
    def brought(mails: bring.Brought | None, posts: Sequence[story.Post]) -> Play:
        """The user's own mail and posts."""
        steps: list[story.Step] = [*(mails.mails if mails else ()), *posts]
        passed = mails.passed_over if mails else 0
        note = f"{passed} files were passed over: not .eml, .msg, .raw or .txt" if passed else ""
        return Play(
            acts=(("your own input", tuple(steps)),), has_encore=False, note=note,
            addresses=mails.addresses if mails else (story.MAILBOX, *story.ALIASES),
        )  # fmt: skip


class Director:
    """Delivers and watches. What was delivered is written down: a second run delivers nothing twice."""

    def __init__(self, scene: Scene, play: Play, stop: threading.Event, began: float) -> None:
        self.scene, self.play, self.stop, self.began = scene, play, stop, began
        self.watch = Watch(scene.dsn)
        self.mailbox = play.addresses[0]
        self.delivered_at = datetime.now(UTC)
        self.before = self.watch.counts()
        self.changes_before = self.watch.label_changes()
        self._diary = scene.state / "delivered.json"
        self._done: list[str] = json.loads(self._diary.read_text()) if self._diary.exists() else []
        self._said = ""

    def prepare(self) -> None:
        """The mailbox and our account on X exist, and the first act has been played."""
        stage.prepare(self.scene.gmail, self.scene.x, self.play.addresses)
        call_control(self.scene.gmail, "stats/reset", {})
        self._play(0)

    def perform(self) -> bool:
        """Play the acts one after the other, each when the one before is triaged; whether all went well."""
        done = self._triaged()
        for number in range(1, len(self.play.acts)):
            if not done or self.stop.is_set():
                break
            self._play(number)
            done = self._triaged()
        return done

    def _play(self, number: int) -> None:
        name, steps = self.play.acts[number]
        if name in self._done:
            show.say(self.began, f"{name}: delivered by an earlier run already")
            return
        mails = [s for s in steps if isinstance(s, story.Mail)]
        posts = [s for s in steps if isinstance(s, story.Post)]
        show.say(self.began, f"{name}: {len(mails)} mails and {len(posts)} posts arrive")
        self.deliver(steps)
        self._done.append(name)
        self._diary.write_text(json.dumps(self._done))

    def deliver(self, steps: Sequence[story.Step]) -> None:
        """Put steps into the mailbox and on X."""
        stage.deliver(self.scene.gmail, self.scene.x, self.mailbox, steps)
        self.delivered_at = datetime.now(UTC)

    def _triaged(self) -> bool:
        """Wait until everything delivered is collected, decided and labelled."""
        return wait(self.settled, self._tell, self._pause, PATIENCE) and not self.stop.is_set()

    def _pause(self, seconds: float) -> None:
        self.stop.wait(seconds)

    def settled(self) -> bool:
        """Whether everything delivered is collected, decided and labelled."""
        if self.stop.is_set():
            return True
        if not self.watch.counts().settled or not self.watch.collected_since(self.delivered_at, accounts=2):
            return False
        return not self.missing()

    def missing(self) -> set[str]:
        """Ids of mails and posts that are neither stored nor in quarantine; spam and retweets are not asked for."""
        box = call_control(self.scene.gmail, f"mailboxes/{self.mailbox}/snapshot")
        skipped = {"SPAM", "TRASH", "DRAFT"}
        mails = {m["id"] for m in box["messages"] if not skipped & set(m["labels"])}
        shown = call_control(self.scene.x, "snapshot")["posts"]
        posts = {p["id"] for p in shown if "retweeted" not in {kind for kind, _ in p["references"]}}
        return (mails | posts) - self.watch.known()

    def _tell(self) -> None:
        self.scene.airflow.check()
        counts: Counts = self.watch.counts()
        line = f"{counts.line()}  quota {self.units():6,} units"
        if line != self._said:
            self._said = line
            show.say(self.began, line)

    def units(self) -> int:
        """Gmail quota units that the stand-in has counted in this run."""
        return int(call_control(self.scene.gmail, "stats")["units"])

    def encore(self, every: float) -> None:
        """Deliver the encore, a step every so many seconds (0: none), and tell how rows come and go."""
        paths = story.files(encore=True)
        waiting = story.steps(paths, datetime.now(UTC)) if self.play.has_encore and every else []
        for number, step in enumerate(waiting):
            if f"encore-{number}" in self._done:
                continue
            now = story.at_moment(step, datetime.now(UTC) - timedelta(seconds=1), paths)
            what = "answers" if story.sender(now) in ("Volmera Care", f"@{story.HANDLE}") else "writes"
            show.say(
                self.began,
                f"{story.sender(now)} {what} {'by mail' if isinstance(now, story.Mail) else 'on X'}",
            )
            self.deliver([now])
            self._done.append(f"encore-{number}")
            self._diary.write_text(json.dumps(self._done))
            end = time.monotonic() + every
            while time.monotonic() < end and not self.stop.is_set():
                self._tell()
                self._pause(1.0)
            if self.stop.is_set():
                return
        while not self.stop.is_set():
            self._tell()
            self._pause(1.0)
