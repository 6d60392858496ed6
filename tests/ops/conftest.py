"""A desk: a mailbox of the stand-in, a database, and a person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection

from demo.common.serving import Server
from demo.postgres import Postgres
from tests.conftest import administer
from tests.ops.crowd import Crowd
from tests.ops.desk import DELIVERY, UNANSWERED, Desk
from tests.sources.conftest import gmail_server  # noqa: F401
from tests.sources.gmail_harness import GmailHarness
from triage.store import db

KNOWN = ["unsure", "not_crisis", "product_defect", "labour", "delivery", "billing"]
"""Topics enough for tests of crises: each has a detector that takes its time."""


@pytest.fixture
def desk(connection: Connection, gmail_server: Server) -> Desk:  # noqa: F811
    """A mailbox that was collected once, when it was empty."""
    made = Desk(connection, GmailHarness(gmail_server))
    made.round()
    return made


@pytest.fixture
def one_mail(desk: Desk) -> tuple[Desk, str]:
    """One mail about a delivery, labelled, and our own labels seen in history."""
    native_id = desk.deliver("delivery is late", thread="t1")
    desk.round()
    assert desk.labels(native_id) == {UNANSWERED, DELIVERY}
    desk.round()
    assert desk.corrections() == []
    return desk, native_id


@pytest.fixture(scope="session")
def calm(postgres: Postgres, template: str) -> Iterator[str]:
    """The name of a database in which people write as they usually do, and detect has watched up to START."""
    name = "triage_calm"
    administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    with db.connect(postgres.dsn(name)) as connection:
        crowd = Crowd(connection)
        with db.transaction(connection):
            db.execute(connection, "DELETE FROM triage.topic WHERE NOT key = ANY (%s)", (KNOWN,))
        crowd.usual(every=60)
        crowd.usual(every=45, topic="delivery", account="volmera_x")
        assert crowd.detect(0).events() == []
    yield name
    administer(postgres, f"DROP DATABASE {name}")
