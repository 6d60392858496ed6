"""Bluesky and Mastodon all the way into the queue: asked, answered there, asked again, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

import demo.bluesky
import demo.mastodon
from demo.common.serving import Server
from tests.builders import ROOT, one, table
from tests.sources import bluesky_world, mastodon_world
from triage import config
from triage.ops import care
from triage.ops.collect import collect
from triage.ops.report import Report
from triage.ops.sources import for_account
from triage.sources.base import Credentials

NAMES = ("bluesky", "mastodon")


@pytest.fixture(scope="module", params=NAMES)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, Server]]:
    with {"bluesky": demo.bluesky, "mastodon": demo.mastodon}[request.param].serve() as running:
        yield request.param, running


class Brand:
    """Our account at one of them, collected as a DAG run does: a new source each time."""

    def __init__(self, served: tuple[str, Server], connection: Connection) -> None:
        name, server = served
        self.connection = connection
        self.world: Any = (bluesky_world if name == "bluesky" else mastodon_world).World(server)
        self.us = bluesky_world.US if name == "bluesky" else "volmera"
        secret = bluesky_world.PASSWORD if name == "bluesky" else mastodon_world.TOKEN
        login = bluesky_world.US if name == "bluesky" else "https://mastodon.example"
        self.credentials = Credentials(login=login, password=secret, extra={"api_endpoint": server.url})
        given = {
            "name": "brand",
            "source": name,
            "connection": "c",
            "addresses": [self.us],
            "track": ["#Volmera"],
        }
        self.account = config.Account.model_validate(given)
        self.settings = config.load(ROOT / "config")

    def run(self) -> Report:
        source = for_account(self.connection, self.account, self.settings, self.credentials)
        quota = self.settings.triage.quota[self.account.source]
        report = collect(self.connection, source, "brand", units_per_minute=quota.units_per_minute)
        assert care.audit(self.connection).balanced
        return report

    def waiting(self) -> list[str]:
        rows = table(self.connection, "SELECT excerpt FROM triage.unanswered_queue ORDER BY waiting_since")
        return [row["excerpt"] for row in rows]


@pytest.fixture
def brand(served: tuple[str, Server], connection: Connection) -> Brand:
    return Brand(served, connection)


def test_a_reply_written_there_closes_its_author_only_and_a_new_word_opens_again(brand: Brand) -> None:
    world, us = brand.world, brand.us
    root = world.post(us, "A new mixer!")
    ada = world.post("ada", f"@{us} ada waits #Volmera", reply_to=root)
    world.post("bob", f"@{us} bob waits", reply_to=root)
    first = brand.run()
    assert (first.kept, first.skipped) == (3, 0)
    assert len(brand.waiting()) == 2
    answer = world.post(us, "Sorry, Ada!", reply_to=ada)
    brand.run()
    assert [excerpt for excerpt in brand.waiting() if "ada" in excerpt] == []
    assert len(brand.waiting()) == 1
    world.post("ada", f"@{us} ada still waits", reply_to=answer)
    brand.run()
    assert len(brand.waiting()) == 2
    again = brand.run()
    assert (again.read, again.kept, again.changed) == (0, 0, False)


def test_what_its_author_deleted_waits_no_longer(brand: Brand) -> None:
    lost = brand.world.post("ada", f"@{brand.us} never mind")
    brand.run()
    assert len(brand.waiting()) == 1
    brand.world.server.control("delete", {"id": lost})
    brand.run()
    assert brand.waiting() == []
    assert one(brand.connection, "SELECT count(*) AS n FROM triage.message WHERE deleted_at IS NOT NULL") == 1
