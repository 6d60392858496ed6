"""`hours:` of config/triage.yaml: when the team is there."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from triage.config_values import Zone
from triage.core.hours import Calendar, Span

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


def _spans(value: Any) -> Any:
    """`09:00-12:00, 14:00-18:00` as pairs of times; 24:00 closes at midnight."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no opening hours; write 09:00-18:00 in quotes")
    found: list[Span] = []
    for part in filter(None, (p.strip() for p in value.split(","))):
        match = _SPAN.fullmatch(part)
        numbers = [int(n) for n in match.groups()] if match else []
        if not match or numbers[0] > 23 or numbers[2] > 24 or max(numbers[1], numbers[3]) > 59:
            raise ValueError(f"{part!r} is no opening hours; write 09:00-18:00")
        opens, closes = time(numbers[0], numbers[1]), time(numbers[2] % 24, numbers[3])
        if (closes <= opens and closes != time()) or (found and found[-1][1] > opens):
            raise ValueError(f"{part!r} ends before it begins, or begins before the one before it ends")
        found.append((opens, closes))
    return tuple(found)


class Hours(BaseModel):
    """Opening hours by weekday in one zone, and holidays. A weekday that is left out is closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    zone: Zone
    week: dict[Day, Annotated[tuple[Span, ...], BeforeValidator(_spans)]]
    holidays: tuple[date, ...] = ()

    @property
    def calendar(self) -> Calendar:
        """The same as a value of the core."""
        week = {DAYS.index(day): spans for day, spans in self.week.items()}
        return Calendar(zone=self.zone, week=week, holidays=frozenset(self.holidays))
