"""What the crisis committee reads once a week: figures worked by hand in, text out, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from triage.core.tongue import NARROW
from triage.core.week import (
    Brought,
    Incident,
    Ledger,
    Moved,
    Plans,
    Response,
    Review,
    Spent,
    Week,
    compared,
)
from triage.core.weekly import digest

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""A Monday, nine o'clock in Paris."""

M, H, D = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

RECALL = Incident(
    number=7, en="Defect, recall", fr="Défaut, rappel", state="watched", onset=NOW - 4 * D,
    alarmed_at=NOW - 4 * D + 4 * M, statement_at=NOW - 4 * D + 12 * M, closed_at=NOW - 2 * D,
    watched_until=NOW + 12 * D, opened=True, closed=True,
)  # fmt: skip

FULL = Week(
    since=datetime(2026, 11, 15, 23, tzinfo=UTC),
    until=datetime(2026, 11, 22, 23, tzinfo=UTC),
    weeks=4,
    topics=[
        Brought(en="Defect, recall", fr="Défaut, rappel", messages=1240, conversations=1100, before=160),
        Brought(en="Delivery", fr="Livraison", messages=24, conversations=20, before=80),
        Brought(en="Billing", fr="Facturation", messages=1, conversations=1, before=2),
        Brought(en="Labour", fr="Travail", messages=0, conversations=0, before=48),
        Brought(en="Racism", fr="Racisme", messages=0, conversations=0, before=3),
    ],
    became=Ledger(collected=1121, answered=1000, waiting=100, dismissed=21),
    ledger=Ledger(collected=5000, answered=4700, waiting=200, dismissed=100),
    responses=[
        Response(en="Delivery", fr="Livraison", source="gmail", spells=20, waiting=2, p50=42 * M, p90=5 * H, longest=D),
        Response(en="Billing", fr="Facturation", source="x", spells=1, waiting=1, p50=H, p90=H, longest=H),
    ],
    incidents=[
        RECALL,
        Incident(number=8, state="closed", onset=NOW - 3 * D, alarmed_at=NOW - 3 * D + 9 * M, closed_at=NOW - 3 * D + H,
                 opened=True, closed=True, false_alarm=True),
    ],
    moved=[
        Moved(from_en="Delivery", from_fr="Livraison", to_en="Billing", to_fr="Facturation", messages=3),
        Moved(from_en="Labour", from_fr="Travail", to_en="", to_fr="", messages=1),
    ],
    read=1265,
    unsure=50,
    plans=Plans(
        reviews=[
            Review(en="Labour", fr="Travail", by=date(2026, 11, 20)),
            Review(en="Delivery", fr="Livraison", by=date(2026, 12, 1)),
        ],
        broken=1,
        nameless=14,
    ),
    spent=[Spent(account="volmera_x", week=12.3, before=9.1)],
)  # fmt: skip

ENGLISH = """\
The week brought 1,265 messages, about 17 times the usual (about 73 a week).
- Defect, recall: 1,240 messages in 1,100 conversations, about 31 times the usual (about 40 a week)
- Delivery: 24 messages in 20 conversations, about as usual
- Billing: 1 message in 1 conversation
- Labour: no message, about half the usual or less (about 12 a week)

Of the week’s 1,121 conversations, 1,000 are answered, 100 wait, 21 are dismissed. Of all 5,000 ever, 4,700 are \
answered, 200 wait, 100 are dismissed.

First answers to who wrote this week; who waits counts with the wait so far:
- Delivery, mail: half within 42 minutes, nine of ten within 5 hours, of 20, 2 still wait
- Billing, X: 1 in all, within 1 hour, 1 still waits

1 incident was opened this week. 1 was closed. 1 is watched.
- Incident 7, Defect, recall: began Thursday 19 November at 09:00 CET, alarm after 4 minutes, first statement after 12 \
minutes, closed Saturday 21 November at 09:00 CET, watched until Saturday 5 December, no debrief yet: \
`triage debrief 7` writes it
1 false alarm: closed as no crisis.

Of 1,265 messages read, 50 are unsure, about 4 of a hundred.
People corrected 4 topics:
- Delivery → Billing: 3
- Labour → not said: 1

2 plans are to be read again:
- Labour: late since Friday 20 November
- Delivery: by Tuesday 1 December
1 plan is missing or incomplete; `triage plan check` says what.
14 plans name no person who speaks.

X cost $12.30, the week before $9.10 (volmera_x).
"""


def test_the_week_in_english() -> None:
    told = digest(FULL, at=NOW, zone="Europe/Paris", language="en")
    assert told.subject == (
        "The week from Monday 16 November to Sunday 22 November: 1,265 messages, 200 waiting now"
    )
    assert told.text == ENGLISH


