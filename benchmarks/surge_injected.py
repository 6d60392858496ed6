"""Surges put into streams whose process is stated: how late, and how often for nothing.

Messages are Poisson around a rate with a daily rhythm (peak to trough 5 to 1, at any hour). A surge multiplies the rate
from a random moment on, for two days. The rough process has weekends at half, and a rate that jumps by 30 % from
hour to hour. Every rule is given the threshold at which it has as many false alarms as ours on the same quiet streams:
one for all streams, as ours has, and in one column the best that a tuning to each baseline would give it.

How soon anybody could speak is measured too: by an oracle that knows the rate of every bin and what the surge
multiplies it with, and by when as many messages have come as we ask for. The oracle is Page's CUSUM of the likelihood
ratio, which no rule with as few false alarms beats (Moustakides 1986); it has as many as ours on that baseline.
Nobody knows beforehand how large a surge will be: `rates known` is who knows the rates alone and sums the likelihood
ratios of several sizes (Shiryaev and Roberts; Pollak 1985, nearly the best there is), at as many false alarms too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.surge_rules import GUARD, RULES, Counts, Rule, beginnings
from triage.core.surge import Bin, Detector, Settings

SIZES = (2.0, 3.0, 5.0, 8.0, 12.0)
"""What a surge may multiply the rate with, for who does not know."""
SECONDS = 300
PER_DAY = 24 * 3600 // SECONDS
BASELINES = (0.2, 1.0, 5.0, 20.0, 50.0)
FACTORS = (3, 5, 10)
STREAMS, HISTORY, QUIET, SURGE = 8, 28, 45, 2
"""Streams of a baseline; days of history before a surge, of quiet after it, of a surge."""
START = datetime(2026, 1, 5, tzinfo=UTC)
SILENT = 6 * 3600 // SECONDS
MONTH = 30


@dataclass(frozen=True, kw_only=True)
class Process:
    """How quiet life goes. `wander` is the spread of the rate from hour to hour, `weekend` its part of the rate."""

    name: str
    rhythm: float = 0.67
    weekend: float = 1.0
    wander: float = 0.0

    def rates(self, hourly: float, days: int, chance: np.random.Generator) -> Counts:
        """Messages expected per bin."""
        hours = np.arange(days * PER_DAY) * SECONDS / 3600
        shape = 1 + self.rhythm * np.sin((hours % 24 - chance.uniform(0, 24)) / 24 * 2 * np.pi)
        shape *= np.where((hours // 24) % 7 >= 5, self.weekend, 1.0)
        if self.wander:
            steps = chance.normal(0, self.wander, len(hours) // 12 + 1)
            shape *= np.repeat(np.exp(steps - self.wander**2 / 2), 12)[: len(hours)]
        return hourly * SECONDS / 3600 * shape


PLAIN = Process(name="daily rhythm")
ROUGH = Process(name="daily rhythm, weekends at half, wandering by 30 %", weekend=0.5, wander=0.3)


def play(detector: Detector, counts: Counts, first: int, *, until_alarm: bool = False) -> list[int]:
    """The bins (from `first` on, as numbers of the stream) in which an alarm was raised."""
    alarms = []
    for number, count in enumerate(counts.tolist(), first):
        began = START + timedelta(seconds=number * SECONDS)
        said = detector.step(Bin(started_at=began, seconds=SECONDS, count=int(count))).surge
        if said and said.kind == "alarm":
            alarms.append(number)
            if until_alarm:
                break
    return alarms


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One stream: what came, its rates, and the detector's state after the history."""

    counts: Counts
    rates: Counts
    state: dict[str, Any]
    alarms: Sequence[int]


def streams(process: Process, hourly: float, settings: Settings, seed: int) -> list[Stream]:
    """Quiet streams, each seen through to its end."""
    chance = np.random.default_rng([seed, round(hourly * 10)])
    made = []
    for _ in range(STREAMS):
        rates = process.rates(hourly, HISTORY + QUIET, chance)
        counts = chance.poisson(rates).astype(float)
        detector = Detector(settings)
        cut = HISTORY * PER_DAY
        early = play(detector, counts[:cut], 0)
        state = detector.dump()
        made.append(
            Stream(
                counts=counts, rates=rates, state=state, alarms=[*early, *play(detector, counts[cut:], cut)]
            )
        )
    return made


@dataclass(frozen=True, kw_only=True)
class Injected:
    """A surge in a copy of a stream: the history before it, the counts from its onset."""

    counts: Counts
    onset: int
    state: dict[str, Any]


