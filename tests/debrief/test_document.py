"""The debrief as a document: what it says, in both languages, whatever people wrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from triage.core.chart import Count
from triage.debrief.document import (
    LANGUAGES,
    Answers,
    Debrief,
    Event,
    Longest,
    Moved,
    duration,
    html,
    markdown,
    plain,
)

ONSET = datetime(2026, 11, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FOUND = Debrief(
    number=7, topic="Defect, recall", onset=ONSET, alarmed_at=ONSET + 4 * MINUTE, ended_at=ONSET + timedelta(hours=30),
    first_statement_at=ONSET + 21 * MINUTE, statement_due_at=ONSET + 19 * MINUTE, messages=310, authors=280,
    answered=270, waiting=8, dismissed=2, peak=44, expected=1.25, bin_length=5 * MINUTE,
    counts=[Count(at=ONSET + 5 * MINUTE * n, count=n % 45, expected=1.25) for n in range(60)],
    timeline=[Event(at=ONSET, text="first message"), Event(at=ONSET + 4 * MINUTE, text="alarm")],
    answers=[Answers(topic="Defect, recall", channel="gmail", answered=200, p50=1500, p90=9000, waiting=8)],
    longest=[
        Longest(conversation=41, topic="Defect, recall", channel="x", waited=timedelta(hours=5),
                url="https://x.example/1", answered=False),
    ],
    moved=[Moved(taken_from="Delay", put_to="Defect, recall", messages=12)],
    lacking=["No statement in French was approved"],
)  # fmt: skip


def test_every_figure_is_in_the_document() -> None:
    text = markdown(FOUND, language="en")
    for said in (
        "310 messages by 280 people in 280 conversations", "270 answered, 8 waiting, 2 dismissed",
        "4 min after the onset", "21 min after the onset, **2 min late**", "44 messages in 5 min, 1.2 are usual",
        "| Defect, recall | gmail | 200 | 25 min | 2 h 30 | 8 |", "[41](<https://x.example/1>)", "5 h 00",
        "**still waiting**", "| Delay | Defect, recall | 12 |", "- No statement in French was approved",
    ):  # fmt: skip
        assert said in text


def test_french_says_the_same() -> None:
    text = markdown(FOUND, language="fr")
    assert "270 avec réponse, 8 en attente, 2 écartées" in text
    assert "**2 min de retard**" in text


def test_what_never_happened_is_said() -> None:
    bare = replace(
        FOUND, first_statement_at=None, ended_at=None, answers=(), longest=(), moved=(), lacking=()
    )
    assert "| First statement | **none** |" in markdown(bare, language="en")
    assert "Nothing was corrected by hand." in markdown(bare, language="en")


def test_times_are_the_readers() -> None:
    assert "2026-11-02 09:00" in markdown(FOUND, language="fr", zone=ZoneInfo("Europe/Paris"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_one_file_with_its_picture_and_runs_nothing(language: str) -> None:
    evil = "<script>alert(1)</script> | ![x](//evil.example/p.png) [a](javascript:alert(1)) **b**\n# top"
    page = html(
        replace(FOUND, topic=evil, timeline=[Event(at=ONSET, text=evil)], lacking=[evil]), language=language
    )
    assert "<svg" in page
    assert "<script" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert page.count("<h1") == 1


def test_text_of_others_means_nothing_to_markdown() -> None:
    assert plain("a|b\n\n# *c* <d> [e](f)") == r"a\|b \# \*c\* \<d\> \[e\]\(f\)"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 min"),
        (7140, "119 min"),
        (7200, "2 h 00"),
        (172_740, "47 h 59"),
        (172_800, "2.0 d"),
        (None, "–"),
    ],
)
def test_spans_in_words(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said
