"""Volume over time as an SVG picture: bars for what came, a line for what is usual, marks for what happened.

Colours are attributes and `currentColor`, so that a page with a strict Content-Security-Policy shows it, in a light and
in a dark one. What it shows is also said in words (`title`, `desc`) for those who listen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from html import escape
from itertools import groupby
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 76, 28
BARS, USUAL, MARK = "#4a90c8", "#d97706", "#dc2626"
STEPS = tuple(timedelta(minutes=m) for m in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 40320))


@dataclass(frozen=True, kw_only=True)
class Count:
    """What one bin brought, and what was expected of it (None: nothing was)."""

    at: datetime
    count: int
    expected: float | None = None


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A moment to draw a line at, and its name."""

    at: datetime
    text: str


def volume(
    counts: Sequence[Count],
    bin_length: timedelta,
    *,
    title: str,
    marks: Sequence[Mark] = (),
    observed: str = "messages",
    usual: str = "usual",
    zone: tzinfo = UTC,
    most_bars: int = 200,
) -> str:
    """The picture as an `<svg>` element. Bins of equal length, in order; too many are added up in groups."""
    if not counts:
        return _svg(title, f"0 {observed}", [_text(LEFT, TOP, f"0 {observed}")])
    counts, bin_length = grouped(counts, bin_length, most_bars)
    plot = _Plot(counts, bin_length, zone)
    shown = sorted((m for m in marks if plot.first <= m.at <= plot.last), key=lambda m: m.at)
    peak = max(counts, key=lambda c: c.count)
    told = [f"{sum(c.count for c in counts)} {observed}", f"{peak.count}: {plot.clock(peak.at)}"]
    told += [f"{m.text}: {plot.clock(m.at)}" for m in shown]
    legend = [(BARS, observed)] + [(USUAL, usual)] * any(c.expected is not None for c in counts)
    parts = [*plot.grid(), *plot.bars(), *plot.usual(), *plot.marks(shown), *_legend(legend)]
    return _svg(title, "; ".join(told), parts)


def grouped(counts: Sequence[Count], bin_length: timedelta, most: int) -> tuple[list[Count], timedelta]:
    """Neighbouring bins added up until there are at most `most`, and the length of a group."""
    size = ceil(len(counts) / most) or 1
    groups = [counts[at : at + size] for at in range(0, len(counts), size)]
    return [
        Count(
            at=group[0].at,
            count=sum(c.count for c in group),
            expected=sum(known) if (known := [c.expected for c in group if c.expected is not None]) else None,
        )
        for group in groups
    ], bin_length * size


def ceiling(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 … at or above the value."""
    ten = 10.0 ** floor(log10(value))
    return next(ten * step for step in (1, 2, 5, 10) if ten * step >= value)


class _Plot:
    """Where a moment and a number lie on the picture, and what is drawn there."""

    def __init__(self, counts: Sequence[Count], bin_length: timedelta, zone: tzinfo) -> None:
        self._counts, self._bin, self._zone = counts, bin_length, zone
        self.first, self.last = counts[0].at, counts[-1].at + bin_length
        self._top = ceiling(max(1.0, *(max(c.count, c.expected or 0.0) for c in counts)))

    def clock(self, at: datetime) -> str:
        """Day and time in the reader's zone."""
        return at.astimezone(self._zone).strftime("%d.%m. %H:%M")

    def _x(self, at: datetime) -> float:
        return round(LEFT + (at - self.first) / (self.last - self.first) * (WIDTH - LEFT - RIGHT), 1)

    def _y(self, value: float) -> float:
        return round(TOP + (1 - value / self._top) * (HEIGHT - TOP - BOTTOM), 1)

    def grid(self) -> Iterator[str]:
        """Three levels, and at most eight times."""
        for level in (0.0, self._top / 2, self._top):
            yield f'<path d="M{LEFT} {self._y(level)}H{WIDTH - RIGHT}" stroke="currentColor" opacity="0.25"/>'
            yield _text(LEFT - 6, self._y(level) + 4, f"{level:g}", "end")
        span = self.last - self.first
        step = next((s for s in STEPS if span / s <= 8), span)
        pattern = (
            "%d.%m." if step >= timedelta(days=1) else "%H:%M" if span <= timedelta(days=1) else "%d.%m. %Hh"
        )
        midnight = self.first.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        at = midnight + step * ceil((self.first - midnight) / step)
        while at <= self.last:
            yield _text(self._x(at), HEIGHT - 8, at.astimezone(self._zone).strftime(pattern), "middle")
            at += step

    def bars(self) -> Iterator[str]:
        """One path for all of them: a thousand bins stay a small page."""
        across = max(0.5, round(self._x(self.first + self._bin) - LEFT - 0.5, 1))
        drawn = (
            f"M{self._x(c.at)} {self._y(0)}V{self._y(c.count)}h{across}V{self._y(0)}z"
            for c in self._counts
            if c.count
        )
        yield f'<path d="{"".join(drawn)}" fill="{BARS}"/>'

    def usual(self) -> Iterator[str]:
        """A line through what was expected, broken where nothing was."""
        for known, run in groupby(self._counts, key=lambda c: c.expected is not None):
            if known:
                points = " ".join(
                    f"{self._x(c.at + self._bin / 2)},{self._y(c.expected or 0.0)}" for c in run
                )
                yield f'<polyline points="{points}" fill="none" stroke="{USUAL}" stroke-width="2"/>'

    def marks(self, marks: Sequence[Mark]) -> Iterator[str]:
        """Dashed lines; each name in the first of three rows where it touches no other."""
        taken = [0.0] * 3
        for mark in marks:
            x, wide = self._x(mark.at), 7.0 * len(mark.text) + 8
            start = max(0.0, min(x, WIDTH - wide))
            row = next((n for n, end in enumerate(taken) if end <= start), taken.index(min(taken)))
            taken[row] = start + wide
            y = TOP - 36 + 15 * row
            yield f'<path d="M{x} {y}V{self._y(0)}" stroke="{MARK}" stroke-width="2" stroke-dasharray="5 3"/>'
            yield _text(round(start + 4, 1), y, mark.text)


def _legend(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    for number, (colour, name) in enumerate(entries):
        x = LEFT + 170 * number
        yield f'<rect x="{x}" y="6" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 18, 16, name)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, told: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="currentColor">'
    )
    return "\n".join(
        [head, f"<title>{escape(title)}</title>", f"<desc>{escape(told)}</desc>", *parts, "</svg>"]
    )
