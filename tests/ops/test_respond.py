"""By the plan: drafts, whose word lets them go out, in which order, at most once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, at, one, table
from tests.ops.crowd import Crowd, burst
from tests.ops.reply_kit import Post
from triage import cli
from triage.config import Settings, load
from triage.core.errors import Declined, Fatal, InDoubt, Retry
from triage.core.surge import Surge
from triage.ops import draft, incident, reply, respond
from triage.ops.queue import Refused
from triage.ops.report import Report
from triage.store import db, incidents

Accounts = dict[str, Post]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped configuration, with an account on Mastodon beside mail and X."""
    folder = tmp_path_factory.mktemp("config")
    text = (ROOT / "config" / "triage.yaml").read_text(encoding="utf-8")
    more = "  - {name: volmera_m, source: mastodon, connection: mastodon_volmera, addresses: ['@volmera@m.example']}\n"
    assert "\ngroups:" in text
    (folder / "triage.yaml").write_text(text.replace("\ngroups:", f"{more}\ngroups:", 1), encoding="utf-8")
    (folder / "topics.yaml").symlink_to(ROOT / "config" / "topics.yaml")
    return load(folder)


@pytest.fixture
def crowd(connection: Connection) -> Crowd:
    with db.transaction(connection):
        db.execute(connection, "INSERT INTO triage.account (name, source) VALUES ('volmera_m', 'mastodon')")
    return Crowd(connection)


@pytest.fixture
def crisis(crowd: Crowd) -> Crowd:
    """An incident that began on X, in French and English."""
    incident.declare(crowd.connection, "product_defect", by="ana", reason="a post")
    with db.transaction(crowd.connection):
        db.execute(crowd.connection, "UPDATE triage.incident SET onset = %s", (at(0),))
    crowd.write(burst(1, 12), account="volmera_x", lang="fr")
    crowd.write(burst(4, 30))
    with db.transaction(crowd.connection):
        db.execute(
            crowd.connection,
            "UPDATE triage.classification d SET lang = m.lang FROM triage.message m WHERE m.id = d.message_id",
        )
    return crowd


def begin(crowd: Crowd, settings: Settings, run: str = "run 1", **given: Any) -> list[respond.Begun]:
    return respond.begin(crowd.connection, settings, run, now=lambda: at(20), **given)


def statements(crowd: Crowd) -> list[tuple[str, str, str]]:
    return [(r["channel"], r["lang"], r["state"]) for r in respond.show(crowd.connection, 1)]


def test_the_draft_is_the_plans_and_begins_where_it_began(crisis: Crowd, settings: Settings) -> None:
    (begun,) = begin(crisis, settings)
    assert (begun.incident, begun.number, begun.kind, begun.owner) == (1, 1, "draft", "crisis")
    assert statements(crisis) == [
        (channel, lang, "waiting") for channel in ("hub", "volmera_x", "volmera_m") for lang in ("en", "fr")
    ]
    rows = respond.show(crisis.connection, 1)
    assert [row["place"] for row in rows] == [0, 0, 1, 1, 2, 2]
    assert rows[0]["text"].startswith("Since Friday 20 November at 08:00")
    assert "{" not in "".join(row["text"] for row in rows)
    assert begun.subject == "Incident 1: Defect, recall, 42 messages"
    assert "42 people wrote 42 messages (42 wait)" in begun.body
    assert "**EN on hub**" in begun.body
    assert "**FR on volmera_x, volmera_m**" in begun.body
    assert all(line in begun.body for row in rows for line in row["text"].splitlines() if line)


def test_where_it_began_by_mail_the_plans_order_holds(crowd: Crowd, settings: Settings) -> None:
    incident.declare(crowd.connection, "product_defect", by="ana", reason="mail")
    (begun,) = begin(crowd, settings)
    order = list(dict.fromkeys(row["channel"] for row in respond.show(crowd.connection, begun.incident)))
    assert order == ["hub", "volmera_x", "volmera_m"]


def test_an_incident_is_taken_by_one_run_and_by_that_one_again(crisis: Crowd, settings: Settings) -> None:
    (first,) = begin(crisis, settings)
    assert begin(crisis, settings, "run 2") == []
    assert begin(crisis, settings) == [first], "a task that is tried again"
    assert one(crisis.connection, "SELECT count(*) FROM triage.statement") == 6


