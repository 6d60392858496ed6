"""A text in pieces, those marked that spoke for the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of a text; `why` is the evidence it is (None: none)."""

    text: str
    why: dict[str, Any] | None = None


def marked(text: str, evidence: Sequence[dict[str, Any]]) -> list[Piece]:
    """The text in pieces. A span is marked only where the text still says what the classifier quoted."""
    pieces: list[Piece] = []
    at = 0
    for one in sorted(evidence, key=lambda e: (e["start"], -e["end"])):
        start, end = one["start"], one["end"]
        if start < at or end <= start or text[start:end] != one["text"]:
            continue
        pieces += [Piece(text=text[at:start]), Piece(text=text[start:end], why=one)]
        at = end
    return [piece for piece in (*pieces, Piece(text=text[at:])) if piece.text]


def marked_subject(subject: str, evidence: Sequence[dict[str, Any]]) -> list[Piece]:
    """The subject in pieces: evidence in it has no place (start and end are 0), only its words."""
    placed = []
    for one in evidence:
        if one["end"] == 0 and one["text"] and (start := subject.find(one["text"])) >= 0:
            placed.append({**one, "start": start, "end": start + len(one["text"])})
    return marked(subject, placed)
