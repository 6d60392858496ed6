"""One Airflow with our page and one Chromium for all browser tests of a session; a fresh scene for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from demo.postgres import Postgres
from tests.conftest import administer
from tests.e2e.browser import FLAGS, Site, chromium, opened, site
from tests.e2e.scenes import fill
from triage.store import db


@pytest.fixture(scope="session")
def live(postgres: Postgres, template: str) -> Iterator[Site]:
    """Airflow's API server with the page before a database of its own."""
    home = Path(tempfile.mkdtemp(prefix="triage-page-"))
    administer(postgres, "CREATE DATABASE page_airflow", f"CREATE DATABASE page_ours TEMPLATE {template}")
    try:
        with site(home, postgres.dsn("page_ours"), postgres.dsn("page_airflow")) as running:
            yield running
    finally:
        administer(
            postgres, "DROP DATABASE page_airflow WITH (FORCE)", "DROP DATABASE page_ours WITH (FORCE)"
        )
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium. For a module: while it runs, this process can run no other event loop."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def ids(live: Site) -> list[int]:
    """The conversations of a fresh scene."""
    with db.connect(live.dsn) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE triage.conversation, triage.message, triage.unanswered_queue, triage.audit CASCADE"
            )
        return fill(connection)


@pytest.fixture
def ana(live: Site, browser: Browser, ids: list[int]) -> Iterator[Page]:
    """A responder before the queue."""
    yield from opened(live, browser, "ana")