def test_without_a_plan_people_are_told_all_the_same(
    crisis: Crowd, settings: Settings, tmp_path: Path
) -> None:
    (begun,) = begin(crisis, settings, plans=tmp_path)
    assert (begun.kind, begun.digest) == ("no plan", "")
    assert "there is no plan for product_defect" in begun.body
    assert statements(crisis) == []


def test_what_has_no_name_yet_is_told_and_waits_for_it(crowd: Crowd, settings: Settings) -> None:
    surge = Surge(
        kind="alarm", started_at=at(0), alarmed_at=at(1), at=at(1), observed=400, expected=2.0, peak=90, severity=1
    )  # fmt: skip
    with db.transaction(crowd.connection):
        incidents.open_new(
            crowd.connection, surge, stream="account:care", topic=None, account="care", now=at(1)
        )
    (begun,) = begin(crowd, settings)
    assert (begun.kind, begun.digest) == ("no name", "")
    assert begun.subject == "Incident 1: more messages than usual at care"
    assert begin(crowd, settings, "run 2") == [], "said once"
    with db.transaction(crowd.connection):
        incidents.name(crowd.connection, 1, "product_defect", now=at(2), detail={})
    (begun,) = begin(crowd, settings, "run 3")
    assert begun.kind == "draft"


def decided(crowd: Crowd, begun: respond.Begun, *, approved: bool = True, by: str = "Hana") -> None:
    respond.decide(
        crowd.connection, begun.incident, begun.number, by=by, digest=begun.digest, approved=approved
    )


def test_who_approves_is_written_down_and_the_hub_says_it_at_once(crisis: Crowd, settings: Settings) -> None:
    (begun,) = begin(crisis, settings)
    decided(crisis, begun)
    decided(crisis, begun, by="Tom")
    states = {(channel, state) for channel, _, state in statements(crisis)}
    assert states == {("hub", "published"), ("volmera_x", "approved"), ("volmera_m", "approved")}
    assert {r["approved_by"] for r in respond.show(crisis.connection, 1)} == {"Hana"}
    assert respond.answer_questions(crisis.connection, settings, 1, by="Hana") >= 10
    assert respond.answer_questions(crisis.connection, settings, 1, by="Hana") == 0
    questions = table(crisis.connection, "SELECT lang, question, answer, approved_by FROM triage.question")
    assert {q["lang"] for q in questions} == {"en", "fr"}
    assert {q["approved_by"] for q in questions} == {"Hana"}
    assert not any("{" in q["question"] + q["answer"] for q in questions)
    assert crisis.verbs(1) == ["open", "draft", "approve"]


def test_rejected_nothing_goes_out(crisis: Crowd, settings: Settings) -> None:
    (begun,) = begin(crisis, settings)
    decided(crisis, begun, approved=False)
    decided(crisis, begun)
    assert {state for _, _, state in statements(crisis)} == {"withdrawn"}
    assert respond.publish(crisis.connection, 1, sender(crisis, {})) == respond.show(crisis.connection, 1)
    assert one(crisis.connection, "SELECT count(*) FROM triage.reply") == 0


def test_what_was_changed_after_it_was_shown_is_not_approved(crisis: Crowd, settings: Settings) -> None:
    (begun,) = begin(crisis, settings)
    number = respond.show(crisis.connection, 1)[2]["id"]
    respond.edit(crisis.connection, number, "We know nothing. {brand}", by="eve")
    with pytest.raises(Refused, match=r"statement 1 of incident 1 was changed after Hana saw it.*approve 1`"):
        decided(crisis, begun)
    assert {state for _, _, state in statements(crisis)} == {"waiting"}
    (again,) = begin(crisis, settings)
    assert again.digest != begun.digest
    assert "We know nothing. {brand}" in again.body, "an edited text is not filled in anew"
    decided(crisis, again)
    with pytest.raises(Refused, match=f"statement {number} is no draft"):
        respond.edit(crisis.connection, number, "Too late", by="eve")


def sender(crowd: Crowd, posts: Accounts, log: list[str] | None = None) -> Callable[[str], Report]:
    def send(account: str) -> Report:
        if log is not None:
            log.append(account)
        return reply.send(
            crowd.connection,
            lambda: posts[account],
            account,
            patience=timedelta(0),
            sleep=lambda seconds: None,
        )

    return send


