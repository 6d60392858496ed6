"""Decide messages as their inbox has them: each account's mix is remembered, and a decision made again is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from psycopg2.extensions import connection as Connection

from triage.classify.mix import Fixed, Mix, Weigher
from triage.core.types import Classification
from triage.store import mixes


class Classifier(Protocol):
    """What this needs of `triage.classify`."""

    def mix(self, counts: Mapping[str, float] | None = None) -> Mix:
        """What an inbox is about, from what was counted before."""

    def classify(
        self, items: Sequence[tuple[str, str, str]], mixes: Sequence[Weigher | None] = ()
    ) -> list[Classification]:
        """Decide (subject, text, known language or empty) triples, each in its inbox."""


class Inboxes:
    """The mix of every account, read once and carried on from batch to batch."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._mixes: dict[str, Mix] = {}

    def decide(self, connection: Connection, found: Sequence[Mapping[str, Any]]) -> list[Classification]:
        """Decide a batch of rows of `conversations.undecided`, in order."""
        fresh = {r["account"] for r in found if r["times"] is None}
        known = mixes.latest(connection, fresh - self._mixes.keys())
        for account in fresh - self._mixes.keys():
            self._mixes[account] = self._classifier.mix(known.get(account))
        weighers: list[Weigher] = [
            self._mixes[r["account"]] if r["times"] is None else Fixed(r["times"]) for r in found
        ]
        return self._classifier.classify([(r["subject"], r["text"], r["lang"]) for r in found], weighers)

    def keep(self, connection: Connection, found: Sequence[Mapping[str, Any]]) -> dict[int, int]:
        """Store the mixes of a batch, in the transaction of its decisions; which mix weighed which message."""
        made = {
            account: mixes.append(connection, account, counts=mix.counts, times=mix.times)
            for account in sorted({r["account"] for r in found if r["times"] is None})
            for mix in (self._mixes[account],)
        }
        return {r["id"]: made[r["account"]] if r["times"] is None else r["mix_id"] for r in found}
