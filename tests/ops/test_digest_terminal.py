"""`triage digest`, and what `triage doctor` says of recipients."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import message
from tests.ops.services import desk_at, triage_yaml
from triage import cli
from triage.ops import queue
from triage.store import conversations, db, messages, notices

NOTIFY: dict[str, Any] = {
    "desk": {
        "kind": "smtp",
        "connection": "smtp_desk",
        "addresses": ["desk@volmera.example"],
        "language": "fr",
    },
    "ops": {"kind": "slack", "connection": "slack_ops", "addresses": ["#ops"], "alarms": True},
    "hook": {"kind": "slack", "connection": "slack_hook"},
    "phones": {"kind": "apprise", "connection": "apprise_phones", "incidents": True, "weekly": "mon 09:00"},
}
GOOD: dict[str, Any] = {
    "smtp_desk": {
        "conn_type": "smtp",
        "host": "mail.example",
        "extra": {"from_email": "triage@volmera.example"},
    },
    "slack_ops": {"conn_type": "slack", "password": "xoxb"},
    "slack_hook": {"conn_type": "slackwebhook", "password": "https://hooks.example/T0"},
    "apprise_phones": {"conn_type": "apprise", "extra": {"config": [{"path": "json://phones.example"}]}},
}

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """`write(notify, connections)`: the configuration, and the connections of the environment."""
    desk_at(tmp_path, monkeypatch)

    def call(notify: dict[str, Any], connections: dict[str, Any]) -> None:
        settings = json.loads(triage_yaml(care="gmail"))
        (tmp_path / "triage.yaml").write_text(json.dumps({**settings, "notify": notify}))
        for name, held in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(held))

    return call


def doctor(dsn: str, capsys: pytest.CaptureFixture[str], name: str) -> list[tuple[str, str, str]]:
    """State, text and mend of the findings of that name."""
    cli.main(["doctor", "--json", "--dsn", dsn])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(f["state"], f["text"], f["mend"]) for f in found if f["name"] == name]


def test_recipients_that_can_be_told(write: Write, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(NOTIFY, GOOD)
    found = doctor(dsn, capsys, "notify")
    assert [state for state, *_ in found] == ["ok"] * 4
    assert found[0][1] == "desk: smtp_desk, from environment, to desk@volmera.example"
    assert doctor(dsn, capsys, "notices") == []


@pytest.mark.parametrize(
    ("name", "connection", "said", "mend"),
    [
        (
            "smtp_desk",
            {"conn_type": "smtp"},
            "desk: connection 'smtp_desk' says no sender",
            "put `from_email`",
        ),
        ("slack_ops", {"conn_type": "smtp"}, "is of type 'smtp'", "make it 'slack'"),
        ("slack_ops", {"conn_type": "slack"}, "has no token", "put the bot's token"),
        ("slack_hook", {"conn_type": "slack", "password": "x"}, "of type 'slack'", "make it 'slackwebhook'"),
        ("apprise_phones", {"conn_type": "apprise"}, "lists no address", "put `config`"),
    ],
)
def test_a_connection_that_cannot_do_it_is_named_with_the_mend(
    write: Write, dsn: str, capsys: pytest.CaptureFixture[str], name: str, connection: Any, said: str, mend: str
) -> None:  # fmt: skip
    write(NOTIFY, {**GOOD, name: connection})
    ((_, text, advice),) = [f for f in doctor(dsn, capsys, "notify") if f[0] == "bad"]
    assert said in text
    assert advice.startswith(mend)


def test_a_missing_connection_and_nobody_who_hears_alarms(
    write: Write, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write({"desk": NOTIFY["desk"]}, {})
    missing, alarms, incidents, week = doctor(dsn, capsys, "notify")
    assert missing[0] == "bad"
    assert missing[2].startswith("create it in Airflow under Admin, Connections, as type smtp")
    assert (alarms[0], incidents[0], week[0]) == ("warn", "warn", "warn")
    assert alarms[2] == "give an entry of notify in triage.yaml `alarms: true`"
    assert week[2] == 'give an entry of notify in triage.yaml `weekly: "mon 09:00"`'


def test_what_could_not_be_told_is_shown(
    write: Write, dsn: str, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    write(NOTIFY, GOOD)
    now = datetime.now(UTC)
    with db.transaction(connection):
        notices.put(connection, [("desk", "desk@volmera.example", "digest", "digest 1", "s", "t")], now=now)
        held = notices.take(connection, now)
        assert held
        notices.settle(
            connection,
            held["id"],
            "wanted",
            now=now,
            error="550 no such mailbox; mend the address",
            again=now,
        )
    ((state, text, mend),) = doctor(dsn, capsys, "notices")
    assert (state, mend) == ("warn", "mend the address")
    assert text == "desk desk@volmera.example: 1 waiting to be sent again: 550 no such mailbox"


def test_the_digest_is_printed_as_its_recipient_would_get_it(
    write: Write, dsn: str, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    write(NOTIFY, GOOD)
    said = message("m1", sent_at=datetime.now(UTC) - timedelta(hours=3), fetched_at=datetime.now(UTC))
    with db.transaction(connection):
        conversations.refresh(connection, messages.upsert(connection, [said])[1])
    assert cli.main(["digest", "--dsn", dsn]) == 0
    assert (
        "1 person is waiting for an answer. 1 of them has waited longer than promised."
        in capsys.readouterr().out
    )
    assert cli.main(["digest", "--to", "desk", "--dsn", dsn]) == 0
    assert "1 personne attend une réponse." in capsys.readouterr().out
    queue.claim(connection, count=1, by="jane")
    assert cli.main(["digest", "--as", "jane", "--lang", "en", "--dsn", dsn]) == 0
    assert "You hold 1 of them." in capsys.readouterr().out


def test_the_week_is_printed_as_the_committee_would_get_it(
    write: Write, dsn: str, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    write({**NOTIFY, "desk": {**NOTIFY["desk"], "zone": "Europe/Paris"}}, GOOD)
    said = message("m1", sent_at=datetime.now(UTC) - timedelta(days=2), fetched_at=datetime.now(UTC))
    with db.transaction(connection):
        conversations.refresh(connection, messages.upsert(connection, [said])[1])
    assert cli.main(["digest", "--weekly", "--dsn", dsn]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The week from ")
    assert "The week brought 1 message." in out
    assert "jane@example.org" not in out
    assert cli.main(["digest", "--weekly", "--to", "desk", "--dsn", dsn]) == 0
    assert "La semaine a apporté 1 message." in capsys.readouterr().out
    assert cli.main(["digest", "--weekly", "--to", "desk", "--lang", "en", "--dsn", dsn]) == 0
    assert "The week brought 1 message." in capsys.readouterr().out


def test_who_is_not_named_and_who_may_not_read_is_told_so(
    write: Write, dsn: str, login: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(NOTIFY, GOOD)
    assert cli.main(["digest", "--to", "nobody", "--dsn", dsn]) == 2
    assert "names no 'nobody' under notify; it names desk, ops, hook, phones" in capsys.readouterr().err
    assert cli.main(["digest", "--dsn", login("triage_responder")]) == 1
    assert "use the address of a member of triage_pipeline" in capsys.readouterr().err
