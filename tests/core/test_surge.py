"""What a surge is, as properties over any counts, and as stories whose end is known."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.core.baseline import Baseline
from triage.core.spans import Span, Spans, stands_out
from triage.core.surge import Bin, Detector, Settings, Step, Surge
from triage.core.tail import Tail

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = 12, 288
QUICK = Settings(warm_up=0, quiet=1800, settle=7200, every=86_400, min_authors=1)
"""Speaks early, ends early: short lists of counts hold whole surges."""


def bins(
    counts: Iterable[int], *, first: int = 0, seconds: int = 300, authors: int | None = None
) -> list[Bin]:
    return [
        Bin(
            started_at=START + timedelta(seconds=(first + n) * seconds),
            seconds=seconds,
            count=c,
            authors=authors,
        )
        for n, c in enumerate(counts)
    ]


def steps(detector: Detector, given_: Iterable[Bin]) -> list[Step]:
    return [detector.step(one) for one in given_]


def said(found: Sequence[Step]) -> list[Surge]:
    return [step.surge for step in found if step.surge]


def kinds(found: Sequence[Step]) -> list[str]:
    return [surge.kind for surge in said(found)]


def poisson(rates: Iterable[float], seed: int = 1) -> list[int]:
    chance = random.Random(seed)

    def draw(rate: float) -> int:
        limit, count, product = math.exp(-rate), 0, chance.random()
        while product > limit:
            count, product = count + 1, product * chance.random()
        return count

    return [draw(rate) for rate in rates]


def rhythm(days: int, mean: float = 2.0) -> list[float]:
    """A rate per bin that is 1.8 times the mean at noon and a fifth of it at midnight."""
    return [mean * (1 - 0.8 * math.cos(n / DAY * 2 * math.pi)) for n in range(days * DAY)]


counts = st.lists(
    st.one_of(st.integers(0, 3), st.integers(0, 60), st.sampled_from([0, 500, 10_000])), max_size=120
)


anything = settings(deadline=None, max_examples=60)


class TestForAnyCounts:
    @anything
    @given(counts)
    def test_a_surge_is_said_once_then_ends(self, given_: list[int]) -> None:
        on = False
        for kind in kinds(steps(Detector(QUICK), bins(given_))):
            assert on == (kind != "alarm")
            on = kind != "end"

    @anything
    @given(counts)
    def test_times_and_figures_are_in_order(self, given_: list[int]) -> None:
        for surge in said(steps(Detector(QUICK), bins(given_))):
            assert surge.started_at < surge.alarmed_at <= surge.at
            assert (surge.kind == "alarm") == (surge.alarmed_at == surge.at)
            assert 1 <= surge.severity <= 3
            assert surge.observed >= surge.peak >= 0

    @anything
    @given(counts)
    def test_a_surge_only_grows_until_it_ends(self, given_: list[int]) -> None:
        for before, after in pairwise(said(steps(Detector(QUICK), bins(given_)))):
            if after.kind == "escalation":
                assert after.severity <= before.severity
                assert after.observed >= before.observed
                assert after.at - before.at >= timedelta(seconds=QUICK.pause)

    @anything
    @given(counts, st.integers(0, 120))
    def test_nothing_later_is_seen(self, given_: list[int], cut: int) -> None:
        whole = steps(Detector(QUICK), bins(given_))
        assert steps(Detector(QUICK), bins(given_[:cut])) == whole[:cut]

    @anything
    @given(counts, st.integers(0, 120))
    def test_a_run_that_was_interrupted_is_the_same(self, given_: list[int], cut: int) -> None:
        first = Detector(QUICK)
        head = steps(first, bins(given_[:cut]))
        state = json.loads(json.dumps(first.dump()))
        tail = steps(Detector(QUICK, state), bins(given_[cut:], first=cut))
        assert head + tail == steps(Detector(QUICK), bins(given_))

    @anything
    @given(counts, st.integers(1, 60))
    def test_more_of_the_newest_never_says_less(self, given_: list[int], more: int) -> None:
        quiet = Detector(QUICK)
        steps(quiet, bins(given_))
        state = quiet.dump()
        if quiet.open is None:
            few, many = (
                Detector(QUICK, json.loads(json.dumps(state))).step(*bins([n], first=len(given_))).score
                for n in (5, 5 + more)
            )
            assert many >= few

    @anything
    @given(counts)
    def test_a_score_of_one_is_a_word(self, given_: list[int]) -> None:
        for step in steps(Detector(QUICK), bins(given_)):
            assert (step.score >= 1) == (step.surge is not None and step.surge.kind != "end")
            assert math.isfinite(step.score)
            assert step.expected >= 0

    def test_the_state_stays_small(self) -> None:
        chance, detector = random.Random(3), Detector()
        for day in range(8):
            steps(detector, bins((chance.randrange(3000) for _ in range(DAY)), first=DAY * day))
            assert len(json.dumps(detector.dump())) < 16_000


class TestStories:
    def test_quiet_weeks_say_nothing(self) -> None:
        assert kinds(steps(Detector(), bins(poisson(rhythm(28))))) == []

    @pytest.mark.parametrize("factor", [4, 10])
    def test_a_surge_begins_and_ends(self, factor: int) -> None:
        rates = rhythm(16)
        onset, over = 14 * DAY + 9 * HOUR, 14 * DAY + 12 * HOUR
        found = steps(
            Detector(), bins(poisson(r * factor if onset <= n < over else r for n, r in enumerate(rates)))
        )
        alarm, *_, end = said(found)
        assert kinds(found).count("alarm") == 1
        assert START + onset * timedelta(minutes=5) - timedelta(hours=1) <= alarm.started_at
        assert alarm.at <= START + (onset + HOUR) * timedelta(minutes=5)
        assert end.kind == "end"
        assert end.at <= START + (over + 10 * HOUR) * timedelta(minutes=5)

    def test_where_nothing_is_usual_silence_ends_it_soon(self) -> None:
        calm, loud = [0] * 7 * DAY, [4] * 6
        ends = {}
        for hours in (0.5, 6):
            surge = loud * round(hours * 2)
            found = steps(Detector(), bins(calm + surge + [0] * DAY))
            assert kinds(found)[0] == "alarm"
            assert kinds(found)[-1] == "end"
            ends[hours] = (said(found)[-1].at - START) / timedelta(hours=1) - 168 - hours
        assert ends[0.5] <= 1.5
        assert 3 <= ends[6] <= 7

    def test_the_rhythm_of_the_day_is_learned(self) -> None:
        detector = Detector()
        steps(detector, bins(poisson(rhythm(14, mean=5))))
        night, noon = (
            detector.baseline.expected(START + timedelta(days=14, hours=h), 300) for h in (0.5, 12.5)
        )
        assert night == pytest.approx(1.0, rel=0.5)
        assert noon == pytest.approx(9.0, rel=0.2)

    def test_three_messages_are_no_crisis_five_by_one_are_none(self) -> None:
        calm = bins([0] * 3 * DAY)
        assert kinds(steps(Detector(), calm + bins([3], first=3 * DAY))) == []
        assert kinds(steps(Detector(), calm + bins([50], first=3 * DAY, authors=1))) == []
        assert kinds(steps(Detector(), calm + bins([5], first=3 * DAY, authors=5))) == ["alarm"]

    def test_somebody_who_comes_back_is_nobody_new(self) -> None:
        detector = Detector()
        steps(detector, bins([0] * 3 * DAY))
        again = [
            Bin(
                started_at=START + timedelta(days=3, minutes=5 * n),
                seconds=300,
                count=3,
                authors=1,
                newcomers=0,
            )
            for n in range(HOUR)
        ]
        assert kinds(steps(detector, again)) == []

    def test_it_is_said_again_when_it_is_several_times_as_large(self) -> None:
        rates = [2.0] * 7 * DAY + [12.0] * HOUR + [120.0] * HOUR
        found = steps(Detector(), bins(poisson(rates)))
        assert kinds(found)[:2] == ["alarm", "escalation"]
        assert said(found)[-1].severity == 1

    def test_what_stays_is_the_new_normal(self) -> None:
        found = steps(Detector(), bins(poisson([3.0] * 10 * DAY + [12.0] * 10 * DAY)))
        assert kinds(found)[0] == "alarm"
        assert kinds(found)[-1] == "end"
        assert kinds(found).count("alarm") == 1
        assert found[-1].expected == pytest.approx(12, rel=0.25)

    def test_an_outlier_teaches_little(self) -> None:
        detector = Detector()
        steps(detector, bins(poisson([3.0] * 10 * DAY)))
        before = detector.baseline.expected(START, 300)
        steps(detector, bins([3000], first=10 * DAY))
        assert detector.baseline.expected(START, 300) == pytest.approx(before, rel=0.02)

    def test_the_first_morning_is_no_surge(self) -> None:
        assert kinds(steps(Detector(), bins(poisson([0.5] * 8 * HOUR + [4.0] * 8 * HOUR)))) == []

    def test_a_clock_that_goes_back_says_nothing_and_changes_nothing(self) -> None:
        detector = Detector()
        steps(detector, bins([2] * DAY))
        before = json.dumps(detector.dump())
        assert kinds(steps(detector, bins([5000], first=DAY - 5))) == []
        assert json.dumps(detector.dump()) == before

    def test_after_time_that_nobody_watched_it_goes_on(self) -> None:
        detector = Detector()
        steps(detector, bins(poisson([2.0] * 7 * DAY)))
        assert kinds(steps(detector, bins(poisson([2.0] * DAY), first=60 * DAY))) == []

    def test_a_long_silence_then_life_again(self) -> None:
        detector = Detector()
        steps(detector, bins(poisson([2.0] * 7 * DAY) + [0] * 30 * DAY))
        assert kinds(steps(detector, bins(poisson([2.0] * DAY), first=37 * DAY))).count("alarm") == 1

    def test_a_stream_of_spikes_gets_used_to_them(self) -> None:
        spiky = [40 if n % 97 == 0 else rate for n, rate in enumerate(poisson([2.0] * 28 * DAY))]
        found = steps(Detector(), bins(spiky))
        assert kinds(found[14 * DAY :]).count("alarm") <= 4

    def test_bins_of_any_length(self) -> None:
        for seconds in (60, 3600, 86_400):
            calm = bins(poisson([seconds / 300] * 400), seconds=seconds)
            burst = bins([int(30 * max(1, seconds / 300))], first=400, seconds=seconds)
            assert kinds(steps(Detector(), calm + burst)) == ["alarm"]


class TestParts:
    @anything
    @given(st.floats(0.01, 500), st.integers(0, 2000), st.floats(0, 1))
    def test_a_count_stands_out_the_more_the_higher_it_is(
        self, mean: float, count: int, spread: float
    ) -> None:
        assert stands_out(count + 1, mean, spread) >= stands_out(count, mean, spread) >= 0
        assert stands_out(count, mean, spread) <= stands_out(count, mean, 0.0) + 1e-6

    @pytest.mark.parametrize(("count", "mean"), [(5, 0.2), (8, 1.0), (20, 5.0), (40, 16.0), (300, 200.0)])
    def test_the_tail_is_that_of_poisson(self, count: int, mean: float) -> None:
        terms = (n * math.log(mean) - mean - math.lgamma(n + 1) for n in range(count, count + 400))
        chance = math.fsum(map(math.exp, terms))
        normal = 0.5 * math.erfc(stands_out(count, mean, 0.0) / math.sqrt(2))
        assert 0.4 < normal / chance < 2.5

    @anything
    @given(st.lists(st.integers(0, 50), max_size=300))
    def test_spans_hold_what_they_were_given(self, given_: list[int]) -> None:
        spans = Spans(1e9)
        completed = [span.bins for count in given_ for span in spans.push(Span(60, count, 1.0, count))]
        ends = [(s.seconds, s.count) for s in spans.ending_now()]
        assert completed.count(1) == len(given_)
        assert ends == sorted(ends)
        if given_:
            assert ends[-1] == (60 * len(given_), sum(given_))
            assert all(sum(given_[-round(s / 60) :]) == c for s, c in ends)
            assert len(ends) <= 5 * (1 + math.log2(len(given_)))

    def test_a_baseline_that_was_stored_is_the_same(self) -> None:
        first = Baseline(86_400)
        for n in range(500):
            at = START + timedelta(minutes=30 * n)
            first.learn(at, 1800, n % 7, first.expected(at, 1800))
        second = Baseline(86_400, json.loads(json.dumps(first.dump())))
        at = START + timedelta(days=20)
        assert second.expected(at, 300) == first.expected(at, 300)
        assert second.doubt(at) == first.doubt(at)

    def test_climbs_raise_the_height_and_calm_lowers_it(self) -> None:
        tail = Tail()
        first = tail.height(86_400 * 60)
        for _ in range(10):
            tail.learn(8.0, 300)
            tail.learn(0.0, 7200)
        climbed = tail.height(86_400 * 60)
        tail.learn(0.0, 86_400 * 120)
        assert climbed > max(first, tail.height(86_400 * 60)) + 1
