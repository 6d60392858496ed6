"""`notify:` of config/triage.yaml: who is told what, by which way, and when."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from triage.config_hours import DAYS, Day
from triage.config_values import Duration, Zone

_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_MAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_CHANNEL = re.compile(r"[#@][^\s,;#@]+|[CDGU][A-Z0-9]{8,}")

DIGEST_LATE = timedelta(hours=6)
"""A morning's digest that could not be made in the morning is made up for so long."""

WEEKLY_LATE = timedelta(days=1)
"""The week's, for so long."""


def _time(value: Any) -> Any:
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError(f'{value!r} is no time of day; write it in quotes, such as "08:00"')
    return time(int(match[1]), int(match[2]))


def _weekly(value: Any) -> Any:
    """`mon 09:00` as day and time."""
    day, _, clock = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    if day not in DAYS or not clock.strip():
        raise ValueError(f'{value!r} is no day and time of a week; write them in quotes, such as "mon 09:00"')
    return day, _time(clock)


def _quiet(value: Any) -> Any:
    """`20:00-07:00` as two times; the second may be on the next day."""
    parts = value.split("-") if isinstance(value, str) else []
    if len(parts) != 2:
        raise ValueError(f'{value!r} is no span of quiet hours; write it in quotes, such as "20:00-07:00"')
    begins, ends = (_time(part) for part in parts)
    if begins == ends:
        raise ValueError("quiet hours that end when they begin are none; leave `quiet` out")
    return begins, ends


class Notify(BaseModel):
    """One recipient: a team's mail addresses, a Slack channel, or whatever Apprise reaches.

    `addresses` are mail addresses, Slack channels (none: the connection is an incoming webhook), or Apprise tags (none:
    all that the connection lists). `digest` comes on each of `days`, `weekly` on a day of its own. `overdue` says how
    long past due a conversation is told of, once for each step. `accounts` empty: all. `excerpt` is how many letters of
    a message may leave the house, 0 by default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    kind: Literal["smtp", "slack", "apprise"]
    connection: str = Field(min_length=1)
    addresses: tuple[str, ...] = Field(default=(), validate_default=True)
    language: Literal["en", "fr"] = "en"
    zone: Zone = "UTC"
    digest: Annotated[time, BeforeValidator(_time)] | None = None
    days: tuple[Day, ...] = DAYS
    weekly: Annotated[tuple[Day, time], BeforeValidator(_weekly)] | None = None
    overdue: tuple[Duration, ...] = ()
    quiet: Annotated[tuple[time, time], BeforeValidator(_quiet)] | None = None
    alarms: bool = False
    incidents: bool = False
    accounts: tuple[str, ...] = ()
    person: str = ""
    excerpt: int = Field(default=0, ge=0, le=240)

    @field_validator("addresses")
    @classmethod
    def _of_its_kind(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        kind = info.data.get("kind")
        if kind == "smtp" and not value:
            raise ValueError("a recipient by mail needs at least one mail address")
        forms = {"smtp": (_MAIL, "mail address"), "slack": (_CHANNEL, 'Slack channel, such as "#care"')}
        form = forms.get(kind or "")
        for address in value:
            if form and not form[0].fullmatch(address):
                raise ValueError(f"{address!r} is no {form[1]}; correct it")
        if len(set(value)) < len(value):
            raise ValueError("an address is written twice; remove one")
        return value

    @field_validator("overdue")
    @classmethod
    def _rising(cls, value: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        if any(later <= earlier for earlier, later in pairwise(value)):
            raise ValueError("each step must be later than the one before it, such as [0m, 2h, 1d]")
        return value

    def is_quiet(self, moment: datetime) -> bool:
        """Whether only what is gravest may be told now."""
        if self.quiet is None:
            return False
        begins, ends = self.quiet
        clock = moment.astimezone(ZoneInfo(self.zone)).time()
        return begins <= clock < ends if begins < ends else clock >= begins or clock < ends

    def digest_day(self, moment: datetime) -> datetime | None:
        """The local moment of the digest that is due now; None: not yet, too late, or not on this day."""
        return self._due(moment, self.digest, self.days, DIGEST_LATE) if self.digest else None

    def weekly_day(self, moment: datetime) -> datetime | None:
        """The local moment of the weekly digest that is due now; None: not yet, or too late."""
        return self._due(moment, self.weekly[1], self.weekly[:1], WEEKLY_LATE) if self.weekly else None

    def _due(self, moment: datetime, clock: time, days: tuple[Day, ...], late: timedelta) -> datetime | None:
        zone = ZoneInfo(self.zone)
        today = moment.astimezone(zone).date()
        for day in (today, today - timedelta(days=1)):
            due = datetime.combine(day, clock, zone)
            if DAYS[day.weekday()] in days and due <= moment < due + late:
                return due
        return None

    @property
    def targets(self) -> tuple[str, ...]:
        """Where each notice goes to, one message each; an empty one is all that the connection names."""
        return self.addresses or ("",)
