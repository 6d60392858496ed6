"""The page of facts from the database: nothing but what was approved, and drafts from what people ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, decision, message, one, prepare, table
from triage import cli, config
from triage.config import Settings
from triage.core.errors import ConfigError, TriageError
from triage.core.types import Intent
from triage.ops import board, hub, incident
from triage.store import conversations, db, messages

SETTINGS = config.load(ROOT / "config")
NOW = datetime.now(UTC)


@pytest.fixture
def number(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> int:
    """An incident on product_defect that somebody declared."""
    monkeypatch.setenv("TRIAGE_CONFIG", str(ROOT / "config"))
    prepare(connection)
    made = incident.declare(connection, "product_defect", by="ana", reason="the factory called")
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.incident SET onset = %s", (NOW - timedelta(hours=1),))
    return int(made)


def say(
    connection: Connection,
    number: int,
    *,
    approved: bool = True,
    channel: str = "hub",
    statement: int = 1,
    **texts: str,
) -> None:
    """A statement in these languages, dated after whatever the test does."""
    for lang, text in texts.items():
        with db.transaction(connection):
            db.execute(
                connection,
                "INSERT INTO triage.statement (incident_id, number, place, channel, lang, text, state, drafted_by, "
                "approved_by, approved_at) VALUES (%s, %s, 1, %s, %s, %s, %s, 'respond', %s, %s)",
                (number, statement, channel, lang, text, "approved" if approved else "waiting",
                 "bob" if approved else None, NOW + timedelta(days=statement) if approved else None),
            )  # fmt: skip


def ask(
    connection: Connection, text: str, count: int, *, lang: str = "en", topic: str = "product_defect"
) -> None:
    """So many messages that say the same: one cluster."""
    first = int(one(connection, "SELECT count(*) FROM triage.message"))
    page = [
        message(
            f"q{n}", f"tq{n}", author=f"q{n}@example.org", text=text, lang=lang, sent_at=NOW, fetched_at=NOW
        )
        for n in range(first, first + count)
    ]
    with db.transaction(connection):
        new, touched = messages.upsert(connection, page)
        made = decision(topic, intent=Intent.QUESTION, lang=lang)
        conversations.decide(connection, [(i, made) for i in new])
        conversations.refresh(connection, touched)
        cluster = db.rows(
            connection,
            "INSERT INTO triage.cluster (message_id, members) VALUES (%s, %s) RETURNING id",
            (min(new), count),
        )[0]["id"]
        db.execute(
            connection, "UPDATE triage.message SET cluster_id = %s WHERE id = ANY (%s)", (cluster, list(new))
        )


def page(connection: Connection, folder: Path, path: str, settings: Settings = SETTINGS) -> str:
    hub.publish(connection, settings, target=str(folder))
    return (folder / path).read_text(encoding="utf-8")


def test_nothing_is_public_before_a_statement_is_approved(
    connection: Connection, number: int, tmp_path: Path
) -> None:
    say(connection, number, approved=False, en="We are looking into it.")
    say(connection, number, channel="volmera_x", en="We are looking into it.")
    assert "There is nothing to report at the moment." in page(connection, tmp_path, "index.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["en.xml", "fr.xml", "index.html"]


def test_statements_questions_and_the_end(connection: Connection, number: int, tmp_path: Path) -> None:
    say(connection, number, en="We are sorry.", fr="Nous sommes désolés.")
    first = page(connection, tmp_path, f"product-defect-{number}/fr.html")
    assert "Nous sommes désolés." in first
    assert "Un défaut sur l’un de nos produits" in first
    assert "Direction de la qualité" in first
    assert 'Écrivez à <a href="mailto:care@volmera.example">' in first
    assert "vous nous écrivez concernant un défaut" in first
    assert hub.publish(connection, SETTINGS, target=str(tmp_path)).written == ()
    say(connection, number, statement=2, en="It is the hinge.", fr="C’est la charnière.")
    hub.draft_questions(connection, SETTINGS, number)
    (asked,) = [
        q for q in board.details(connection, number)["questions"] if q["question"] == "Should I send it back?"
    ]
    second = page(connection, tmp_path, f"product-defect-{number}/en.html")
    assert second.index("It is the hinge.") < second.index("We are sorry.")
    assert "Should I send it back?" not in second
    board.approve_question(connection, number, asked["id"], answer="Not yet.", by="ana")
    assert "Should I send it back?" in page(connection, tmp_path, f"product-defect-{number}/en.html")
    board.withdraw_question(connection, number, asked["id"], by="ana")
    assert "Should I send it back?" not in page(connection, tmp_path, f"product-defect-{number}/en.html")
    incident.close(connection, number, by="ana", reason="everybody is answered", days=14)
    assert "Closed on" in page(connection, tmp_path, f"product-defect-{number}/en.html")


def test_drafts_come_from_the_plan_and_from_what_people_ask(connection: Connection, number: int) -> None:
    ask(connection, "Hello, is the red one affected as well? Jane", 7)
    ask(connection, "Will I get any money back?", 5)
    ask(connection, "Where is my parcel now?", 30, topic="delivery")
    ask(connection, "Les accessoires sont-ils concernés ?", 4, lang="fr")
    made = hub.draft_questions(connection, SETTINGS, number)
    found = board.details(connection, number)["questions"]
    assert made == len(found) == 14
    most = [(q["lang"], q["question"], q["asked"], bool(q["answer"])) for q in found if q["asked"]]
    assert most == [
        ("en", "Is the red one affected as well?", 7, False),
        ("en", "Will I get my money back?", 5, True),
        ("fr", "Les accessoires sont-ils concernés ?", 4, False),
    ]
    assert [q for q in found if q["approved_by"]] == []
    ask(connection, "Is the red one affected as well?", 9)
    assert hub.draft_questions(connection, SETTINGS, number) == 0
    found = board.details(connection, number)["questions"]
    assert (found[0]["question"], found[0]["asked"]) == ("Is the red one affected as well?", 16)


def test_what_care_does_every_ten_minutes(
    connection: Connection, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert hub.refresh(connection, SETTINGS) == "hub: 12 questions drafted, 3 files written, 0 unchanged"
    say(connection, number, en="We are sorry.")
    assert hub.refresh(connection, SETTINGS) == "hub: 0 questions drafted, 7 files written, 0 unchanged"
    assert hub.refresh(connection, SETTINGS) == "hub: 0 questions drafted, 0 files written, 7 unchanged"
    assert (tmp_path / "hub" / f"product-defect-{number}" / "en.html").exists()
    assert "there is no hub in triage.yaml" in hub.refresh(connection, replace_hub(None))


def test_what_was_taken_back_is_not_drafted_again(connection: Connection, number: int) -> None:
    hub.draft_questions(connection, SETTINGS, number)
    gone = board.details(connection, number)["questions"][0]
    board.withdraw_question(connection, number, gone["id"], by="ana")
    assert hub.draft_questions(connection, SETTINGS, number) == 0
    assert gone["question"] not in [q["question"] for q in board.details(connection, number)["questions"]]


def test_an_incident_without_a_plan_has_its_topics_name(
    connection: Connection, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(connection, number, en="We are sorry.")
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    made = page(connection, tmp_path / "hub", f"product-defect-{number}/en.html")
    assert "<h1>Defect, recall</h1>" in made
    assert "We are sorry." in made
    assert hub.draft_questions(connection, SETTINGS, number) == 0


def test_what_cannot_be_done_is_told(connection: Connection, number: int) -> None:
    bare = replace_hub(None)
    with pytest.raises(ConfigError, match="has no hub; add"):
        hub.publish(connection, bare)
    with pytest.raises(TriageError, match="incident 99 is about no topic yet"):
        hub.draft_questions(connection, SETTINGS, 99)


def replace_hub(value: object) -> Settings:
    return SETTINGS.model_copy(update={"triage": SETTINGS.triage.model_copy(update={"hub": value})})


def test_the_commands(
    connection: Connection, number: int, tmp_path: Path, login: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """All that the pipeline's login must be able to do."""
    dsn = login("triage_pipeline")

    def run(*arguments: str) -> tuple[int, str]:
        status = cli.main(["hub", *arguments, "--dsn", dsn])
        return status, capsys.readouterr().out

    say(connection, number, en="We are sorry.", fr="Nous sommes désolés.")
    ask(connection, "Is the red one affected as well?", 7)
    assert run("draft", str(number)) == (0, "hub: 13 new drafts\n")
    rows = [json.loads(line) for line in run("questions", str(number), "--json")[1].splitlines()]
    red = rows[0]["id"]
    assert run("approve", str(number), str(red))[0] == 1, "it has no answer"
    assert run("approve", str(number), str(red), "--answer", "Yes.", "--as", "ana")[0] == 0
    assert f"{red} en asked 7 times, shown, approved by ana" in run("questions", str(number))[1]
    status, said = run("publish", "--target", str(tmp_path / "hub"))
    assert (status, said) == (0, "hub: 7 files written, 0 unchanged\n")
    assert (
        "Is the red one affected as well?"
        in (tmp_path / "hub" / f"product-defect-{number}" / "en.html").read_text()
    )
    assert run("withdraw", str(number), str(red))[0] == 0
    assert run("publish", "--target", str(tmp_path / "hub"))[1] == "hub: 1 files written, 6 unchanged\n"
    verbs = [row["verb"] for row in table(connection, "SELECT verb FROM triage.incident_log ORDER BY id")]
    assert verbs == ["open", "approve question", "withdraw question"]
    assert run("withdraw", str(number), "999")[0] == 1