def test_the_week_in_french() -> None:
    told = digest(FULL, at=NOW, zone="Europe/Paris", language="fr")
    assert told.subject == (
        f"Semaine du lundi 16 novembre au dimanche 22 novembre{NARROW}: 1{NARROW}265 messages, 200 en attente"
    )
    for said in (
        f"- Livraison{NARROW}: 24 messages dans 20 conversations, comme d’habitude\n",
        f"- Défaut, rappel{NARROW}: 1{NARROW}240 messages dans 1{NARROW}100 conversations, environ 31 fois l’habitude "
        "(environ 40 par semaine)",
        f"- Livraison, mail{NARROW}: la moitié en moins de 42 minutes, neuf sur dix en moins de 5 heures, sur 20, 2 "
        "attendent encore",
        f"- Incident 7, Défaut, rappel{NARROW}: début jeudi 19 novembre à 9 h 00 CET, alarme après 4 minutes",
        "surveillé jusqu’au samedi 5 décembre, pas encore de bilan",
        f"- Travail → non précisé{NARROW}: 1\n",
        f"- Travail{NARROW}: en retard depuis le vendredi 20 novembre",
        f"X a coûté 12,30{NARROW}$, la semaine précédente 9,10{NARROW}$ (volmera_x).",
    ):  # fmt: skip
        assert said in told.text
    english = ("week", "usual", "watched", "plans are", "waiting", "Billing", "{", "}", "None")
    assert not any(word in told.text for word in english)


@pytest.mark.parametrize(
    ("count", "before", "weeks", "said"),
    [
        (40, 80, 4, ("times", 2)),  # z = 2 (6.354 - 4.514) / 1.118 = 3.3
        (34, 80, 4, ("more", 0)),  # z = 2.4, 1.7 times
        (30, 80, 4, ("same", 0)),  # z = 1.8
        (24, 80, 4, ("same", 0)),
        (32, 200, 4, ("less", 0)),  # z = -2.5, 0.64 of the usual
        (10, 80, 4, ("half", 0)),  # z = -2.3
        (15, 100, 4, ("same", 0)),  # z = -1.997
        (1150, 4000, 4, ("same", 0)),  # z = 4.1, but no sixth more
        (5, 4, 4, ("more", 0)),  # five times one is no figure to tell
        (6, 0, 4, ("new", 0)),
        (4, 0, 4, ("", 0)),  # too few to compare
        (4, 16, 4, ("", 0)),
        (40, 20, 1, ("times", 2)),
        (8, 4, 1, ("same", 0)),  # z = 2 (2.894 - 2.092) / 1.414 = 1.1
        (500, 0, 0, ("", 0)),  # nothing to compare with
    ],
)
def test_more_or_less_is_said_only_where_it_is_no_chance(
    count: int, before: int, weeks: int, said: tuple[str, int]
) -> None:
    assert compared(count, before, weeks) == said


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_week_in_which_nothing_happened(language: str) -> None:
    told = digest(Week(since=FULL.since, until=FULL.until), at=NOW, zone="Europe/Paris", language=language)
    expected = {
        "en": "Nobody wrote this week.\n\nNo incident: none was opened, none is watched.\n\n"
        "Nobody corrected a topic.\n\nAll plans are complete and were read lately.\n",
        "fr": f"Personne n’a écrit cette semaine.\n\nAucun incident{NARROW}: ni ouvert, ni surveillé.\n\n"
        "Aucun sujet n’a été corrigé.\n\nTous les plans sont complets et relus récemment.\n",
    }
    assert told.text == expected[language]


def test_an_open_crisis_comes_before_all_else() -> None:
    going_on = replace(
        RECALL, state="open", closed_at=None, watched_until=None, closed=False, statement_at=None
    )
    told = digest(replace(FULL, incidents=[going_on]), at=NOW, zone="Europe/Paris", language="en")
    assert told.subject.startswith("CRISIS OPEN, Defect, recall. The week from Monday")
    assert told.text.startswith(
        "A crisis is open: Defect, recall, since Thursday 19 November at 09:00 CET, for 4 days now. "
        "No statement is out yet.\n\nThe week brought"
    )
    assert "debrief" not in told.text, "it is written after the closing"
    both = replace(FULL, incidents=[going_on, replace(going_on, number=9, en="", fr="", statement_at=NOW)])
    told = digest(both, at=NOW, zone="Europe/Paris", language="fr")
    assert told.subject.startswith("2 CRISES EN COURS, d’abord Défaut, rappel. Semaine du")
    assert "tous les sujets, depuis jeudi" in told.text
    assert "Une déclaration est publiée." in told.text


def test_what_is_too_long_is_counted_and_what_does_not_balance_is_said() -> None:
    many = [Moved(from_en=f"T{n}", from_fr="", to_en="Billing", to_fr="", messages=1) for n in range(13)]
    books = Ledger(collected=10, answered=5, waiting=3, dismissed=0)
    told = digest(
        replace(FULL, moved=many, ledger=books, weeks=2, incidents=[replace(RECALL, debriefed=True)]),
        at=NOW, zone="UTC", language="en",
    )  # fmt: skip
    assert "- T9 → Billing: 1\n- and 3 more\n" in told.text
    assert "The ledger is out by 2; `triage audit` names them." in told.text
    assert "Compared with 2 weeks of record; four are better." in told.text
    assert "debrief written (`triage debrief 7` writes it again)" in told.text