def inject(made: Sequence[Stream], factor: int, number: int, seed: int) -> list[Injected]:
    """So many surges at random moments of the day after the history."""
    chance = np.random.default_rng([seed, factor])
    found = []
    for place in range(number):
        stream = made[place % len(made)]
        onset = HISTORY * PER_DAY + int(chance.integers(PER_DAY))
        counts = stream.counts[: onset + SURGE * PER_DAY].copy()
        counts[onset:] = chance.poisson(stream.rates[onset : onset + SURGE * PER_DAY] * factor)
        found.append(Injected(counts=counts, onset=onset, state=stream.state))
    return found


def ours(surges: Sequence[Injected], settings: Settings) -> NDArray[np.float64]:
    """Delay of each alarm in minutes; infinite when none came while the surge lasted."""
    delays = []
    for surge in surges:
        detector, cut = Detector(settings, surge.state), HISTORY * PER_DAY
        play(detector, surge.counts[cut : surge.onset], cut)
        alarms = play(detector, surge.counts[surge.onset :], surge.onset, until_alarm=True)
        delays.append(_minutes(alarms[0] - surge.onset) if alarms else np.inf)
    return np.array(delays)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A rule, with the guard or without, and its scores in the quiet of each baseline."""

    rule: Rule
    guard: bool
    quiet: Sequence[Counts]

    @property
    def name(self) -> str:
        return self.rule.name + (f", {GUARD} messages" if self.guard else "")

    def false_alarms(self, threshold: float, baseline: int | None = None) -> int:
        """How often the rule begins to speak for nothing, in all or in one of the baselines."""
        tables = self.quiet if baseline is None else [self.quiet[baseline]]
        return sum(len(beginnings(row >= threshold, SILENT)) for table in tables for row in table)

    def equal(self, allowed: int, baseline: int | None = None) -> float:
        """The lowest threshold with no more false alarms than `allowed`."""
        return lowest(
            self.rule.threshold, lambda threshold: self.false_alarms(threshold, baseline) <= allowed
        )


def lowest(near: float, good: Callable[[float], bool]) -> float:
    """The lowest threshold that is good, looked for from `near` on, up and down, to a part in a thousand."""
    low, high = near / 32, near
    while not good(high):
        low, high = high, high * 4
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if good(middle) else (middle, high)
    return high


def judged(made: Sequence[Sequence[Stream]]) -> list[Judged]:
    """Every rule on the quiet streams, with the guard and without."""
    cut = HISTORY * PER_DAY
    tables = [np.stack([s.counts for s in streams]) for streams in made]
    return [
        Judged(rule=rule, guard=guard, quiet=[rule.scores(t, SECONDS, guard=guard)[:, cut:] for t in tables])
        for rule in RULES
        for guard in (False, True)
    ]


def theirs(surges: Sequence[Injected], rule: Judged) -> list[Counts]:
    """The rule's scores while each surge lasts."""
    longest = max(len(s.counts) for s in surges)
    table = np.stack([np.pad(s.counts, (0, longest - len(s.counts)), mode="edge") for s in surges])
    scores = rule.rule.scores(table, SECONDS, guard=rule.guard)
    return [row[s.onset : len(s.counts)] for s, row in zip(surges, scores, strict=True)]


def evidence(counts: Counts, rates: Counts, factor: float) -> Counts:
    """Page's sum, per bin of the last axis: how much likelier a surge of that factor is by now than none."""
    gain = counts * math.log(factor) - rates * (factor - 1)
    total, run = np.empty_like(gain), np.zeros(gain.shape[:-1])
    for place in range(gain.shape[-1]):
        total[..., place] = run = np.maximum(run + gain[..., place], 0.0)
    return total


def any_size(counts: Counts, rates: Counts) -> Counts:
    """Shiryaev and Roberts' sum, as a logarithm: surges of all sizes and onsets, each as likely as it is by now."""
    sizes = np.log(np.array(SIZES)).reshape(-1, *[1] * (counts.ndim - 1))
    total, run = np.empty_like(counts), np.full((len(SIZES), *counts.shape[:-1]), -np.inf)
    for place in range(counts.shape[-1]):
        gain = counts[..., place] * sizes - rates[..., place] * (np.exp(sizes) - 1)
        run = np.logaddexp(0.0, run) + gain
        total[..., place] = np.logaddexp.reduce(run, axis=0)
    return total


def informed(
    made: Sequence[Stream],
    surges: Sequence[Injected],
    allowed: int,
    judge: Callable[[Counts, Counts], Counts],
    near: float,
) -> Counts:
    """Delays of who knows the rates and judges by them, with no more false alarms than `allowed` on the quiet streams;
    the threshold is looked for from `near` on."""
    cut = HISTORY * PER_DAY
    quiet = judge(np.stack([s.counts[cut:] for s in made]), np.stack([s.rates[cut:] for s in made]))
    threshold = lowest(near, lambda t: sum(len(beginnings(row >= t, SILENT)) for row in quiet) <= allowed)
    scores = []
    for place, surge in enumerate(surges):
        rates = made[place % len(made)].rates[cut : len(surge.counts)]
        scores.append(judge(surge.counts[cut:], rates)[surge.onset - cut :])
    return delays(scores, threshold)


