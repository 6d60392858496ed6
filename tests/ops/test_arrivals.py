"""Mail is counted as it is found, before it is read: once, and over the minutes in which it came."""

from __future__ import annotations

import itertools
from datetime import timedelta

from psycopg2.extensions import connection as Connection

from tests.builders import at, one, prepare, table
from tests.ops.desk import Desk
from triage.ops.look import look
from triage.store import arrivals, db


def counted(connection: Connection) -> list[int]:
    rows = table(connection, "SELECT count FROM triage.volume WHERE feed = 'arrivals' ORDER BY bin_start")
    return [row["count"] for row in rows]


def test_what_a_look_finds_is_counted_and_not_again_when_it_is_read(desk: Desk) -> None:
    for number in range(3):
        desk.deliver("delivery is late", thread=f"t{number}")
    look(desk.connection, desk.source, "care")
    assert sum(counted(desk.connection)) == 3
    assert one(desk.connection, "SELECT count(*) FROM triage.message") == 0, "nothing is read yet"
    desk.round()
    assert one(desk.connection, "SELECT count(*) FROM triage.message") == 3
    assert sum(counted(desk.connection)) == 3


def test_our_own_replies_are_no_arrivals(desk: Desk) -> None:
    mail = desk.deliver("delivery is late", thread="t1")
    desk.round()
    desk.reply(mail)
    desk.round()
    assert sum(counted(desk.connection)) == 1


def test_what_came_in_an_outage_is_spread_over_it(connection: Connection) -> None:
    prepare(connection)
    with db.transaction(connection):
        arrivals.add(connection, "care", 90, at(0.5), at(360.5))
        arrivals.add(connection, "care", 7, at(360.6), at(360.7))
    bins = table(connection, "SELECT bin_start, count FROM triage.volume ORDER BY bin_start")
    assert sum(row["count"] for row in bins) == 97
    assert max(row["count"] for row in bins[:-1]) == 1
    assert bins[-1]["bin_start"] == at(360)
    assert all(b["bin_start"] - a["bin_start"] <= timedelta(minutes=5) for a, b in itertools.pairwise(bins))
