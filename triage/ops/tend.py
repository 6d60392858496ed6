"""See to a mailbox's labels themselves: a deleted one is made again, one that the configuration renames is renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.errors import Retry
from triage.ops import quota
from triage.ops.report import Report
from triage.sources.base import Labeler
from triage.store import db, labels

CALL_UNITS = 5
"""What a call about a label costs at most."""


def tend(
    connection: Connection,
    labeler: Labeler,
    account: str,
    names: Mapping[str, str],
    limits: quota.Limits,
    report: Report,
) -> None:
    """Ask the mailbox once a day, or when there is reason to, which labels it has (1 unit), and follow it.

    A label that is gone is forgotten and all it is wanted on is pending again: sending makes it anew. One that a
    person renamed keeps their name. The caller holds the account's labels. Raises Fatal.
    """
    with db.transaction(connection):
        known = labels.known(connection, account)
    changed = [row for row in known if names.get(row["key"], row["name"]) != row["name"]]
    if not changed and not any(row["unseen"] for row in known):
        return
    want = CALL_UNITS * (1 + len(changed))
    with quota.taken(connection, labeler, account, limits, want=want) as grant:
        if grant.in_full:
            _follow(connection, labeler, grant, known, changed, names, report)


def _follow(
    connection: Connection,
    labeler: Labeler,
    grant: quota.Grant,
    known: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    names: Mapping[str, str],
    report: Report,
) -> None:
    lost: list[str] = []
    named: list[tuple[str, str, str]] = []
    try:
        there = labeler.labels()
        lost = [row["key"] for row in known if row["native_id"] not in there]
        for row in changed:
            if row["key"] not in lost and _rename(labeler, row, names[row["key"]], there, report):
                named.append((row["key"], row["native_id"], names[row["key"]]))
    except Retry as error:
        report.notes.append(f"the labels themselves could not be seen to: {error}; the next run tries again")
    else:
        with db.transaction(connection):
            labels.lose(connection, grant.account, lost)
            labels.saw(connection, grant.account)
    units = labeler.owed()
    with db.transaction(connection):
        labels.remember(connection, grant.account, named)
        quota.settle(connection, grant, units)
    report.spend(dict(units))


def _rename(
    labeler: Labeler, row: Mapping[str, Any], name: str, there: Mapping[str, str], report: Report
) -> bool:
    """Whether the label has the name it should have now, or one that a person chose, which stays."""
    if there[row["native_id"]].casefold() != row["name"].casefold():
        return True
    refusal = labeler.rename(row["native_id"], name)
    if refusal:
        report.notes.append(
            f"the label {row['name']!r} cannot be renamed {name!r} ({refusal}); rename or delete the other one in "
            "the mailbox, or give the topic another name"
        )
    return not refusal
