"""Who is read first: a step from 1 (now) to 5 (look and close), then the due time.

The base is the topic's severity. It rises one step when the message asks for urgent help or comes from the
press or a lawyer, and one during an incident on the topic; a *check* (bare thanks) is always last.
The queue is read in the order (priority, due_at, conversation id).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from triage.core.types import Intent
from triage.core.waiting import SpellKind

HIGHEST = 1
LOWEST = 5
NO_SEVERITY = 4
"""Base step of topics without a severity (not_crisis)."""

RAISING_INTENTS = frozenset({Intent.URGENT_HELP, Intent.PRESS, Intent.LEGAL})


def priority(*, severity: int, intent: str, kind: SpellKind, incident: bool = False) -> int:
    """The step, 1 to 5, of a waiting conversation."""
    if kind is SpellKind.CHECK:
        return LOWEST
    raised = severity - (intent in RAISING_INTENTS) - incident
    return max(HIGHEST, raised)


def due_at(waiting_since: datetime, target: timedelta) -> datetime:
    """When the first reply is due: the spell's own clock plus the topic's target, around the clock."""
    return waiting_since + target
