"""A desk: a mailbox of the stand-in, a database, and a person."""

from __future__ import annotations

import pytest
from psycopg2.extensions import connection as Connection

from demo.common.serving import Server
from tests.ops.desk import DELIVERY, UNANSWERED, Desk
from tests.sources.conftest import gmail_server  # noqa: F401
from tests.sources.gmail_harness import GmailHarness


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