def enough(surges: Sequence[Injected], messages: int) -> Counts:
    """Minutes until so many messages have come since the onset."""
    return delays([np.cumsum(s.counts[s.onset :]) for s in surges], messages)


def delays(scores: Sequence[Counts], threshold: float) -> Counts:
    """Minutes to the rule's first word; infinite when it says none."""
    spoken = [np.flatnonzero(row >= threshold) for row in scores]
    return np.array([_minutes(int(s[0])) if len(s) else np.inf for s in spoken])


def _minutes(bins: int) -> float:
    """To the end of the bin that gave the alarm."""
    return (bins + 1) * SECONDS / 60


def table(process: Process, number: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bool]:
    """False alarms and delays as rows to print, and whether what must be shown is."""
    settings = Settings()
    made = [streams(process, hourly, settings, 1) for hourly in BASELINES]
    mine = [sum(a >= HISTORY * PER_DAY for s in streams for a in s.alarms) for streams in made]
    months, rules = STREAMS * QUIET / MONTH, judged(made)
    quiet = [{"false alarms a stream and month": "ours", **_by_baseline([n / months for n in mine])}]
    for rule in rules:
        found = [rule.false_alarms(rule.rule.threshold, n) / months for n in range(len(BASELINES))]
        quiet.append({"false alarms a stream and month": rule.name, **_by_baseline(found)})
    one = [rule.equal(sum(mine)) for rule in rules]
    rows, pooled = [], [[] for _ in (*rules, None)]
    for place, hourly in enumerate(BASELINES):
        own = [rule.equal(mine[place], place) for rule in rules]
        for factor in FACTORS:
            surges = inject(made[place], factor, number, 2)
            ours_ = ours(surges, settings)
            scores = [theirs(surges, rule) for rule in rules]
            found = [delays(s, t) for s, t in zip(scores, one, strict=True)]
            tuned = [delays(s, t) for s, t in zip(scores, own, strict=True)]
            for kept, more in zip(pooled, (*found, ours_), strict=True):
                kept.append(more)
            knows = partial(evidence, factor=factor)
            bounds = (
                informed(made[place], surges, mine[place], knows, 2.0),
                enough(surges, settings.min_messages),
                informed(made[place], surges, mine[place], any_size, 8.0),
            )
            rows.append(_row(f"{hourly:g} an hour, x{factor}", ours_, found, tuned, rules, bounds))
    together = [np.concatenate(kept) for kept in pooled]
    rows.append(_row("all together", together[-1], together[:-1], None, rules, None))
    good = all(row["half"] != "no" for row in rows) and max(n / months for n in mine) <= 1
    return quiet, rows, good


def _by_baseline(values: Sequence[float]) -> dict[str, float]:
    return {f"{hourly:g}/h": float(value) for hourly, value in zip(BASELINES, values, strict=True)}


def _row(
    what: str,
    mine: Counts,
    found: Sequence[Counts],
    tuned: Sequence[Counts] | None,
    rules: Sequence[Judged],
    bounds: tuple[Counts, Counts, Counts] | None,
) -> dict[str, Any]:
    """Beside the best of the rules as people use them, and beside the best when each is given the guard that ours has.

    `half`: whether ours takes at most half as long; impossible: the oracle takes longer too.
    """
    medians = [float(np.median(d)) for d in found]
    ours_ = float(np.median(mine))
    known, came, rates = (float(np.median(d)) for d in bounds) if bounds else (np.nan, np.nan, np.nan)

    def beside(*, guarded: bool) -> tuple[str, float, float, str]:
        best = min((n for n, rule in enumerate(rules) if rule.guard is guarded), key=medians.__getitem__)
        of_it = ours_ / medians[best] if np.isfinite(ours_) else np.inf
        half = "yes" if of_it <= 0.5 else "impossible" if max(known, came) > medians[best] / 2 else "no"
        return rules[best].name, medians[best], of_it, half

    best, its, of_it, half = beside(guarded=False)
    _, guarded, of_guarded, half_guarded = beside(guarded=True)
    return {
        "surge": what, "ours, min": ours_, "missed": float(np.isinf(mine).mean()), "best rule": best,
        "its min": its, "of it": of_it, "half": half,
        "guarded": guarded, "of guarded": of_guarded, "half of guarded": half_guarded,
        "oracle, min": known, "rates known, min": rates, "5 messages, min": came,
        "tuned to the baseline": min(float(np.median(d)) for d in tuned) if tuned else np.nan,
    }  # fmt: skip
