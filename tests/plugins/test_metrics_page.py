"""The address that Prometheus scrapes: its token opens it and nothing else, and no login of Airflow does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import table
from tests.ops.figures import fill
from tests.plugins.page_kit import waiting
from triage.ops.metrics import HELP

People = Callable[..., Any]
TOKEN = "an-old-token"


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The headers of a Prometheus that was told the token."""
    held = {"conn_type": "generic", "password": f"{TOKEN} a-new-token"}
    monkeypatch.setenv("AIRFLOW_CONN_TRIAGE_METRICS", json.dumps(held))
    return {"authorization": f"Bearer {TOKEN}"}


def test_prometheus_gets_every_figure(people: People, connection: Connection, token: dict[str, str]) -> None:
    fill(connection)
    answer = people(None).get("/metrics", headers=token)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    typed = [line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")]
    assert {name.removeprefix("triage_") for name in typed} == HELP.keys()


@pytest.mark.parametrize(
    "given", ["Bearer wrong", "Bearer ", "Basic an-old-token", "an-old-token", "Bearer é"]
)
def test_without_the_token_it_is_shut(people: People, token: dict[str, str], given: str) -> None:
    headers = {"authorization": given.encode()}
    for person in (people(None), people("ADMIN")):
        answer = person.get("/metrics", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "triage_metrics" in answer.text
        assert "# TYPE" not in answer.text


def test_where_no_token_was_set_nobody_gets_in(people: People, connection: Connection) -> None:
    for given in ("Bearer None", "Bearer", f"Bearer {TOKEN}"):
        assert people("ADMIN").get("/metrics", headers={"authorization": given}).status_code == 401


def test_while_the_token_changes_both_open_it(people: People, token: dict[str, str]) -> None:
    for word in (TOKEN, "a-new-token"):
        assert people(None).get("/metrics", headers={"authorization": f"bearer {word}"}).status_code == 200
    both = {"authorization": f"Bearer {TOKEN} a-new-token"}
    assert people(None).get("/metrics", headers=both).status_code == 401


def test_the_token_opens_nothing_else(people: People, connection: Connection, token: dict[str, str]) -> None:
    (first,) = waiting(connection, 1)
    prometheus = people(None)
    for address in ("/", "/rows", "/numbers", f"/c/{first}", "/incidents/", "/static/queue.js"):
        assert prometheus.get(address, headers=token).status_code in (401, 403), address
    done = prometheus.post("/act", data={"verb": "claim", "id": first}, headers=token)
    assert done.status_code in (401, 403)
    assert table(connection, "SELECT * FROM triage.audit") == []


def test_every_other_address_asks_who_is_there(people: People) -> None:
    """By the app's own list of addresses, so that one that is added unguarded is found."""
    people(None)
    from fastapi.routing import APIRoute

    from triage_airflow.page import guard
    from triage_airflow.page.app import build

    def asked(route: APIRoute) -> bool:
        return any(one.call is guard.may_read for one in route.dependant.dependencies)

    routes = [route for route in build().routes if isinstance(route, APIRoute)]
    assert len(routes) > 10
    assert [route.path for route in routes if not asked(route)] == ["/metrics"]


def test_what_is_cheap_is_new_at_every_scrape(
    people: People, connection: Connection, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where counting is slow, queue and ledger are as old as they say; leases are those of now."""
    from triage.ops import queue
    from triage_airflow.page import figures

    ids = fill(connection)
    monkeypatch.setattr(figures, "QUICK", -1.0)
    monkeypatch.setattr(figures, "SHARE", 10**9)
    prometheus = people(None)
    before = value(prometheus.get("/metrics", headers=token).text)
    queue.release(connection, ids[0], by="ana")
    queue.dismiss(connection, ids[2], by="ana", reason="spam")
    after = value(prometheus.get("/metrics", headers=token).text)
    assert after["triage_leases"] == before["triage_leases"] - 1
    for name in ("triage_ledger_queue_rows", "triage_counted_timestamp_seconds"):
        assert after[name] == before[name]


def value(text: str) -> dict[str, float]:
    """Figures by their line's beginning."""
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(number) for name, _, number in lines}
