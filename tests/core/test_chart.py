"""The picture of volume over time: every number it shows is one that it was given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from triage.core.chart import Count, Mark, ceiling, grouped, volume

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
FIVE = timedelta(minutes=5)
SVG = "{http://www.w3.org/2000/svg}"


def bins(*counts: int, expected: float | None = 2.0) -> list[Count]:
    return [Count(at=START + FIVE * n, count=c, expected=expected) for n, c in enumerate(counts)]


def drawn(counts: list[Count], **more: object) -> ElementTree.Element:
    return ElementTree.fromstring(volume(counts, FIVE, title="Recall", **more))  # type: ignore[arg-type]


def texts(picture: ElementTree.Element) -> list[str]:
    return [t.text or "" for t in picture.iter(f"{SVG}text")]


def test_a_listener_hears_what_a_reader_sees() -> None:
    picture = drawn(bins(1, 2, 40, 9), marks=[Mark(at=START + FIVE * 2, text="alarm")])
    assert picture.findtext(f"{SVG}title") == "Recall"
    assert picture.findtext(f"{SVG}desc") == "52 messages; 40: 02.11. 08:10; alarm: 02.11. 08:10"
    assert "alarm" in texts(picture)


def test_the_highest_bar_is_the_highest_count() -> None:
    path = next(p for p in drawn(bins(1, 50, 25)).iter(f"{SVG}path") if p.get("fill"))
    tops = [float(part.split("h")[0]) for part in path.get("d", "").split("V")[1::2]]
    zero = float(path.get("d", "").split("V")[0].split(" ")[1])
    heights = [zero - top for top in tops]
    assert heights[1] == max(heights)
    assert abs(heights[1] / heights[2] - 2) < 0.01


def test_marks_outside_of_the_picture_are_not_drawn_beside_it() -> None:
    assert "late" not in texts(drawn(bins(1, 2), marks=[Mark(at=START + timedelta(days=2), text="late")]))


def test_without_a_baseline_there_is_no_line_and_no_legend_for_it() -> None:
    picture = drawn(bins(1, 2, expected=None))
    assert not list(picture.iter(f"{SVG}polyline"))
    assert "usual" not in texts(picture)


def test_nothing_and_script_are_drawn_as_text() -> None:
    assert texts(drawn([])) == ["0 messages"]
    hostile = volume(bins(3), FIVE, title="<script>", marks=[Mark(at=START, text="</svg><script>alert(1)")])
    assert "<script" not in hostile
    ElementTree.fromstring(hostile)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=500), st.integers(1, 60))
def test_grouping_loses_nobody(counts: list[int], most: int) -> None:
    found, length = grouped(bins(*counts), FIVE, most)
    assert sum(c.count for c in found) == sum(counts)
    assert len(found) <= most
    assert length * len(found) >= FIVE * len(counts)
    assert abs(sum(c.expected or 0 for c in found) - 2 * len(counts)) < 1e-6


@given(st.floats(1, 1e9))
def test_the_ceiling_is_round_and_near(value: float) -> None:
    assert value <= ceiling(value) <= value * 2.5 + 1e-6


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=300), st.integers(1, 1440))
def test_every_picture_is_well_formed_and_its_times_lie_inside(counts: list[int], minutes: int) -> None:
    length = timedelta(minutes=minutes)
    given_ = [Count(at=START + length * n, count=c) for n, c in enumerate(counts)]
    picture = ElementTree.fromstring(volume(given_, length, title="t"))
    for text in picture.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x", "-1")) <= 720
