"""The page's words in the reader's language, and spans of time said in them."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request

LANGUAGES = ("en", "fr")
COOKIE = "triage_ui"


@cache
def catalogue() -> dict[str, tuple[str, str]]:
    """words*.toml: what the pages say, by key, in the order of LANGUAGES."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("words*.toml"))]
    return {key: (both[0], both[1]) for text in texts for key, both in tomllib.loads(text).items()}


def language_of(request: Request) -> str:
    """What the reader chose, else the first language of the browser that we speak, else English."""
    for given in (request.query_params.get("ui"), request.cookies.get(COOKIE)):
        if given in LANGUAGES:
            return str(given)
    for part in request.headers.get("accept-language", "").split(","):
        if (short := part.strip()[:2].lower()) in LANGUAGES:
            return short
    return "en"


class Words:
    """`words("key", n=3)`: the text in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._index = LANGUAGES.index(language)

    def __call__(self, key: str, **filled: Any) -> str:
        text = catalogue()[key][self._index]
        return text.format(**filled) if filled else text

    def __contains__(self, key: str) -> bool:
        return key in catalogue()

    def number(self, value: int) -> str:
        """Thousands apart, as the language writes them."""
        return f"{value:,}" if self.language == "en" else f"{value:,}".replace(",", "\u202f")

    def span(self, length: timedelta) -> str:
        """`4 min`, `2 h 05`, `3 d 4 h`; French days are `j`."""
        minutes = max(0, int(length.total_seconds() // 60))
        if minutes < 60:
            return f"{minutes} min"
        if minutes < 24 * 60:
            return f"{minutes // 60} h {minutes % 60:02d}"
        day = "d" if self.language == "en" else "j"
        return f"{minutes // 1440} {day} {minutes % 1440 // 60} h"

    def span_short(self, length: timedelta) -> str:
        """`40 s`, then as `span`."""
        seconds = int(length.total_seconds())
        return f"{seconds} s" if seconds < 60 else self.span(length)

    def span_in_full(self, length: timedelta) -> str:
        """`3 days and 4 hours`, for the head of the page."""
        minutes = max(0, int(length.total_seconds() // 60))
        names = _UNITS[self.language]
        parts = [(minutes // 1440, names[0]), (minutes % 1440 // 60, names[1]), (minutes % 60, names[2])]
        said = [f"{n} {one if n == 1 else many}" for n, (one, many) in parts if n]
        joint = " and " if self.language == "en" else " et "
        return joint.join(said[:2]) or f"0 {names[2][1]}"

    def moment(self, at: datetime) -> str:
        """Day and time in UTC; the script shows it in the reader's own zone."""
        return f"{at:%Y-%m-%d %H:%M} UTC"


_UNITS = {
    "en": (("day", "days"), ("hour", "hours"), ("minute", "minutes")),
    "fr": (("jour", "jours"), ("heure", "heures"), ("minute", "minutes")),
}
