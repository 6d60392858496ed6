"""The responders' page over HTTP: who may, what is shown, what each action does and says."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import decision, message, one, table
from tests.plugins.page_kit import PAYLOADS, SAME, connection_json, store, waiting
from triage.core.types import Evidence

People = Callable[..., Any]


class Shape(HTMLParser):
    """Tags and attributes that a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


ADDRESSES = ["/", "/rows", "/numbers", "/c/1", "/static/queue.js", "/static/queue.css", "/static/nothing"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_sees_anything_without_logging_in(people: People, address: str) -> None:
    answer = people(None).get(address)
    assert answer.status_code == 401
    assert "Please log in" in answer.text
    assert "/auth/" in answer.text


@pytest.mark.parametrize("address", ["/act", "/next"])
def test_nobody_acts_without_logging_in(people: People, address: str) -> None:
    assert people(None).post(address, data={"verb": "claim", "id": "1"}, headers=SAME).status_code == 401


@pytest.mark.parametrize("address", ["/docs", "/redoc", "/openapi.json"])
def test_the_app_does_not_describe_itself(people: People, address: str) -> None:
    assert people("ADMIN").get(address).status_code == 404


@pytest.mark.parametrize("address", [*ADDRESSES, "/no/such"])
def test_every_answer_carries_the_policy(people: People, address: str) -> None:
    for person in (people(None), people("ADMIN")):
        headers = person.get(address).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'self'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_viewer_reads_and_cannot_act(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    viewer = people("VIEWER")
    page = viewer.get("/").text
    assert "Person 0" in page
    assert "You may read, but not act" in page
    assert "data-verb" not in page
    assert 'class="pick"' not in page
    assert viewer.get(f"/c/{first}").status_code == 200
    for verb in ("claim", "release", "answer", "dismiss", "relabel", "snooze", "note", "renew"):
        answer = viewer.post("/act", data={"verb": verb, "id": first, "word": "spam"})
        assert answer.status_code == 403, verb
    assert viewer.post("/next", data={"n": "1"}).status_code == 403
    assert table(connection, "SELECT * FROM triage.audit") == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://testserver"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "", "origin": "https://evil.example"},
        {"sec-fetch-site": "", "origin": "null"},
        {"sec-fetch-site": ""},
    ],
)
def test_an_action_that_another_site_began_is_refused(
    people: People, connection: Connection, headers: dict[str, str]
) -> None:
    (first,) = waiting(connection, 1)
    given = {"verb": "dismiss", "id": first, "word": "spam"}
    assert people("ADMIN").post("/act", data=given, headers=headers).status_code == 403
    assert one(connection, "SELECT count(*) FROM triage.unanswered_queue") == 1