def publish(
    crowd: Crowd, posts: Accounts, log: list[str] | None = None, **given: Any
) -> dict[tuple[str, str], str]:
    wait = {"sleep": lambda seconds: None, **given}
    rows = respond.publish(crowd.connection, 1, sender(crowd, posts, log), **wait)
    return {(row["channel"], row["lang"]): row["state"] for row in rows}


def approved(crowd: Crowd, settings: Settings) -> Accounts:
    (begun,) = begin(crowd, settings)
    decided(crowd, begun)
    return {"volmera_x": Post(), "volmera_m": Post()}


def test_it_is_published_first_where_it_began_and_once(crisis: Crowd, settings: Settings) -> None:
    posts, log = approved(crisis, settings), list[str]()
    assert set(publish(crisis, posts, log).values()) == {"published"}
    assert log == ["volmera_x", "volmera_m"]
    assert [len(post.out) for post in posts.values()] == [2, 2]
    publish(crisis, posts)
    assert [(post.calls, post.doubles) for post in posts.values()] == [(2, []), (2, [])]
    (row,) = incident.board(crisis.connection)
    assert row["statement_state"] == "published"
    assert row["to_statement"] == row["statement_at"] - row["onset"]
    assert [r["url"] for r in respond.show(crisis.connection, 1)[2:]] != [""] * 4


def test_a_channel_that_refuses_holds_up_no_other(crisis: Crowd, settings: Settings) -> None:
    posts = approved(crisis, settings)
    posts["volmera_x"] = Post(Declined("X says: duplicate content"))
    found = publish(crisis, posts)
    assert found["volmera_x", "en"] == "refused"
    assert found["volmera_x", "fr"] == found["volmera_m", "en"] == "published"
    assert "duplicate content" in str([r["error"] for r in respond.show(crisis.connection, 1)])


def test_a_connection_that_a_person_must_mend_is_named_at_the_end(crisis: Crowd, settings: Settings) -> None:
    posts = approved(crisis, settings)
    posts["volmera_x"] = Post(Fatal("volmera_x may not write; give it a user token"))
    with pytest.raises(Fatal, match="incident 1: volmera_x may not write; give it a user token"):
        publish(crisis, posts)
    assert [len(posts[name].out) for name in ("volmera_x", "volmera_m")] == [0, 2]
    with db.transaction(crisis.connection):
        db.execute(crisis.connection, "UPDATE triage.reply SET not_before = '-infinity'")
    assert set(publish(crisis, posts).values()) == {"published"}
    assert posts["volmera_m"].calls == 2


def test_the_others_wait_ten_minutes_for_the_first(crisis: Crowd, settings: Settings) -> None:
    posts, log = approved(crisis, settings), list[str]()
    posts["volmera_x"] = Post(Retry("X is busy", after=timedelta(hours=1)))
    with pytest.raises(Retry, match="volmera_x rests, and it began there"):
        publish(crisis, posts, log)
    assert set(log) == {"volmera_x"}
    later = partial(publish, crisis, posts, now=lambda: datetime.now(UTC) + timedelta(minutes=11))
    with pytest.raises(Retry, match="not published yet on volmera_x"):
        later()
    assert len(posts["volmera_m"].out) == 2
    with db.transaction(crisis.connection):
        db.execute(crisis.connection, "UPDATE triage.reply SET not_before = '-infinity'")
    assert set(later().values()) == {"published"}
    assert all(not post.doubles for post in posts.values())


def test_nobody_knows_is_told_as_such_and_not_sent_again(crisis: Crowd, settings: Settings) -> None:
    posts = approved(crisis, settings)
    posts["volmera_x"] = Post(InDoubt("the line went dead"))
    posts["volmera_x"].visible = False
    with pytest.raises(Retry):
        publish(crisis, posts)
    with db.transaction(crisis.connection):
        db.execute(crisis.connection, "UPDATE triage.reply SET changed_at = changed_at - interval '1 hour'")
    posts["volmera_x"].blind = InDoubt("X cannot tell")
    found = publish(crisis, posts)
    assert sorted(found.values()).count("unknown") == 1
    assert posts["volmera_x"].doubles == []


def test_killed_between_two_channels_the_next_run_goes_on(crisis: Crowd, settings: Settings) -> None:
    posts = approved(crisis, settings)

    class Killed(BaseException):
        pass

    def die(reply_: object) -> None:
        raise Killed

    posts["volmera_m"].during = die
    with pytest.raises(Killed):
        publish(crisis, posts)
    with db.transaction(crisis.connection):
        db.execute(
            crisis.connection, "UPDATE triage.reply SET changed_at = changed_at - interval '3 minutes'"
        )
    posts["volmera_m"].during = lambda reply_: None
    assert set(publish(crisis, posts).values()) == {"published"}
    assert [(len(post.out), post.doubles) for post in posts.values()] == [(2, []), (2, [])]


