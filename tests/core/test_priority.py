"""Who is read first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import at
from triage.core.priority import HIGHEST, LOWEST, NO_SEVERITY, RAISING_INTENTS, due_at, priority
from triage.core.types import Intent
from triage.core.waiting import SpellKind

severities = st.integers(1, NO_SEVERITY)
intents = st.sampled_from(Intent)


@pytest.mark.parametrize(
    ("severity", "intent", "incident", "step"),
    [
        (1, Intent.COMPLAINT, False, 1),
        (1, Intent.URGENT_HELP, True, 1),
        (2, Intent.QUESTION, False, 2),
        (2, Intent.PRESS, False, 1),
        (3, Intent.LEGAL, True, 1),
        (3, Intent.COMPLAINT, True, 2),
        (NO_SEVERITY, Intent.PRAISE, False, 4),
        (NO_SEVERITY, Intent.URGENT_HELP, False, 3),
    ],
)
def test_severity_rises_with_intent_and_incident(
    severity: int, intent: Intent, incident: bool, step: int
) -> None:
    assert priority(severity=severity, intent=intent, kind=SpellKind.REPLY, incident=incident) == step


@given(severities, intents, st.booleans())
def test_a_check_is_always_last(severity: int, intent: Intent, incident: bool) -> None:
    check = priority(severity=severity, intent=intent, kind=SpellKind.CHECK, incident=incident)
    reply = priority(severity=severity, intent=intent, kind=SpellKind.REPLY, incident=incident)
    assert HIGHEST <= reply < check == LOWEST


@given(severities, intents, st.booleans())
def test_nothing_lowers_the_priority(severity: int, intent: Intent, incident: bool) -> None:
    step = priority(severity=severity, intent=intent, kind=SpellKind.REPLY, incident=incident)
    assert severity - 2 <= step <= severity
    assert (step < severity) == ((intent in RAISING_INTENTS or incident) and severity > HIGHEST)


@given(st.integers(0, 100_000), st.integers(1, 100_000))
def test_due_is_the_spells_clock_plus_the_target(minute: int, target: int) -> None:
    assert due_at(at(minute), timedelta(minutes=target)) == at(minute + target)
