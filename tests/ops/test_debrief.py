"""What a debrief says of an incident whose story is known to the minute."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import START, at, message, one, prepare, shipped_topics, table
from tests.ops.kit import ByWord
from triage import cli
from triage.core.errors import TriageError
from triage.core.types import Direction
from triage.ops import debrief, queue
from triage.ops.classify import classify
from triage.store import conversations, db, messages


def asks(number: int, minute: float, topic: str = "product_defect", **given: Any) -> Any:
    author = f"p{number}@example.org"
    return message(
        f"m{number}", f"t{number}", minute=minute, author=author, text=f"{topic} it smokes", **given
    )


@pytest.fixture
def incident(connection: Connection) -> int:
    """Four people write about a recall; one is answered after 30 minutes, one dismissed, one was mislabelled."""
    prepare(connection)
    page = [
        asks(1, 0, url="https://mail.example/1"), asks(2, 5), asks(3, 10), asks(4, 12, topic="delivery"),
        message("r1", "t1", minute=30, author="care@us.example", direction=Direction.OUTBOUND),
    ]  # fmt: skip
    with db.transaction(connection):
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)
    classify(connection, ByWord(), shipped_topics())
    with db.transaction(connection):
        number = int(
            db.rows(connection, "SELECT triage.open_incident('product_defect', 'the factory called') AS id")[
                0
            ]["id"]
        )
        db.execute(
            connection,
            "UPDATE triage.incident SET onset = %s, alarmed_at = %s, observed = 12, expected = 0.5, peak = 9",
            (START, at(4)),
        )
        db.execute(
            connection,
            """INSERT INTO triage.detector_bin
               VALUES ('topic:product_defect', %s, 9, 0.5, 7), ('topic:product_defect', %s, 1, 0.5, 1)""",
            (at(5), at(6)),
        )
    ids = {row["key"]: row["id"] for row in table(connection, "SELECT id, key FROM triage.conversation")}
    queue.dismiss(connection, ids["t3"], by="Ada", reason="spam")
    queue.relabel(connection, ids["t4"], by="Ada", topic="product_defect")
    return number


def test_the_figures_are_those_of_the_story(connection: Connection, incident: int) -> None:
    found = debrief.gather(connection, incident)
    assert (found.messages, found.authors) == (4, 4)
    assert (found.answered, found.waiting, found.dismissed, found.collected) == (1, 2, 1, 4)
    assert (found.alarmed_at - found.onset, found.peak, found.expected) == (timedelta(minutes=4), 9, 0.5)
    (row,) = found.answers
    assert (row.topic, row.channel, row.answered, row.waiting) == ("Defect, recall", "gmail", 1, 2)
    assert [(one.answered, one.waited) for one in found.longest if one.answered] == [
        (True, timedelta(minutes=30))
    ]
    assert found.longest[-1].url == "https://mail.example/1"
    assert [(m.taken_from, m.put_to, m.messages) for m in found.moved] == [
        ("Delay, loss, delivery", "Defect, recall", 1)
    ]
    assert [c.count for c in found.counts] == [9, 1]


def test_the_timeline_is_in_order_and_names_people(connection: Connection, incident: int) -> None:
    found = debrief.gather(connection, incident)
    assert [e.at for e in found.timeline] == sorted(e.at for e in found.timeline)
    told = [e.text for e in found.timeline]
    assert told[:3] == [
        "The first messages above what is usual", "Alarm: 12 messages where 0.5 are usual", "Peak: 9 messages in 1 min",
    ]  # fmt: skip
    assert told[-1].startswith("Opened by ")
    assert told[-1].endswith(": the factory called")


def test_what_was_missing_is_said_in_both_languages(connection: Connection, incident: int) -> None:
    assert list(debrief.gather(connection, incident).lacking) == ["No statement was published"]
    with db.transaction(connection):
        db.execute(
            connection,
            """INSERT INTO triage.statement (incident_id, place, channel, lang, text, drafted_by)
               VALUES (%s, 1, 'hub', 'fr', 'Nous cherchons.', 'plan')""",
            (incident,),
        )
        db.execute(
            connection,
            """INSERT INTO triage.statement
                   (incident_id, place, channel, lang, text, drafted_by, state, approved_by, approved_at)
               VALUES (%s, 0, 'hub', 'en', 'We look.', 'plan', 'approved', 'Ada', %s)""",
            (incident, at(21)),
        )
        db.execute(
            connection,
            """INSERT INTO triage.question (incident_id, lang, question, asked, drafted_by)
               VALUES (%s, 'en', 'Is mine safe?', 9, 'x')""",
            (incident,),
        )
    lacking = debrief.gather(
        connection,
        incident,
        language="fr",
        statement_within=timedelta(minutes=15),
        findings=["nobody is named"],
    ).lacking
    assert list(lacking) == [
        "La première déclaration est venue 21 min après le début ; 15 min étaient promises",
        "La déclaration pour hub (fr) n'est pas approuvée",
        "Posée 9 fois et sans réponse sur la page : Is mine safe?",
        "Le plan : nobody is named",
    ]


def test_nothing_of_it_stays_behind(connection: Connection, incident: int) -> None:
    debrief.gather(connection, incident)
    debrief.gather(connection, incident)
    assert one(connection, "SELECT count(*) FROM pg_class WHERE relname = 'debrief_spell'") == 0


def test_every_sentence_exists_in_both_languages_with_the_same_places() -> None:
    for key, told in debrief._words().items():
        assert set(told) == {"en", "fr"}, key
        places = [set(re.findall(r"\{\w+\}", text)) for text in told.values()]
        assert places[0] == places[1], key


def test_in_the_terminal(dsn: str, incident: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.main(["debrief", str(incident), "--to", str(tmp_path / "out"), "--dsn", dsn, "--lang", "fr"]) == 0
    )
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [p.name for p in paths] == [
        f"debrief-{incident}.fr.md",
        f"debrief-{incident}.fr.html",
        "volume.svg",
    ]
    assert "<svg" in paths[1].read_text(encoding="utf-8")
    assert cli.main(["debrief", "99", "--dsn", dsn]) == 1
    assert cli.main(["debrief", str(incident), "--zone", "Mars", "--dsn", dsn]) == 2
    assert "is no time zone" in capsys.readouterr().err


def test_an_incident_that_is_none(connection: Connection) -> None:
    with pytest.raises(TriageError, match="no incident 4"):
        debrief.gather(connection, 4)
