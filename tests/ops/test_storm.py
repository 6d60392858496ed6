"""A storm as the responders see it: copies behind their first, floods set aside, everybody still waiting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import message, one, shipped_topics, table
from tests.ops.kit import ByWord, Shelf
from triage import cli
from triage.config_storm import Copies, Flood
from triage.core.types import Direction, Message
from triage.ops import care, flood, queue
from triage.ops.classify import classify
from triage.ops.collect import collect
from triage.store import db
from triage.store.queue import Refused

TOPICS = shipped_topics()
PLEDGE = "boycott is what I call for until every owner gets a refund and the reports are published"
CALL = "safety_injury help my daughter burnt her hand on your mixer and nobody answers the phone in Leeds"
FLOOD = Flood(messages=3, within=timedelta(minutes=10))


def gather(connection: Connection, *page: Message, **storm: Any) -> None:
    """Collect and decide; afterwards nobody is missing."""
    with db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.cursor")
    collect(connection, Shelf(page, size=100), "care")
    classify(connection, ByWord(), TOPICS, **storm)
    care.audit(connection)


def pledge(number: int) -> Message:
    """A copy of the pledge, each by another person with another handle and link."""
    text = f"{PLEDGE} @friend{number} https://t.example/{number}"
    return message(f"p{number}", f"p{number}", minute=number, text=text, author=f"p{number}@post.example")


def rows(connection: Connection) -> dict[str, dict[str, Any]]:
    """The queue by conversation."""
    return {r["conversation"]: r for r in table(connection, "SELECT * FROM triage.unanswered_queue")}


def claimed(connection: Connection, count: int, **wanted: Any) -> list[str]:
    return [r["conversation"] for r in queue.claim(connection, count=count, by="ana", **wanted)]


def test_copies_follow_their_first_and_a_call_for_help_stands_alone(connection: Connection) -> None:
    page = [pledge(i) for i in range(5)]
    gather(
        connection,
        *page,
        message("h1", "h1", minute=9, text=CALL),
        message("d1", "d1", minute=8, text="delivery"),
    )
    found = rows(connection)
    clusters = {found[f"p{i}"]["cluster"] for i in range(5)}
    assert len(clusters) == 1
    assert None not in clusters
    assert [found[f"p{i}"]["follower"] for i in range(5)] == [False, True, True, True, True]
    assert len({found[f"p{i}"]["due_at"] for i in range(5)}) == 5
    assert [(found[k]["cluster"], found[k]["follower"]) for k in ("h1", "d1")] == [(None, False)] * 2
    assert claimed(connection, 3) == ["h1", "p0", "d1"]
    assert claimed(connection, 9) == ["p1", "p2", "p3", "p4"]


def test_the_first_copy_makes_a_cluster_of_a_row_that_stood_alone(connection: Connection) -> None:
    gather(connection, pledge(1))
    assert rows(connection)["p1"]["cluster"] is None
    gather(connection, pledge(2))
    found = rows(connection)
    assert found["p1"]["cluster"] == found["p2"]["cluster"] is not None
    assert one(connection, "SELECT members FROM triage.cluster") == 2
    gather(connection, pledge(3), pledge(4))
    assert one(connection, "SELECT members FROM triage.cluster") == 4


def test_when_the_first_is_settled_or_put_aside_the_next_comes_forward(connection: Connection) -> None:
    gather(connection, *(pledge(i) for i in range(4)))
    found = rows(connection)
    queue.answer(connection, found["p0"]["conversation_id"], by="ana", where="by phone")
    assert not rows(connection)["p1"]["follower"]
    later = one(connection, "SELECT now() + interval '1 hour'")
    queue.snooze(connection, found["p1"]["conversation_id"], by="ana", until=later)
    assert [rows(connection)[k]["follower"] for k in ("p1", "p2", "p3")] == [True, False, True]


def test_who_adds_words_of_their_own_leaves_the_cluster(connection: Connection) -> None:
    gather(connection, *(pledge(i) for i in range(3)))
    gather(connection, message("p0b", "p0", minute=60, text=CALL, author="p0@post.example"))
    found = rows(connection)
    assert (found["p0"]["cluster"], found["p0"]["priority"]) == (None, 1)
    assert [found[k]["follower"] for k in ("p0", "p1", "p2")] == [False, False, True]


def test_short_texts_and_other_accounts_do_not_meet(connection: Connection) -> None:
    gather(
        connection,
        *(message(f"s{i}", f"s{i}", text="billing same here", author=f"s{i}@post.example") for i in range(3)),
        pledge(1),
    )
    collect(connection, Shelf([message("x1", "x1", account="volmera_x", text=PLEDGE)]), "volmera_x")
    classify(connection, ByWord(), TOPICS)
    assert {r["cluster"] for r in rows(connection).values()} == {None}


def test_what_waits_no_more_begins_no_cluster(connection: Connection) -> None:
    reply = message("r1", "p1", minute=30, text="We are on it.", direction=Direction.OUTBOUND)
    gather(connection, pledge(1), reply, pledge(2))
    assert rows(connection)["p2"]["cluster"] is None
    assert one(connection, "SELECT count(*) FROM triage.cluster") == 1


def test_a_text_is_forgotten_after_a_while(connection: Connection) -> None:
    gather(connection, pledge(1))
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.cluster SET created_at = now() - interval '2 days'")
    gather(connection, message("d1", "d1", text="delivery"), copies=Copies(within=timedelta(days=1)))
    assert one(connection, "SELECT count(*) FROM triage.cluster_band") == 0
    gather(connection, pledge(2))
    assert rows(connection)["p2"]["cluster"] is None
    gather(connection, pledge(3))
    assert rows(connection)["p3"]["cluster"] == rows(connection)["p2"]["cluster"] is not None


def test_a_replay_changes_nothing(connection: Connection) -> None:
    gather(connection, *(pledge(i) for i in range(3)))
    before = rows(connection)
    classify(connection, ByWord(model="m2"), TOPICS)
    after = rows(connection)
    assert {k: (r["cluster"], r["follower"]) for k, r in after.items()} == {
        k: (r["cluster"], r["follower"]) for k, r in before.items()
    }
    assert one(connection, "SELECT members FROM triage.cluster") == 3


def noise(number: int, *, minute: float, author: str = "noisy@post.example") -> Message:
    return message(f"n{number}", f"n{number}", minute=minute, author=author, text=f"delivery {number}")


def held(connection: Connection) -> list[str]:
    return sorted(k for k, r in rows(connection).items() if r["held"])


def test_a_flood_is_held_but_for_its_first_and_still_counted(connection: Connection) -> None:
    gather(
        connection, *(noise(i, minute=i) for i in range(3)), message("d1", "d1", text="delivery"), flood=FLOOD
    )
    assert held(connection) == []
    gather(connection, *(noise(i, minute=i) for i in range(3, 6)), flood=FLOOD)
    assert held(connection) == ["n1", "n2", "n3", "n4", "n5"]
    assert care.audit(connection).waiting == 7
    assert claimed(connection, 9) == ["n0", "d1"]
    assert claimed(connection, 2, held=True) == ["n1", "n2"]
    (told,) = flood.listed(connection)
    assert (told["account"], told["author"], told["held"]) == ("care", "noisy@post.example", 5)


def test_a_flood_that_goes_on_is_the_same_one_and_a_later_one_is_another(connection: Connection) -> None:
    gather(connection, *(noise(i, minute=i) for i in range(4)), flood=FLOOD)
    gather(connection, noise(4, minute=12), flood=FLOOD)
    assert held(connection) == ["n1", "n2", "n3", "n4"]
    gather(connection, noise(5, minute=60), flood=FLOOD)
    assert "n5" not in held(connection)
    gather(connection, *(noise(i, minute=60 + i) for i in range(6, 9)), flood=FLOOD)
    assert [r["held"] for r in flood.listed(connection)] == [3, 4]


def test_a_released_author_is_not_held_again_in_that_flood(connection: Connection) -> None:
    gather(connection, *(noise(i, minute=i) for i in range(5)), flood=FLOOD)
    assert flood.release(connection, "noisy@post.example", by="ana") == 4
    assert held(connection) == []
    gather(connection, *(noise(i, minute=i) for i in range(5, 9)), flood=FLOOD)
    assert held(connection) == []
    audit = table(connection, "SELECT by, count(*) AS n FROM triage.audit WHERE verb = 'unhold' GROUP BY by")
    assert audit == [{"by": "ana", "n": 4}]
    with pytest.raises(Refused, match="no flood from noisy@"):
        flood.release(connection, "noisy@post.example", by="ana")
    gather(connection, *(noise(i, minute=100 + i) for i in range(9, 14)), flood=FLOOD)
    assert held(connection) == ["n10", "n11", "n12", "n13"]


def test_a_contact_form_and_slow_writers_are_no_flood(connection: Connection) -> None:
    form = Flood(messages=3, within=timedelta(minutes=10), never=("noisy@post.example",))
    gather(connection, *(noise(i, minute=i) for i in range(6)), flood=form)
    gather(
        connection, *(noise(i, minute=i * 4, author="slow@post.example") for i in range(10, 20)), flood=FLOOD
    )
    assert held(connection) == []
    assert flood.listed(connection) == []


def test_somebody_else_in_a_flooded_thread_is_not_held(connection: Connection) -> None:
    gather(connection, *(noise(i, minute=i) for i in range(5)), flood=FLOOD)
    other = message("o1", "n3", minute=6, author="jane@post.example", text="billing of mine")
    gather(connection, other, flood=FLOOD)
    assert held(connection) == ["n1", "n2", "n4"]


def test_the_terminal_lists_and_releases(
    connection: Connection, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gather(connection, *(noise(i, minute=i) for i in range(5)), flood=FLOOD)
    assert cli.main(["flood", "list", "--dsn", dsn]) == 0
    assert (
        "care  noisy@post.example  2026-11-20 08:00 to 2026-11-20 08:14 UTC  4 held"
        in capsys.readouterr().out
    )
    release = ["flood", "release", "noisy@post.example", "--as", "ana", "--dsn", dsn]
    assert cli.main(release) == 0
    assert "4 conversations are back" in capsys.readouterr().out
    assert cli.main(release) == 1
    assert "no flood from noisy@post.example" in capsys.readouterr().err
    assert cli.main(["flood", "list", "--dsn", dsn]) == 0
    assert "nothing is held" in capsys.readouterr().out
    assert cli.main(["flood", "list", "--all", "--json", "--dsn", dsn]) == 0
    assert '"released_by": "ana"' in capsys.readouterr().out


def test_a_responder_sees_and_releases_only_what_they_serve(
    connection: Connection, login: Callable[..., str]
) -> None:
    gather(connection, *(noise(i, minute=i) for i in range(5)), flood=FLOOD)
    with db.transaction(connection):
        db.execute(connection, "INSERT INTO triage.access VALUES ('care', 'triage_owner')")
    with db.connect(login("triage_responder")) as stranger:
        assert flood.listed(stranger) == []
        with pytest.raises(Refused):
            flood.release(stranger, "noisy@post.example", by="x")
    with db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.access")
    with db.connect(login("triage_responder", name="nina")) as responder:
        assert [r["held"] for r in flood.listed(responder)] == [4]
        assert flood.release(responder, "noisy@post.example", by="x") == 4
    assert one(connection, "SELECT DISTINCT released_by FROM triage.flood") == "nina"
