"""The figures that ops watch: gauges for Prometheus, and the same ones for Airflow's StatsD or OpenTelemetry.

`pulse` costs milliseconds whatever the size of the database; `counted` grows with the queue, so that the endpoint keeps
what it gave for a while. Metric names end in their unit; moments are Unix timestamps, and readers work out ages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.config import Settings
from triage.core.types import UNSURE, Ledger
from triage.ops.sources import quota_of
from triage.sources.base import Now, utc_now
from triage.store import conversations, db, metrics

PREFIX = "triage_"
LABELS = ("account", "source", "topic", "state", "reason", "stream", "model", "promoted")

HELP: Mapping[str, str] = {
    "account_paused": "1 for an account whose last page stopped early, with the reason.",
    "counted_timestamp_seconds": "When queue, ledger, labels and messages of the day were counted.",
    "cursor_behind": "1 while there is more to read than the quota allowed so far.",
    "cursor_complete_timestamp_seconds": "When the account was last read to its end.",
    "cursor_timestamp_seconds": "When the account was last collected, or first known if it never was.",
    "database_bytes": "Size of our database.",
    "day_messages": "Messages of people in the last 24 hours by topic in force; unsure is a topic.",
    "detector_closed_timestamp_seconds": "Everything sent before this moment was judged by the stream's detector.",
    "detector_held_timestamp_seconds": "Since when a detector waits for an account that is not read to its end.",
    "incidents": "Incidents that are open, or watched after they were closed.",
    "labels_failed": "Label changes that the mailbox refused and that are tried again.",
    "labels_oldest_timestamp_seconds": "Since when the oldest label change is wanted.",
    "labels_pending": "Label changes that are wanted and not confirmed.",
    "leases": "Conversations that somebody holds on a lease.",
    "leases_lapsed": "Leases that ended and that no claim has taken back.",
    "leases_oldest_timestamp_seconds": "When the lease ends, or ended, that ends first.",
    "ledger_conversations": "Conversations by state; collected = answered + waiting + dismissed.",
    "ledger_imbalance": "Conversations by which the ledger does not balance; anything but 0 is an alarm.",
    "ledger_queue_rows": "Rows of the unanswered queue.",
    "model_info": "1 for the model that decided last, and the number of the promoted one (empty: the shipped one).",
    "notices": "Notices by state; failed and unknown of the last 24 hours.",
    "quarantined_messages": "Messages that could not be read.",
    "quota_left_units": "Units left in this minute, where the source has a limit.",
    "quota_limit_units": "Units that an account has in a minute.",
    "quota_used_units": "Units spent or taken in the last minute.",
    "queue_oldest_timestamp_seconds": "Since when the one who waits longest waits.",
    "queue_overdue": "Conversations that wait and are past due.",
    "queue_waiting": "Conversations in which somebody waits for us.",
    "replies": "Replies on their way by state; unknown ones wait for a person.",
    "replies_oldest_timestamp_seconds": "Since when the oldest reply waits to go out.",
    "replies_refused_day": "Replies that a platform refused in the last 24 hours.",
    "spend_cap_dollars": "Most that an account may cost in a UTC day.",
    "spend_month_dollars": "Dollars spent in this UTC month.",
    "spend_today_dollars": "Dollars spent in this UTC day.",
    "undecided_messages": "Messages of people that no decision covers yet.",
    "unsure_ratio": "Share of the last 24 hours' decided messages that the classifier left to a person.",
}  # fmt: skip
"""Metric name, without its prefix, to what it means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One gauge's value. `name` is a key of HELP; labels are given where the gauge has several values."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def measure(connection: Connection, settings: Settings, *, now: Now = utc_now) -> list[Figure]:
    """Every figure, counted now."""
    return [*pulse(connection, settings), *counted(connection, settings, now=now)]


def pulse(connection: Connection, settings: Settings) -> list[Figure]:
    """What is cheap: cursors, quota, spend, outboxes, leases, detectors, incidents, model."""
    limits = {account.name: quota_of(account, settings) for account in settings.triage.accounts}
    with db.transaction(connection):
        rows = metrics.rows(connection, metrics.PULSE, list(limits))
    figures = list(_figures(rows))
    used = {f.labels["account"]: f for f in figures if f.name == "quota_used_units"}
    for name, quota in limits.items():
        if (units := quota.units_per_minute) is not None:
            spent = used[name]
            figures.append(Figure(name="quota_limit_units", value=units, labels=spent.labels))
            left = max(0.0, units - spent.value)
            figures.append(Figure(name="quota_left_units", value=left, labels=spent.labels))
        if quota.dollars_per_day is not None:
            cap = float(quota.dollars_per_day)
            figures.append(Figure(name="spend_cap_dollars", value=cap, labels={"account": name}))
    return figures


def counted(connection: Connection, settings: Settings, *, now: Now = utc_now) -> list[Figure]:
    """What grows with queue and messages: queue and oldest by topic, ledger, labels, topics of the day."""
    accounts = [account.name for account in settings.triage.accounts]
    began = now()
    with db.transaction(connection):
        rows = metrics.rows(connection, metrics.COUNTS, accounts)
        ledger = conversations.ledger(connection)
    figures = [*_figures(rows), *_of_ledger(ledger), _moment("counted_timestamp_seconds", began)]
    mix = {f.labels["topic"]: f.value for f in figures if f.name == "day_messages"}
    if total := sum(mix.values()):
        figures.append(Figure(name="unsure_ratio", value=mix.get(UNSURE, 0.0) / total))
    return figures


def _figures(rows: Iterable[Mapping[str, Any]]) -> Iterator[Figure]:
    """Each column that is no label is a gauge of that name; NULL gives none."""
    for row in rows:
        labels = {name: str(row[name]) for name in LABELS if name in row}
        for name, value in row.items():
            if name not in LABELS and value is not None:
                yield Figure(name=name, value=float(value), labels=labels)


def _of_ledger(ledger: Ledger) -> Iterator[Figure]:
    for state in ("collected", "answered", "waiting", "dismissed", "nobody"):
        yield Figure(name="ledger_conversations", value=getattr(ledger, state), labels={"state": state})
    yield Figure(name="ledger_queue_rows", value=ledger.queue_rows)
    missing = abs(ledger.collected - ledger.answered - ledger.waiting - ledger.dismissed)
    yield Figure(name="ledger_imbalance", value=missing + abs(ledger.queue_rows - ledger.waiting))


def _moment(name: str, at: datetime) -> Figure:
    return Figure(name=name, value=at.timestamp())


def exposition(figures: Sequence[Figure]) -> str:
    """The figures in Prometheus' text format 0.0.4, each metric with its help and type."""
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.exposition import generate_latest

    families: dict[str, GaugeMetricFamily] = {}
    for figure in sorted(figures, key=lambda f: (f.name, sorted(f.labels.items()))):
        family = families.setdefault(
            figure.name,
            GaugeMetricFamily(PREFIX + figure.name, HELP[figure.name], labels=list(figure.labels)),
        )
        family.add_metric(list(figure.labels.values()), figure.value)
    return generate_latest(_Families(list(families.values()))).decode()


class _Families:
    """What prometheus_client writes out, without the process-wide registry."""

    def __init__(self, families: Sequence[Any]) -> None:
        self._families = families

    def collect(self) -> Sequence[Any]:
        """All of them."""
        return self._families
