"""When is it a crisis: counts of messages in bins, one after the other, against what the stream always brings.

Every bin is judged together with what came just before it: all recent spans up to `reach`, at lengths that grow by
a quarter or so, each against its own expectation and spread (negative binomial, so that three messages where none
were expected weigh what they should). The span that stands out most gives the score, and its beginning is the onset.
State is constant in size, each bin is seen once, and nothing later than it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from triage.core.baseline import DAY, HOUR, Baseline
from triage.core.spans import Span, Spans, stands_out
from triage.core.tail import Tail

Kind = Literal["alarm", "escalation", "end"]

_DOUBT = 2.0
"""Standard deviations up to which a bin is normal life and learned in full."""
_CERTAIN = 4.0
"""Standard deviations by which a surge must pass what was told before it is told again."""
_ALMOST = 0.99
_SILENCE = HOUR
"""The shortest silence that ends a surge."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """What arrived in `seconds` from `started_at` (aware, UTC).

    `authors`: different people in the bin, None when nobody counted them. `newcomers`: those among them who had not
    written in the hours before, so that summing bins counts nobody twice; None: as many as `authors`.
    Bins come in order; missing ones are the caller's to fill with zeros, or they count as time nobody watched.
    """

    started_at: datetime
    seconds: int
    count: int
    authors: int | None = None
    newcomers: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Surge:
    """One word about a surge: it began, it grew, it is over.

    `at` is when this is said (the end of the bin), `alarmed_at` when the surge was first said, `started_at` its
    likely onset. `observed` and `expected` are messages from the onset to `at`, `peak` the most in one bin.
    `severity` counts like the topics': 1 is the gravest, 3 the mildest.
    """

    kind: Kind
    started_at: datetime
    alarmed_at: datetime
    at: datetime
    observed: int
    expected: float
    peak: int
    severity: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a bin said: `expected` messages in it, and how near it is to a word.

    A `score` of 1 or more raises an alarm or, while a surge is on, says that it grew; 0: nothing stands out.
    """

    score: float
    expected: float
    surge: Surge | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """When to speak. The defaults hold for topics and for raw volume alike; times are in seconds.

    An alarm needs a span of the last `reach` that stands out by `threshold` standard deviations and by more than this
    stream reaches by chance once in `every`, `ratio` times the expected, `min_messages` by `min_authors` people (one
    counts at most `per_author` times in a bin), after a history of `warm_up`. It is raised again no sooner than `pause`
    later, when `growth` times what was told or graver. It ends when the last `quiet` has brought less than `end_ratio`
    times the expected; sooner where hardly anything is usual. After `settle` a surge is learned as the new normal; the
    level remembers for `half_life`.
    """

    threshold: float = 2.4
    every: float = 35 * DAY
    ratio: float = 2.0
    min_messages: int = 5
    min_authors: int = 3
    per_author: int = 3
    reach: float = 2 * DAY
    warm_up: float = 3 * HOUR
    half_life: float = 7 * DAY
    end_ratio: float = 1.5
    quiet: float = 6 * HOUR
    growth: float = 2.5
    pause: float = HOUR / 2
    settle: float = DAY


@dataclass(slots=True)
class _Open:
    """The surge that is on."""

    started_at: float
    alarmed_at: float
    told_at: float
    told_ratio: float
    observed: float
    expected: float
    peak: float
    severity: int


