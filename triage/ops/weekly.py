"""The week's figures for the crisis committee, as the database and the plans have them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection

from triage.config import Settings, config_dir
from triage.core.errors import ConfigError
from triage.core.week import Brought, Incident, Ledger, Moved, Plans, Response, Review, Spent, Week
from triage.plan.check import REVIEW
from triage.plan.document import one
from triage.plan.front import NO_PLAN
from triage.store import db, weekly

SOON = timedelta(days=30)
"""A plan whose review is due within so long is told."""


def figures(
    connection: Connection,
    settings: Settings,
    *,
    accounts: Sequence[str],
    zone: str,
    day: datetime,
    now: datetime,
) -> Week:
    """The seven days before `day` by the calendar of `zone`; what is open, watched or waiting is as of `now`."""
    today = day.astimezone(ZoneInfo(zone)).date()
    since, until = (
        datetime.combine(day, datetime.min.time(), ZoneInfo(zone)) for day in (today - weekly.WEEK, today)
    )
    with db.transaction(connection):
        found = weekly.read(connection, accounts=accounts, since=since, until=until, now=now)
    return Week(
        since=since,
        until=until,
        weeks=found["weeks"],
        topics=[Brought(**row) for row in found["topics"]],
        became=Ledger(**found["became"]),
        ledger=Ledger(**found["ledger"]),
        responses=[Response(**row) for row in found["responses"]],
        incidents=[Incident(**row) for row in found["incidents"]],
        moved=[Moved(**row) for row in found["moved"]],
        **found["reading"],
        plans=plans(settings, today),
        spent=[Spent(**row) for row in found["spent"]],
    )


def plans(settings: Settings, today: date) -> Plans:
    """What the plans need, the most urgent review first. A plan that cannot be read stops no other."""
    folder = config_dir() / "plan"
    reviews: list[Review] = []
    broken = nameless = 0
    for key, topic in settings.topics.topics.items():
        if key in NO_PLAN:
            continue
        try:
            found = one(key, folder)
        except ConfigError:
            broken += 1
            continue
        nameless += not found.name
        by = found.reviewed_on + REVIEW
        if by <= today + SOON:
            reviews.append(Review(en=topic.label.en, fr=topic.label.fr, by=by))
    return Plans(reviews=sorted(reviews, key=lambda review: review.by), broken=broken, nameless=nameless)