def test_an_update_takes_the_same_way_as_the_first(crisis: Crowd, settings: Settings) -> None:
    """Drafted by a person, shown by the next run of respond, edited, approved, published once beside the first."""
    posts = approved(crisis, settings)
    publish(crisis, posts)
    assert begin(crisis, settings, "run 2") == []
    assert draft.again(crisis.connection, settings, 1, by="ana", now=lambda: at(140)) == 2
    with pytest.raises(Refused, match=r"statement 2 of incident 1 is not decided about yet.*reject 1 WHY"):
        draft.again(crisis.connection, settings, 1, by="ana")
    (begun,) = begin(crisis, settings, "run 3")
    assert (begun.number, begun.kind, begun.subject[-11:]) == (2, "draft", "statement 2")
    respond.decide(crisis.connection, 1, 2, by="Hana", digest=begun.digest, approved=True)
    assert set(publish(crisis, posts).values()) == {"published"}
    assert [(len(post.out), post.doubles) for post in posts.values()] == [(4, []), (4, [])]
    (row,) = incident.board(crisis.connection)
    first = min(r["published_at"] for r in respond.show(crisis.connection, 1) if r["channel"] != "hub")
    assert row["to_statement"] == first - row["onset"], "the first is what counts"
    assert begin(crisis, settings, "run 4") == []


def test_an_update_needs_an_incident_that_is_on(crisis: Crowd, settings: Settings) -> None:
    incident.close(crisis.connection, 1, by="ana", reason="over")
    with pytest.raises(Refused, match="incident 1 is not open"):
        draft.again(crisis.connection, settings, 1, by="ana")


def test_the_alert_names_what_we_have_not_said(crisis: Crowd, settings: Settings) -> None:
    (begun,) = begin(crisis, settings)
    (late,) = respond.without_statement(crisis.connection, "run 1")
    assert (late["id"], late["topic"], late["owner"]) == (1, "product_defect", "crisis")
    assert respond.without_statement(crisis.connection, "run 2") == []
    decided(crisis, begun)
    assert respond.without_statement(crisis.connection, "run 1") == []


def test_the_terminal(
    crisis: Crowd, settings: Settings, dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("TRIAGE_DSN", dsn)
    begin(crisis, settings)
    assert cli.main(["statement", "show", "1"]) == 0
    out = capsys.readouterr().out
    number = out.split(":")[0]
    assert f"{number}: statement 1 on hub in en, waiting\nSince Friday 20 November" in out
    text = tmp_path / "text.txt"
    text.write_text("Another text.\n", encoding="utf-8")
    assert cli.main(["statement", "edit", number, "--file", str(text), "--as", "Eve"]) == 0
    assert cli.main(["statement", "approve", "1", "--as", "Hana"]) == 0
    assert cli.main(["statement", "approve", "1", "--as", "Hana"]) == 1
    assert "nothing of incident 1 is to be approved" in capsys.readouterr().err
    assert cli.main(["statement", "show", "1", "--json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["text"], first["state"], first["approved_by"]) == ("Another text.", "published", "Hana")
    assert crisis.verbs(1) == ["open", "draft", "edit", "approve"]
    assert cli.main(["statement", "draft", "1", "--again", "--as", "Eve"]) == 0
    assert "draft: statement 2 of incident 1" in capsys.readouterr().out
    assert cli.main(["statement", "draft", "1", "--again"]) == 1
    assert "statement 2 of incident 1 is not decided about yet" in capsys.readouterr().err
    assert cli.main(["statement", "edit", number, "--file", str(tmp_path / "none")]) == 2
    assert cli.main(["statement", "show", "7"]) == 0
    assert "nothing was drafted for incident 7" in capsys.readouterr().out


def test_rejected_in_the_terminal(
    crisis: Crowd, settings: Settings, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_DSN", dsn)
    begin(crisis, settings)
    assert cli.main(["statement", "reject", "1", "it is not true"]) == 0
    assert {state for _, _, state in statements(crisis)} == {"withdrawn"}
    assert cli.main(["statement", "publish", "1"]) == 0
