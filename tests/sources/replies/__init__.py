"""Our own reply bodies with what must be left of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent
LANGUAGES = ("en", "fr")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A body as it was sent, and what its author wrote in it."""

    name: str
    body: str
    expected: str


def load(language: str) -> list[Reply]:
    """The replies of one of `LANGUAGES`, in the order of its file."""
    _, *pieces = (_FOLDER / f"{language}.txt").read_text(encoding="utf-8").split("\n#### ")
    replies = []
    for piece in pieces:
        name, _, rest = piece.partition("\n")
        body, _, expected = rest.partition("\n==== expected\n")
        replies.append(Reply(name=name, body=body, expected=expected.strip()))
    return replies
