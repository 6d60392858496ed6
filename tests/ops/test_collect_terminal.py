"""`triage collect` does by hand what a DAG run does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import one, shipped_topics
from tests.ops.outbox import Outbox
from tests.ops.services import Services, serving
from triage import cli


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as running:
        yield running


@pytest.mark.parametrize(("read", "counts"), [("mentions", True), ("all", False)])
def test_an_account_of_mentions_counts_what_it_does_not_read(
    read: str, counts: bool, services: Services, connection: Connection, dsn: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    box = Outbox(connection, services, shipped_topics(), "x")
    box.yaml["accounts"][0] |= {"track": ["#Volmera"], "read": read}
    for name, value in box.environment(tmp_path, dsn).items():
        monkeypatch.setenv(name, value)
    box.ask()
    before = one(connection, "SELECT count(*) AS n FROM triage.volume")
    assert cli.main(["collect", "x"]) == 0
    assert ("minutes counted, not read" in capsys.readouterr().out) is counts
    assert (one(connection, "SELECT count(*) AS n FROM triage.volume") > before) is counts