def test_an_old_browser_is_known_by_its_origin(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    headers = {"sec-fetch-site": "", "origin": "http://testserver"}
    given = {"verb": "claim", "id": first}
    assert people("USER").post("/act", data=given, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("verb", "word", "seen"),
    [
        ("claim", "", "SELECT claimed_by = 'ana' AND lease_until > now() FROM triage.unanswered_queue"),
        ("answer", "by phone", "SELECT state = 'answered' FROM triage.conversation"),
        ("dismiss", "spam", "SELECT state = 'dismissed' FROM triage.conversation"),
        ("relabel", "billing", "SELECT topic = 'billing' FROM triage.unanswered_queue"),
        ("snooze", "4", "SELECT snoozed_until > now() + interval '3 hours' FROM triage.unanswered_queue"),
        ("note", "called, no answer", "SELECT reason = 'called, no answer' FROM triage.audit"),
    ],
)
def test_an_action_is_done_under_the_users_name(
    people: People, connection: Connection, verb: str, word: str, seen: str
) -> None:
    (first,) = waiting(connection, 1)
    answer = people("USER", "ana").post("/act", data={"verb": verb, "id": first, "word": word})
    assert answer.status_code == 200, answer.text
    assert "1 done" in answer.text
    assert one(connection, seen) is True
    assert table(connection, "SELECT verb, by FROM triage.audit") == [{"verb": verb, "by": "ana"}]


def test_claim_prolong_release(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    ana = people("USER", "ana")
    for verb, holder in (("claim", "ana"), ("renew", "ana"), ("release", None)):
        assert ana.post("/act", data={"verb": verb, "id": first}).status_code == 200
        assert one(connection, "SELECT claimed_by FROM triage.unanswered_queue") == holder


def test_many_at_once_and_one_refusal_stops_no_other(people: People, connection: Connection) -> None:
    ids = waiting(connection, 4)
    assert people("USER", "bob").post("/act", data={"verb": "claim", "id": ids[1]}).status_code == 200
    answer = people("USER", "ana").post("/act", data={"verb": "dismiss", "id": ids, "word": "spam"})
    assert answer.status_code == 200
    assert "3 done" in answer.text
    assert "1 refused" in answer.text
    assert f"conversation {ids[1]} is with bob" in answer.text
    left = table(connection, "SELECT conversation_id AS id FROM triage.unanswered_queue")
    assert left == [{"id": ids[1]}]


def test_what_is_refused_is_said_in_the_readers_language(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    people("USER", "bob").post("/act", data={"verb": "claim", "id": first})
    given = {"verb": "claim", "id": first}
    answer = people("USER", "ana").post("/act", data=given, headers={"accept-language": "fr-FR,fr;q=0.9"})
    assert answer.status_code == 409
    assert "quelqu’un d’autre s’en occupe" in answer.text.replace("&#39;", "'")


@pytest.mark.parametrize(
    "given",
    [
        {"verb": "drop table", "id": "1"},
        {"verb": "snooze", "id": "1", "word": "99999999"},
        {"verb": "claim", "id": "one"},
        {"verb": "claim", "id": "-1"},
        {"verb": "claim", "id": str(2**70)},
        {"id": "1"},
    ],
)
def test_nonsense_is_a_bad_request(people: People, given: dict[str, str]) -> None:
    answer = people("USER").post("/act", data=given)
    assert answer.status_code == 400
    assert "not complete" in answer.text


def test_the_next_ten_follow_the_filters(people: People, connection: Connection) -> None:
    waiting(connection, 12)
    store(connection, message("b", "b", minute=0), decided=decision("billing"))
    answer = people("USER", "ana").post("/next", data={"n": "10", "topic": "delivery"})
    assert "10 done" in answer.text
    assert one(connection, "SELECT count(*) FROM triage.unanswered_queue WHERE claimed_by = 'ana'") == 10
    assert one(connection, "SELECT claimed_by FROM triage.unanswered_queue WHERE topic = 'billing'") is None


def names(text: str) -> list[str]:
    return [part.split("<")[0] for part in text.split('<bdi class="who">')[1:]]


def test_the_gravest_and_longest_come_first_and_pages_follow_each_other(
    people: People, connection: Connection
) -> None:
    waiting(connection, 5)
    store(
        connection,
        message("g", "g", minute=60, author_name="Gravest"),
        decided=decision("safety_injury"),
    )
    ana = people("USER")
    seen: list[str] = []
    after = ""
    for _ in range(3):
        text = ana.get("/rows", params={"n": 2, "after": after}).text
        seen += names(text)
        after = text.split('data-place="')[-1].split('"')[0]
    assert seen == ["Gravest", *(f"Person {n}" for n in range(5))]
    assert 'id="more"' not in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"topic": "billing"}, ["Bill"]),
        ({"lang": "fr"}, ["Fleur"]),
        ({"channel": "x"}, ["Xavier"]),
        ({"q": "100%"}, ["Bill"]),
        ({"q": "fleur@"}, ["Fleur"]),
        ({"q": "_"}, []),
        ({"show": "mine"}, ["Xavier"]),
        ({"show": "snoozed"}, ["Zoe"]),
        ({"age": "4"}, ["Bill", "Fleur", "Xavier"]),
        ({"topic": "no such"}, []),
        ({"age": "x", "after": "x~y", "n": "x", "cluster": "x"}, ["Bill", "Fleur", "Xavier"]),
    ],
)
def test_filters(people: People, connection: Connection, query: dict[str, str], found: list[str]) -> None:
    store(
        connection,
        message("b", "b", author_name="Bill", subject="pay 100% back"),
        decided=decision("billing"),
    )
    store(connection, message("f", "f", author_name="Fleur", author="fleur@p.example", lang="fr"),
          decided=decision(lang="fr"))  # fmt: skip
    (x,) = store(connection, message("x", "x", account="volmera_x", author_name="Xavier"))
    (z,) = store(connection, message("z", "z", author_name="Zoe"))
    ana = people("USER", "ana")
    ana.post("/act", data={"verb": "claim", "id": x})
    ana.post("/act", data={"verb": "snooze", "id": z, "word": "1"})
    assert sorted(names(ana.get("/rows", params=query).text)) == found


def test_a_cluster_is_one_row_with_its_count(people: People, connection: Connection) -> None:
    ids = waiting(connection, 4)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE triage.unanswered_queue SET cluster = 7, follower = conversation_id <> %s "
            "WHERE conversation_id = ANY (%s)",
            (ids[0], ids[:3]),
        )
    ana = people("USER")
    text = ana.get("/rows").text
    assert names(text) == ["Person 0", "Person 3"]
    assert "2 more say the same" in text
    assert len(names(ana.get("/rows", params={"cluster": "7"}).text)) == 3


