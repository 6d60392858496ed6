"""Two pictures of the model card, as SVG without any library: reliability, and precision against coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

Line = Sequence[tuple[float, float]]

SIZE, LEFT, TOP = 320, 56, 36
COLOURS = ("#1f6f8b", "#c8553d", "#6a994e", "#7d5ba6")


def chart(
    title: str,
    across: str,
    up: str,
    lines: Mapping[str, Line],
    *,
    lowest: float = 0.0,
    marks: bool = False,
    guides: Sequence[float] = (),
    diagonal: bool = False,
) -> str:
    """Lines over the unit interval; the upward axis begins at `lowest`. `guides` are levels drawn across."""

    def x(value: float) -> float:
        return round(LEFT + value * SIZE, 1)

    def y(value: float) -> float:
        return round(TOP + (1 - (max(value, lowest) - lowest) / (1 - lowest)) * SIZE, 1)

    parts = [f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{escape(title)}</text>']
    for step in range(6):
        share = step / 5
        level = lowest + share * (1 - lowest)
        parts += [
            f'<path d="M{LEFT} {y(level)}h{SIZE}" stroke="#ddd"/>',
            f'<text x="{LEFT - 6}" y="{y(level) + 4}" text-anchor="end">{level:.2f}</text>',
            f'<text x="{x(share)}" y="{TOP + SIZE + 16}" text-anchor="middle">{share:.1f}</text>',
        ]
    parts += [f'<path d="M{LEFT} {y(g)}h{SIZE}" stroke="#999" stroke-dasharray="4 4"/>' for g in guides]
    if diagonal:
        parts.append(f'<path d="M{x(0)} {y(0)}L{x(1)} {y(1)}" stroke="#999" stroke-dasharray="4 4"/>')
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{x(a)},{y(b)}" for a, b in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if marks:
            parts += [f'<circle cx="{x(a)}" cy="{y(b)}" r="3" fill="{colour}"/>' for a, b in line]
        at = TOP + 14 + 17 * number
        parts += [
            f'<path d="M{LEFT + SIZE + 12} {at}h18" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{LEFT + SIZE + 36}" y="{at + 4}">{escape(name)}</text>',
        ]
    middle = LEFT + SIZE / 2
    parts += [
        f'<path d="M{LEFT} {TOP}v{SIZE}h{SIZE}" fill="none" stroke="#333"/>',
        f'<text x="{middle}" y="{TOP + SIZE + 36}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(14 {TOP + SIZE / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    width, height = LEFT + SIZE + 220, TOP + SIZE + 48
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12" fill="#222">'
    )
    return (
        "\n".join([head, f'<rect width="{width}" height="{height}" fill="#fff"/>', *parts, "</svg>"]) + "\n"
    )
