"""The page of incidents over HTTP: who may, what is shown, what each action does and says."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import decision, message, one, prepare, table
from tests.plugins.page_kit import PAYLOADS, SAME, store
from tests.plugins.test_page import People, Shape
from triage.store import db

ADDRESSES = [
    "/incidents/",
    "/incidents/1",
    "/incidents/1/debrief",
    "/static/incident.css",
    "/static/incident.js",
]


def state(connection: Connection) -> str:
    return str(one(connection, "SELECT state FROM triage.incident"))


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_sees_anything_without_logging_in(people: People, address: str) -> None:
    assert people(None).get(address).status_code == 401


@pytest.mark.parametrize(
    "address", ["/incidents/open", "/incidents/1/act", "/incidents/1/question", "/incidents/1/statement"]
)
def test_nobody_acts_without_the_right(
    people: People, incident: int, connection: Connection, address: str
) -> None:
    given = {"verb": "close", "word": "over", "topic": "delivery", "question": "1"}
    assert people(None).post(address, data=given, headers=SAME).status_code == 401
    assert people("VIEWER").post(address, data=given).status_code == 403
    assert (
        people("ADMIN").post(address, data=given, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    )
    assert state(connection) == "open"


def test_the_board_shows_what_is_on(people: People, incident: int) -> None:
    text = people("VIEWER").get("/incidents/").text
    assert "Defect, recall" in text
    assert "3 waiting" in text
    assert "3 messages by 3 people" in text
    assert Shape(text).tags.count("svg") == 1
    assert "Declare an incident" not in text
    assert "Declare an incident" in people("OP").get("/incidents/").text


def test_without_any_incident_it_says_so(people: People, connection: Connection) -> None:
    prepare(connection)
    assert "Nothing out of the ordinary." in people("VIEWER").get("/incidents/").text


def test_one_incident_whole(people: People, incident: int) -> None:
    text = people("VIEWER").get(f"/incidents/{incident}").text
    for said in ("Defect, recall", "3 messages where 0.4 are usual", "4 min", "not yet", "Person 1", "#VolmeraRecall",
                 "Opened by", "the factory called", "No statement was published", "The plan"):  # fmt: skip
        assert said in text
    shape = Shape(text)
    assert "svg" in shape.tags
    assert "form" not in shape.tags
    assert all(not name.startswith("on") and name != "style" for name, _ in shape.attributes)


def test_in_french(people: People, incident: int) -> None:
    person = people("OP")
    text = person.get(f"/incidents/{incident}?ui=fr").text
    assert "Ce qui s’est passé" in text
    assert "Aucune déclaration" in text
    assert "Incidents" in person.get("/incidents/").text
    assert "Déclarer un incident" in person.get("/incidents/").text


def test_a_person_declares_notes_closes_watches_and_reopens(people: People, connection: Connection) -> None:
    prepare(connection)
    ada = people("OP", name="ada")
    answer = ada.post("/incidents/open", data={"topic": "data_breach", "word": "a journalist called"})
    assert "Data breach" in answer.text
    number = one(connection, "SELECT id FROM triage.incident")
    for data, after in (
        ({"verb": "note", "word": "counsel is told"}, "open"),
        ({"verb": "close", "word": "it was nothing", "days": "30"}, "watched"),
        ({"verb": "reopen", "word": "it was something"}, "open"),
        ({"verb": "close", "word": "over", "days": "0"}, "closed"),
        ({"verb": "watch", "days": "14"}, "watched"),
    ):
        assert ada.post(f"/incidents/{number}/act", data=data).status_code == 200
        assert state(connection) == after
    done = table(connection, "SELECT verb, by, reason FROM triage.incident_log ORDER BY id")
    assert {row["by"] for row in done} == {"ada"}
    assert [(r["verb"], r["reason"]) for r in done][:3] == [
        ("open", "a journalist called"), ("note", "counsel is told"), ("close", "it was nothing"),
    ]  # fmt: skip


def said(connection: Connection) -> list[tuple[int, str, str]]:
    rows = table(connection, "SELECT number, state, text FROM triage.statement ORDER BY number, id")
    return [(row["number"], row["state"], row["text"]) for row in rows]


def test_an_update_is_drafted_and_edited_here_and_said_only_when_it_is_approved(
    people: People, incident: int, connection: Connection
) -> None:
    ada, path = people("OP", name="ada"), f"/incidents/{incident}"
    assert "Draft an update" not in ada.get(path).text, "the first one comes by itself"
    assert ada.post(f"{path}/statement", data={"verb": "draft"}).status_code == 200
    assert {(number, now) for number, now, _ in said(connection)} == {(1, "draft")}
    which = one(connection, "SELECT min(id) FROM triage.statement")
    text = "We have found the cause.\r\nWe will write to everybody by Friday."
    answer = ada.post(f"{path}/statement", data={"verb": "edit", "which": str(which), "text": text})
    assert "We have found the cause." in answer.text
    assert said(connection)[0][2] == text.replace("\r\n", "\n")
    assert "textarea" not in Shape(people("VIEWER").get(path).text).tags
    again = ada.post(f"{path}/statement", data={"verb": "draft"})
    assert (again.status_code, "statement 1 of incident" in again.text) == (409, True)
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.statement SET state = 'withdrawn'")
    assert "Draft an update" in ada.get(path).text
    assert "Draft an update" not in people("VIEWER").get(path).text
    ada.post(f"{path}/statement", data={"verb": "draft"})
    assert {number for number, now, _ in said(connection) if now == "draft"} == {2}
    gone = ada.post(f"{path}/statement", data={"verb": "edit", "which": str(which), "text": "Too late"})
    assert gone.status_code == 409
    assert ada.post(f"{path}/statement", data={"verb": "edit", "which": "1", "text": " "}).status_code == 400


def test_the_words_that_stand_out_are_offered_as_a_rule(people: People, incident: int) -> None:
    text = people("VIEWER").get(f"/incidents/{incident}").text
    assert "As a rule for topics.yaml" in text
    assert "  product_defect:\n    hashtags: [&#34;#VolmeraRecall&#34;]" in text


def test_what_is_refused_says_why(people: People, incident: int, connection: Connection) -> None:
    ada = people("OP")
    for address, data, said in (
        (f"{incident}/act", {"verb": "reopen", "word": "again"}, "is open already"),
        (f"{incident}/act", {"verb": "close", "word": " "}, "closing needs a reason"),
        ("open", {"topic": "product_defect", "word": "again"}, "already"),
        ("open", {"topic": "no_such", "word": "again"}, "there is no topic no_such"),
        (f"{incident}/question", {"question": "9", "answer": "Yes."}, "has no question 9"),
    ):
        answer = ada.post(f"/incidents/{address}", data=data)
        assert answer.status_code == 409
        assert said in answer.text
    assert ada.post(f"/incidents/{incident}/act", data={"verb": "explode"}).status_code == 400
    assert ada.get("/incidents/99").status_code == 404
    assert ada.get("/incidents/99999999999999999999").status_code == 404
    assert ada.get("/incidents/x").status_code == 400
    assert state(connection) == "open"


def test_a_question_is_on_the_hub_once_it_is_approved(
    people: People, incident: int, connection: Connection
) -> None:
    with db.transaction(connection):
        db.execute(
            connection,
            """INSERT INTO triage.question (incident_id, lang, question, asked, drafted_by)
               VALUES (%s, 'en', 'Is mine safe?', 12, 'detect')""",
            (incident,),
        )
    ada = people("OP", name="ada")
    number = one(connection, "SELECT id FROM triage.question")
    assert "asked 12 times" in ada.get(f"/incidents/{incident}").text
    address = f"/incidents/{incident}/question"
    assert ada.post(address, data={"question": number, "answer": " "}).status_code == 409
    assert (
        "on the hub, approved by ada"
        in ada.post(address, data={"question": number, "answer": "Unplug it."}).text
    )
    assert one(connection, "SELECT answer FROM triage.question WHERE approved_by = 'ada'") == "Unplug it."
    ada.post(address, data={"question": number, "verb": "withdraw"})
    assert one(connection, "SELECT withdrawn FROM triage.question")
    assert "Is mine safe?" not in ada.get(f"/incidents/{incident}").text


def test_the_debrief_is_a_file(people: People, incident: int) -> None:
    answer = people("VIEWER").get(f"/incidents/{incident}/debrief?ui=fr")
    assert answer.headers["content-disposition"] == f'attachment; filename="debrief-{incident}.fr.html"'
    assert answer.text.startswith("<!doctype html>")


def test_script_in_what_people_write_stays_text(
    people: People, incident: int, connection: Connection
) -> None:
    now = one(connection, "SELECT now()")
    page: list[Any] = [
        message(
            f"s{n}",
            f"s{n}",
            author=payload,
            author_name=payload,
            subject=payload,
            text=payload,
            sent_at=now,
            url=payload,
        )
        for n, payload in enumerate(PAYLOADS)
    ]
    store(connection, *page, decided=decision("product_defect"))
    with db.transaction(connection):
        for payload in PAYLOADS:
            db.execute(
                connection,
                """INSERT INTO triage.question (incident_id, lang, question, answer, drafted_by)
                   VALUES (%s, 'en', %s, %s, 'x') ON CONFLICT DO NOTHING""",
                (incident, payload, payload),
            )
            db.rows(connection, "SELECT triage.note_incident(%s, %s)", (incident, payload))
        db.execute(connection, "UPDATE triage.incident SET terms = %s", (db_json(PAYLOADS),))
    person = people("OP")
    for address in ("/incidents/", f"/incidents/{incident}"):
        shape = Shape(person.get(address).text)
        assert shape.tags.count("script") == 1
        assert not {"iframe", "object", "base", "style", "img"} & set(shape.tags)
        assert all(not name.startswith("on") for name, _ in shape.attributes)
        assert all(
            not (value or "").lower().startswith(("javascript:", "data:"))
            for name, value in shape.attributes
            if name == "href"
        )


def db_json(values: list[str]) -> Any:
    from psycopg2.extras import Json

    return Json([{"term": value} for value in values])