def test_what_has_not_changed_is_not_sent_again(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    ana = people("USER", "ana")
    tag = ana.get("/rows").headers["etag"]
    assert ana.get("/rows", headers={"if-none-match": tag}).status_code == 304
    ana.post("/act", data={"verb": "claim", "id": first})
    again = ana.get("/rows", headers={"if-none-match": tag})
    assert again.status_code == 200
    assert "with you" in again.text


def test_numbers_and_an_empty_queue(people: People, connection: Connection) -> None:
    ana = people("USER")
    assert "Nobody is waiting." in ana.get("/numbers").text
    assert "Nobody is waiting." in ana.get("/").text
    assert "Nobody waits who matches" in ana.get("/rows", params={"topic": "billing"}).text
    waiting(connection, 2)
    told = people("USER").get("/numbers").text
    assert "2 collected = 0 answered + 2 waiting + 0 dismissed" in told
    assert "The longest wait is" in told
    assert "Nobody is forgotten" in told


def test_evidence_is_marked_only_where_the_text_says_it(people: People, connection: Connection) -> None:
    evidence = (
        Evidence(start=3, end=8, text="mixer", weight=1.5),
        Evidence(start=9, end=15, text="nothing", weight=0.2),
        Evidence(start=0, end=0, text="smoke", rule="smoke"),
    )
    (first,) = store(
        connection,
        message("m", "m", subject="smoke & fire", text="My mixer smokes."),
        decided=decision("product_defect", evidence=evidence),
    )
    text = people("USER").get(f"/c/{first}").text
    marks = [part.split(">", 1)[1].split("</mark>")[0] for part in text.split("<mark")[1:]]
    assert marks == ["smoke", "mixer"]


def test_history_tells_what_was_done_by_whom(people: People, connection: Connection) -> None:
    (first,) = waiting(connection, 1)
    ana = people("USER", "ana")
    ana.post("/act", data={"verb": "note", "id": first, "word": "<b>called</b>"})
    ana.post("/act", data={"verb": "answer", "id": first, "word": "by phone"})
    text = ana.get(f"/c/{first}").text
    assert "&lt;b&gt;called&lt;/b&gt;" in text
    assert "by phone" in text
    assert "Answered. Nobody waits here." in text
    assert 'data-waits="no"' in text


@pytest.mark.parametrize(
    "address", ["/c/0", "/c/999999", "/c/x", "/c/" + "9" * 30, "/c/%00", "/static/../app.py"]
)
def test_what_is_not_there_is_said_kindly(people: People, address: str) -> None:
    answer = people("USER").get(address)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_the_language_is_the_browsers_until_somebody_chooses(people: People) -> None:
    ana = people("USER")
    assert '<html lang="fr">' in ana.get("/", headers={"accept-language": "fr-CA"}).text
    assert '<html lang="en">' in ana.get("/", headers={"accept-language": "de"}).text
    chosen = ana.get("/", params={"ui": "fr"})
    assert "samesite=lax" in chosen.headers["set-cookie"].lower()
    assert '<html lang="fr">' in ana.get("/", headers={"accept-language": "en"}).text


def test_both_languages_say_everything_with_the_same_places() -> None:
    from string import Formatter

    from triage_airflow.page.words import catalogue

    for key, both in catalogue().items():
        places = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in both]
        assert places[0] == places[1], key
        assert all(both), key


def test_without_a_database_the_page_says_so(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    ana = people("USER")
    monkeypatch.setenv("AIRFLOW_CONN_TRIAGE_DB", connection_json("postgresql://u:p@127.0.0.1:1/none"))
    answer = ana.get("/")
    assert answer.status_code == 503
    assert "tries again by itself" in answer.text


def test_script_in_a_message_stays_text(people: People, connection: Connection) -> None:
    """Fifty payloads as subject, name, address, text and link: the page has the tags it has with plain words."""
    ana = people("USER", "ana")
    (first,) = waiting(connection, 1)

    def shapes(words: str) -> dict[str, Shape]:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE triage.message SET subject = %(p)s, author = %(p)s, author_name = %(p)s, text = %(p)s, "
                "url = %(p)s",
                {"p": words},
            )
            cursor.execute("SELECT triage.refresh(ARRAY[%s]::bigint[])", (first,))
        return {path: Shape(ana.get(path).text) for path in ("/", "/rows", f"/c/{first}", f"/?c={first}")}

    plain = shapes("plain words")
    assert len(set(PAYLOADS)) >= 50
    for payload in PAYLOADS:
        for path, shape in shapes(payload).items():
            assert shape.tags == plain[path].tags, (path, payload)
            assert not {name for name, _ in shape.attributes if name.startswith("on")}, (path, payload)
            links = [value or "" for name, value in shape.attributes if name in ("href", "src", "action")]
            assert not [link for link in links if "hit" in link or "evil" in link], (path, payload)
