"""Numbers, spans of time, dates and prepared sentences as English and French say them."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

NARROW = "\u202f"
"""The narrow space that French sets before : ; ! ? and between thousands."""

_UNITS = {
    "en": (("day", "days"), ("hour", "hours"), ("minute", "minutes")),
    "fr": (("jour", "jours"), ("heure", "heures"), ("minute", "minutes")),
}
_DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
_MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
           "novembre", "décembre"),
}  # fmt: skip


def number(value: int, language: str) -> str:
    """Thousands apart, as the language writes them."""
    return f"{value:,}" if language == "en" else f"{value:,}".replace(",", NARROW)


def is_one(value: float, language: str) -> bool:
    """Whether the word after that number is a singular: in French nought and one, in English one."""
    return value < 2 if language == "fr" else value == 1


def span(length: timedelta, language: str) -> str:
    """`3 days and 4 hours`: the two largest units that say something."""
    minutes = max(0, int(length.total_seconds() // 60))
    amounts = (minutes // 1440, minutes % 1440 // 60, minutes % 60)
    if amounts[0]:  # after a day nobody counts minutes
        amounts = (amounts[0], amounts[1], 0)
    units = _UNITS[language]
    said = [
        f"{number(n, language)} {one if n == 1 else many}"
        for n, (one, many) in zip(amounts, units, strict=True)
        if n
    ]
    return (" and " if language == "en" else " et ").join(said) or (
        "less than a minute" if language == "en" else "moins d’une minute"
    )


def day(moment: datetime, language: str) -> str:
    """`Monday 23 November`, `lundi 23 novembre`; the first of a month is `1er` in French."""
    date = "1er" if language == "fr" and moment.day == 1 else str(moment.day)
    return f"{_DAYS[language][moment.weekday()]} {date} {_MONTHS[language][moment.month - 1]}"


def clock(moment: datetime, language: str) -> str:
    """`08:00`, `8 h 00`."""
    return f"{moment:%H:%M}" if language == "en" else f"{moment.hour} h {moment.minute:02d}"


def moment(at: datetime, language: str, zone: str) -> str:
    """`Monday 23 November at 09:40 CET`, `lundi 23 novembre à 9 h 40 CET`."""
    local = at.astimezone(ZoneInfo(zone))
    by = "at" if language == "en" else "à"
    return f"{day(local, language)} {by} {clock(local, language)} {local:%Z}"


class Phrases:
    """The sentences of a .toml file: each has, by language, one form, or a singular and a plural."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, key: str, language: str, n: int | None = None, **filled: str) -> str:
        """The sentence filled in; `n` chooses singular or plural and fills {n}."""
        forms = _sentences(self._path)[key][language]
        if n is None:
            return forms[0].format(**filled)
        return forms[0 if is_one(n, language) else -1].format(n=number(n, language), **filled)


@cache
def _sentences(path: Path) -> dict[str, dict[str, list[str]]]:
    """The file, with the spaces that French sets before its signs."""
    text = path.read_text(encoding="utf-8")
    return tomllib.loads(re.sub(r" ([:;!?»])|(?<=«) ", rf"{NARROW}\1", text))


def dollars(amount: float, language: str) -> str:
    """`$1,204.50`, `1204,50 $`."""
    return f"${amount:,.2f}" if language == "en" else f"{amount:.2f}".replace(".", ",") + f"{NARROW}$"
