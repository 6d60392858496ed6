"""What notices say: figures in, text out, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from triage.core.digest import Crisis, Figures, Late, Rest, Spent, Topic, digest, overdue
from triage.core.tongue import NARROW, clock, day, number, span

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
"""A Monday, eight o'clock in Paris."""


def topic(en: str = "Safety, injury", fr: str = "Sécurité, blessures", **given: Any) -> Topic:
    values = {"waiting": 3, "overdue": 1, "snoozed": 0, "held": 0, "oldest": NOW - timedelta(days=2, hours=4)}
    return Topic(en=en, fr=fr, **{**values, **given})


FULL = Figures(
    topics=[
        topic(),
        topic("Delivery", "Livraison", waiting=1240, overdue=0, snoozed=2, held=7, oldest=NOW - timedelta(minutes=61)),
    ],
    held=[("jane", 3), ("marc", 1)],
    answered=212,
    dismissed=14,
    p50=timedelta(minutes=42),
    p90=timedelta(hours=5, minutes=3),
    crises=[
        Crisis(en="Defect, recall", fr="Défaut, rappel", since=NOW - timedelta(hours=14), observed=480, expected=6.2),
        Crisis(since=NOW - timedelta(hours=1), observed=1, expected=0.4),
    ],
    resting=[Rest(account="volmera_x", since=NOW - timedelta(hours=9), reason="cap: $10 a day")],
    spent=[Spent(account="volmera_x", today=1.2, month=1204.5)],
    troubles=2,
)  # fmt: skip

ENGLISH = """\
1,243 people are waiting for an answer. 1 of them has waited longer than promised. The longest wait is 2 days and 4 \
hours, about “Safety, injury”. 2 of them are put aside for now. 7 of them came in floods from one sender and are held \
back. On a lease now: jane 3, marc 1.

By topic, gravest first:
- Safety, injury: 3 waiting, the longest 2 days and 4 hours, 1 overdue
- Delivery: 1,240 waiting, the longest 1 hour and 1 minute

Yesterday 212 were answered. Half of the first answers came within 42 minutes, nine of ten within 5 hours and 3 \
minutes. 14 needed no answer.

Crises that are open:
- Defect, recall, since Sunday 22 November 18:00: 480 messages, 6 expected
- all topics, since Monday 23 November 07:00: 1 message, 0 expected

Not everything is being read:
- volmera_x rests since Sunday 22 November 23:00: cap: $10 a day
X has cost $1.20 today and $1,204.50 this month (volmera_x).
2 notices could not be delivered; `triage doctor` says why.

The queue: https://airflow.example/triage/
"""


def test_the_digest_in_english() -> None:
    told = digest(FULL, at=NOW, zone="Europe/Paris", language="en", link="https://airflow.example/triage/")
    assert told.subject == "Inbox, Monday 23 November: 1,243 waiting, 1 overdue"
    assert told.text == ENGLISH


def test_the_digest_in_french() -> None:
    told = digest(FULL, at=NOW, zone="Europe/Paris", language="fr")
    assert (
        told.subject == f"Boîte de réception, lundi 23 novembre{NARROW}: 1{NARROW}243 en attente, 1 en retard"
    )
    for said in (
        f"1{NARROW}243 personnes attendent une réponse. 1 attend depuis plus longtemps que promis.",
        f"La plus longue attente{NARROW}: 2 jours et 4 heures, sujet «{NARROW}Sécurité, blessures{NARROW}».",
        f"- Livraison{NARROW}: 1{NARROW}240 en attente, la plus longue depuis 1 heure et 1 minute\n",
        "Hier, 212 personnes ont reçu une réponse.",
        f"- Défaut, rappel, depuis dimanche 22 novembre 18 h 00{NARROW}: 480 messages, 6 attendus",
        f"1,20{NARROW}$ aujourd’hui",
        f"2 avis n’ont pas pu être remis{NARROW}; `triage doctor` dit pourquoi.",
    ):
        assert said in told.text
    assert not any(word in told.text for word in ("waiting", "overdue", "Queue", "Yesterday", "{", "}"))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_when_nobody_waits_it_says_so(language: str) -> None:
    told = digest(Figures(), at=NOW, zone="UTC", language=language)
    opening = {"en": "Nobody is waiting.", "fr": "Personne n’attend."}[language]
    assert told.text.startswith(opening)
    assert "None" not in told.text
    assert told.subject.endswith({"en": "0 waiting, 0 overdue", "fr": "0 en attente, 0 en retard"}[language])


