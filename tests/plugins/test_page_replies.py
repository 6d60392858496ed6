"""Writing back from the page: what is wanted once is one reply, and what became of it is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import decision, message, one, table
from tests.plugins.page_kit import store, waiting

People = Callable[..., Any]
KEY = "0123456789abcdef" * 2


def wanted(people: People, conversation: int, text: str = "We are sorry.", **given: Any) -> Any:
    return people("USER", "ana").post("/reply", data={"id": conversation, "text": text, "key": KEY, **given})


def test_a_reply_is_wanted_once_however_often_it_is_sent(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    for _ in range(2):
        answer = wanted(people, first, "We are sorry.\r\nPlease unplug it.")
        assert answer.status_code == 200
        assert "waits to be sent" in answer.text
    (row,) = table(connection, "SELECT conversation_id, text, by, state FROM triage.reply")
    assert row == {
        "conversation_id": first, "text": "We are sorry.\nPlease unplug it.", "by": "ana", "state": "wanted",
    }  # fmt: skip
    assert one(connection, "SELECT claimed_by FROM triage.unanswered_queue") == "ana"


def test_somebody_elses_conversation_is_not_answered(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    people("USER", "bob").post("/act", data={"verb": "claim", "id": first})
    answer = wanted(people, first)
    assert answer.status_code == 409
    assert f"conversation {first} is with bob" in answer.text
    assert table(connection, "SELECT * FROM triage.reply") == []


STATES = [
    ("wanted", None, ["waits to be sent", "Withdraw"], ["Send again"]),
    ("sending", None, ["is being sent"], ["Withdraw", "Send again"]),
    ("sent", None, ["https://x.example/r1"], ["Withdraw", "Send again", "The platform says"]),
    ("refused", "You can only reply when summoned.", ["You can only reply when summoned.", "Send again"], ["Withdraw"]),
    ("unknown", "timed out <b>", ["may have been sent", "timed out &lt;b&gt;", "Send again", "Withdraw"], []),
    ("withdrawn", "withdrawn by ana", ["never sent"], ["Withdraw<", "Send again"]),
]  # fmt: skip


@pytest.mark.parametrize(("state", "error", "shown", "hidden"), STATES)
def test_what_became_of_it_is_shown_in_the_platforms_words(
    people: People, connection: Connection, state: str, error: str | None, shown: list[str], hidden: list[str]
) -> None:
    (first,) = waiting(connection, 1)
    wanted(people, first)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE triage.reply SET state = %s, error = %s, url = 'https://x.example/r1'", (state, error)
        )
    text = people("USER", "ana").get(f"/c/{first}").text
    assert [words for words in shown if words not in text] == []
    assert [words for words in hidden if words in text] == []
    viewers = people("VIEWER").get(f"/c/{first}").text
    assert "data-again" not in viewers


def test_an_unknown_reply_is_sent_again_or_given_up_by_a_person(
    people: People, connection: Connection
) -> None:
    (first,) = waiting(connection, 1)
    wanted(people, first)
    number = one(connection, "SELECT id FROM triage.reply")
    for verb, state in (("resend", "wanted"), ("withdraw", "withdrawn")):
        with connection, connection.cursor() as cursor:
            cursor.execute("UPDATE triage.reply SET state = 'unknown'")
        assert people("USER", "ana").post(f"/reply/{verb}", data={"id": number}).status_code == 200
        assert one(connection, "SELECT state FROM triage.reply") == state
    answer = people("USER", "ana").post("/reply/withdraw", data={"id": number})
    assert answer.status_code == 409
    assert people("USER").post("/reply/burn", data={"id": number}).status_code == 404


def test_who_may_not_act_may_not_write(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    given = {"id": first, "text": "hello", "key": KEY, "source": "x"}
    for path in ("/reply", "/reply/resend", "/length"):
        assert people("VIEWER").post(path, data=given).status_code == 403, path
        assert people(None).post(path, data=given).status_code == 401, path
        assert (
            people("USER").post(path, data=given, headers={"sec-fetch-site": "cross-site"}).status_code == 403
        ), path
    assert 'id="reply"' not in people("VIEWER").get(f"/?c={first}").text
    assert table(connection, "SELECT * FROM triage.reply") == []


@pytest.mark.parametrize(
    "given", [{"key": "short"}, {"key": ""}, {"id": "0"}, {"id": str(2**70)}, {"text": "x" * 20_001}]
)
def test_nonsense_is_a_bad_request(people: People, connection: Connection, given: dict[str, str]) -> None:
    (first,) = waiting(connection, 1)
    assert wanted(people, **{"conversation": first, **given}).status_code == 400  # type: ignore[arg-type]


def test_a_reply_needs_words(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    answer = wanted(people, first, " \r\n ")
    assert answer.status_code in (400, 409)
    assert table(connection, "SELECT * FROM triage.reply") == []


@pytest.mark.parametrize(
    ("source", "text", "told"),
    [
        ("x", "a" * 281, ["281 of 280", "Too long"]),
        ("x", "see https://a.example/long/path", ["27 of 280", "$0.20"]),
        ("bluesky", "👩‍👩‍👧‍👦" * 3, ["3 of 300"]),
        ("mastodon", "see https://a.example/", ["27 of 500"]),
        ("gmail", "see https://a.example/", ["22 characters"]),
    ],
)
def test_the_length_is_told_by_the_rules_of_the_channel(
    people: People, source: str, text: str, told: list[str]
) -> None:
    said = people("USER").post("/length", data={"source": source, "text": text}).text
    assert [words for words in told if words not in said] == []
    assert ("$0.20" in said) == ("$0.20" in told)


def test_what_is_held_back_stands_behind_its_own_filter(people: People, connection: Connection) -> None:
    ids = waiting(connection, 3)
    store(connection, message("z", "z", author_name="Zoe"), decided=decision("billing"))
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE triage.unanswered_queue SET held = true WHERE conversation_id = %s", (ids[1],))
    ana = people("USER", "ana")
    assert "Person 1" not in ana.get("/rows").text
    aside = ana.get("/rows", params={"show": "held"}).text
    assert "Person 1" in aside
    assert "Person 0" not in aside
    assert "Person 1" in ana.get("/rows", params={"q": "Person 1"}).text
    assert '<a href="?show=held"><b>1</b>' in ana.get("/numbers").text
