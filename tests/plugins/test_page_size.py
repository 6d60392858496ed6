"""What the page costs its database: connections that rest, figures counted as often as can be afforded."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import BackgroundTasks
from psycopg2.extensions import connection as Connection

from tests.builders import one
from tests.conftest import administer
from tests.plugins.page_kit import connection_json, waiting

People = Callable[..., Any]


def backends(connection: Connection) -> int:
    return int(one(connection, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'inbox-triage page'"
                               " AND datname = current_database()"))  # fmt: skip


def test_many_looks_use_one_connection(people: People, connection: Connection) -> None:
    waiting(connection, 1)
    ana = people("USER", "ana")
    for path in ("/", "/rows", "/numbers") * 3:
        assert ana.get(path).status_code == 200
    assert backends(connection) == 1


def test_a_connection_that_died_is_not_lent(people: People, connection: Connection) -> None:
    waiting(connection, 1)
    ana = people("USER", "ana")
    assert ana.get("/rows").status_code == 200
    one(connection, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE application_name = 'inbox-triage page'")  # fmt: skip
    assert ana.get("/rows").status_code == 200


def test_what_goes_wrong_once_does_not_stay(
    people: People, connection: Connection, postgres: Any, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = people("USER", "ana")
    name = dsn.rsplit("/", 1)[1]
    assert ana.get("/rows").status_code == 200
    administer(postgres, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    one(connection, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE application_name = 'inbox-triage page'")  # fmt: skip
    assert ana.get("/rows").status_code == 503
    administer(postgres, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    assert ana.get("/rows").status_code == 200


def test_slow_counts_are_made_after_the_answer_and_tell_their_age(
    dsn: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TRIAGE_DB", connection_json(dsn))
    from triage_airflow.page import figures as numbers
    from triage_airflow.page.pool import Pool

    counted: list[float] = []

    def count(_: Connection) -> dict[str, Any]:
        time.sleep(0.06)
        counted.append(time.monotonic())
        return {"n": len(counted)}

    figures, pool, later = numbers.Figures(count), Pool(), BackgroundTasks()
    first = figures.get(pool, later)
    assert first.figures == {"n": 1}
    assert first.age is None
    assert figures.get(pool, later).figures == {"n": 1}
    assert later.tasks == []
    monkeypatch.setattr(numbers, "SHARE", 0)
    assert figures.get(pool, later).figures == {"n": 1}
    assert len(later.tasks) == 1
    monkeypatch.setattr(numbers, "TOLD", numbers.timedelta(0))
    assert first.age is not None


def test_quick_counts_are_always_of_now(people: People, connection: Connection) -> None:
    ids = waiting(connection, 3)
    ana = people("USER", "ana")
    assert "<b>3</b> waiting" in ana.get("/numbers").text
    ana.post("/act", data={"verb": "dismiss", "id": ids[0], "word": "spam"})
    end = time.monotonic() + 10
    while "<b>2</b> waiting" not in ana.get("/numbers").text:
        assert time.monotonic() < end