def test_a_person_reads_what_they_hold_and_not_what_colleagues_do() -> None:
    told = digest(Figures(topics=[topic()], held=[("jane", 3)], mine=3), at=NOW, zone="UTC", language="en")
    assert "You hold 3 of them." in told.text
    assert "jane" not in told.text


def late(conversation_id: int, **given: Any) -> Late:
    values = {"en": "Delivery", "fr": "Livraison", "source": "gmail", "due_at": NOW - timedelta(minutes=90),
              "again": False, "alike": 1, "excerpt": "Where is my\r\nparcel?\x07 {{ 7*7 }}"}  # fmt: skip
    return Late(conversation_id=conversation_id, **{**values, **given})


def test_what_is_overdue_is_one_notice_with_the_gravest_first() -> None:
    rows = [
        late(7, en="Safety, injury", again=True, source="bluesky"),
        *(late(n, alike=12) for n in (1, 2, 3)),
    ]
    told = overdue(rows, at=NOW, language="en", link="https://airflow.example/triage/")
    assert told.subject == "Overdue: 13 people wait for an answer, gravest: Safety, injury"
    assert told.text == (
        "Safety, injury: 1\n- conversation 7 (Bluesky), overdue by 1 hour and 30 minutes, told before\n\n"
        "Delivery: 12\n"
        + "".join(f"- conversation {n} (mail), overdue by 1 hour and 30 minutes\n" for n in (1, 2, 3))
        + "- and 9 more\n\nThe queue: https://airflow.example/triage/\n"
    )
    french = overdue(rows[:1], at=NOW, language="fr")
    assert (
        french.subject
        == f"En retard{NARROW}: 1 personne attend une réponse, au plus grave{NARROW}: Livraison"
    )
    assert "déjà signalée" in french.text


def test_of_a_message_only_the_excerpt_that_was_asked_for_is_told() -> None:
    assert "parcel" not in overdue([late(1)], at=NOW, language="en").text
    told = overdue([late(1)], at=NOW, language="fr", excerpt=25)
    assert f"1 heure et 30 minutes{NARROW}: «{NARROW}Where is my parcel? {{{{ 7*{NARROW}»\n" in told.text
    told = overdue([late(1)], at=NOW, language="en", excerpt=25)
    assert "overdue by 1 hour and 30 minutes: “Where is my parcel? {{ 7*”\n" in told.text
    assert "\r" not in told.text
    assert "\x07" not in told.text


def test_numbers_spans_and_dates_as_each_language_says_them() -> None:
    spans = {
        "less than a minute": {"seconds": 30}, "1 minute": {"minutes": 1}, "1 hour": {"hours": 1},
        "23 hours and 59 minutes": {"hours": 23, "minutes": 59}, "1 day": {"days": 1, "minutes": 59},
        "1,200 days and 1 hour": {"days": 1200, "hours": 1},
    }  # fmt: skip
    assert {said: span(timedelta(**given), "en") for said, given in spans.items()} == {s: s for s in spans}
    assert span(timedelta(days=1, hours=2), "fr") == "1 jour et 2 heures"
    assert span(timedelta(seconds=-5), "fr") == "moins d’une minute"
    assert number(1234567, "fr") == f"1{NARROW}234{NARROW}567"
    assert day(datetime(2026, 5, 1, tzinfo=UTC), "fr") == "vendredi 1er mai"
    assert (clock(NOW, "en"), clock(NOW, "fr")) == ("07:00", "7 h 00")