class Detector:
    """One stream, bin by bin. `state` is what `dump` gave before: the run goes on as if never interrupted."""

    def __init__(self, settings: Settings | None = None, state: Mapping[str, Any] | None = None) -> None:
        held = state or {}
        self.settings = settings or Settings()
        self.baseline = Baseline(self.settings.half_life, held.get("baseline"))
        self.tail = Tail(held.get("tail"))
        self.spans = Spans(2 * self.settings.reach, held.get("spans", ()))
        self.until: float = held.get("until", -math.inf)
        self.open = _Open(**held["open"]) if held.get("open") else None

    def dump(self) -> dict[str, Any]:
        """The state as JSON, some kilobytes and never more."""
        state: dict[str, Any] = {
            "baseline": self.baseline.dump(), "tail": self.tail.dump(), "spans": self.spans.dump(),
        }  # fmt: skip
        if math.isfinite(self.until):
            state["until"] = self.until
        if self.open:
            state["open"] = {f.name: getattr(self.open, f.name) for f in fields(_Open)}
        return state

    def step(self, bin: Bin) -> Step:
        """Judge the next bin and learn from it. A bin that begins before the last one ended says nothing."""
        began = bin.started_at.timestamp()
        expected = self.baseline.expected(bin.started_at, bin.seconds)
        if began < self.until:
            return Step(score=0.0, expected=expected)
        if began - self.until > self.settings.quiet:
            self.spans.clear()
        self.until = began + bin.seconds
        newest = self._counted(bin, expected)
        for done in self.spans.push(newest):
            if not self.open:
                self.baseline.wander(done.seconds, done.count, done.expected)
        height, span = self._highest(self.baseline.doubt(bin.started_at))
        score, surge = self._go_on(newest) if self.open else self._begin(height, span, newest)
        if surge and surge.kind == "end":
            height = 0.0
        self._learn(bin.started_at, newest, height)
        if not self.open or surge:
            self.tail.learn(height, bin.seconds, last=self.open is not None)
        return Step(score=score, expected=expected, surge=surge)

    def _counted(self, bin: Bin, expected: float) -> Span:
        """The bin as a span; nobody counts more often than `per_author` times in it."""
        authors = bin.authors if bin.authors is not None else bin.count
        people = bin.newcomers if bin.newcomers is not None else authors
        return Span(bin.seconds, min(bin.count, self.settings.per_author * authors), expected, people)

    def _highest(self, doubt: tuple[float, float, float]) -> tuple[float, Span | None]:
        """How far the span that stands out most of those that end now does so, in standard deviations, and which.

        There are more short spans in a month than long ones, so a short one must stand out more to count as much.
        """
        level, rhythm, hourly = doubt
        least, people, reach = self.settings.min_messages, self.settings.min_authors, self.settings.reach
        best, found = 0.0, None
        for span in self.spans.ending_now():
            if span.seconds > reach and span.bins > 1:
                break
            if span.count <= span.expected or span.people < people:
                continue
            if span.count < least * max(1.0, span.seconds / HOUR) ** 0.25:
                continue
            spread = (
                level + rhythm * min(1.0, 6 * HOUR / span.seconds) + hourly * min(1.0, HOUR / span.seconds)
            )
            spread = max(spread, self.baseline.dispersion(span.seconds))
            more = stands_out(span.count, span.expected, spread) ** 2
            more -= 2 * math.log(max(1.0, reach / span.seconds))
            if more > best:
                best, found = more, replace(span)
        return math.sqrt(best), found

    def _begin(self, height: float, span: Span | None, newest: Span) -> tuple[float, Surge | None]:
        """The alarm, when the span is unlikely, in this stream too, and large enough."""
        score = height / max(self.settings.threshold, self.tail.height(self.settings.every))
        large = span is not None and span.ratio >= self.settings.ratio
        if span is None or not large or self.baseline.seen < self.settings.warm_up:
            return min(score, _ALMOST), None
        if score < 1:
            return score, None
        self.open = _Open(
            started_at=self.until - span.seconds, alarmed_at=self.until, told_at=self.until, told_ratio=span.ratio,
            observed=span.count, expected=span.expected, peak=newest.count,
            severity=severity(span.count, span.expected),
        )  # fmt: skip
        return score, self._say("alarm", self.open)

    def _go_on(self, newest: Span) -> tuple[float, Surge | None]:
        """An open surge: it grows, it ends, or nothing new."""
        on = self.open
        assert on is not None
        on.observed += newest.count
        on.expected += newest.expected
        on.peak = max(on.peak, newest.count)
        if self._is_over(on):
            self.open = None
            self.spans.clear()
            return 0.0, self._say("end", on)
        score = self._growth(on)
        return score, self._say("escalation", on) if score >= 1 else None

    def _is_over(self, on: _Open) -> bool:
        """The newest span that is long enough to tell has come down to what is expected."""
        lasted = self.until - on.started_at
        quiet = self.settings.quiet
        if on.expected / lasted * quiet < self.settings.min_messages:
            # Hardly anything is usual here: silence for as long as there was noise says enough.
            quiet = min(quiet, max(_SILENCE, lasted / 2))
        need = min(self.settings.reach, max(quiet, 2 * self.settings.min_messages * lasted / on.observed))
        if self.until - on.alarmed_at < need:
            return False
        span = next((s for s in self.spans.ending_now() if s.seconds >= need), None)
        if span is None:
            return False
        usual = span.expected + math.sqrt(span.expected)
        return span.count <= max(
            self.settings.end_ratio * span.expected, usual, self.settings.min_messages - 1
        )

    def _growth(self, on: _Open) -> float:
        """1 or more: a span since the last word is several times what that was about, or the surge is graver by now."""
        score, ratio, grave = 0.0, on.told_ratio, min(on.severity, severity(on.observed, on.expected))
        for span in self.spans.ending_now():
            if span.seconds > self.until - on.told_at:
                break
            sure = stands_out(span.count, on.told_ratio * span.expected, 0.0) / _CERTAIN
            grown = min(sure, span.ratio / (self.settings.growth * on.told_ratio))
            if grown > score:
                score, ratio = grown, max(ratio, span.ratio)
        if self.until - on.told_at < self.settings.pause:
            return min(score, _ALMOST)
        if grave < on.severity:
            score = max(score, 1.0)
        if score >= 1:
            on.told_at, on.told_ratio, on.severity = self.until, ratio, grave
        return score

    def _learn(self, at: datetime, newest: Span, height: float) -> None:
        """What is doubtful counts little, a surge not at all, until it has lasted so long that it is normal life."""
        count, expected = newest.count, newest.expected
        if self.open and self.until - self.open.alarmed_at < self.settings.settle:
            count = min(count, expected)
        elif self.open:
            self.baseline.doubt_the_level(self.settings.settle)
        elif not self.open and height > _DOUBT and count > expected:
            count = expected + (count - expected) * (_DOUBT / height) ** 2
        self.baseline.learn(at, newest.seconds, count, expected)

    def _say(self, kind: Kind, on: _Open) -> Surge:
        return Surge(
            kind=kind, started_at=_moment(on.started_at), alarmed_at=_moment(on.alarmed_at),
            at=_moment(self.until), observed=round(on.observed), expected=round(on.expected, 2), peak=round(on.peak),
            severity=on.severity,
        )  # fmt: skip


def severity(observed: float, expected: float) -> int:
    """1 (gravest) to 3: how many times the normal, and how many people that is."""
    ratio, more = observed / max(expected, 0.05), observed - expected
    if ratio >= 5 and more >= 200:
        return 1
    return 2 if ratio >= 3 and more >= 40 else 3


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
