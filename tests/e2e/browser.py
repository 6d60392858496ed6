"""Airflow's API server with our page, three users, and headless Chromium before it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from demo import airflow
from demo.postgres import free_port
from tests.builders import table
from tests.e2e.live import eventually
from tests.plugins.page_kit import connection_json
from triage.store import db

USERS = {"ana": "user", "bob": "op", "vic": "viewer"}
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
]  # fmt: skip


def chromium() -> str:
    """Where Chromium is; without it the tests fail and say how to get it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "the page is tested in a browser, and there is none: apt-get install chromium"
    return found


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running Airflow and the database behind its page."""

    url: str
    dsn: str

    @property
    def page(self) -> str:
        """The address of our page."""
        return f"{self.url}/triage/"

    def token(self, user: str) -> str:
        """What Airflow gives a user who logs in."""
        body = json.dumps({"username": user, "password": user}).encode()
        request = urllib.request.Request(f"{self.url}/auth/token", body, {"Content-Type": "application/json"})
        with _direct().open(request, timeout=30) as answer:
            return str(json.load(answer)["access_token"])

    def status(self, path: str) -> int:
        """The HTTP status that somebody who is not logged in gets."""
        try:
            with _direct().open(f"{self.url}{path}", timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def context(self, browser: Any, user: str | None, **options: Any) -> Any:
        """A browser window of its own, logged in as that user."""
        made = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options}
        )
        made.set_default_timeout(15_000)
        expect.set_options(timeout=30_000)
        if user:
            made.add_cookies([{"name": "_token", "value": self.token(user), "url": self.url}])
        return made


def _direct() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def site(home: Path, dsn: str, metadata: str) -> Iterator[Site]:
    """Start the API server alone: the page needs no scheduler."""
    port = free_port()
    passwords = home / "passwords.json"
    home.mkdir(parents=True, exist_ok=True)
    passwords.write_text(json.dumps({name: name for name in USERS}))
    env = airflow.settings(
        home, port=port, database=metadata, config=airflow.CHECKOUT / "config", connections={}
    )
    env |= {
        "AIRFLOW_CONN_TRIAGE_DB": connection_json(dsn),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{n}:{r}" for n, r in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    made = Site(url=f"http://127.0.0.1:{port}", dsn=dsn)
    log = home / "api-server.log"
    with log.open("ab") as out:
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"], env=env, stdout=out, stderr=out, check=True
        )
        server = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server"],
            env=env,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + 120
        while not _answers(made.url):
            assert server.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.3)
        yield made
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _answers(url: str) -> bool:
    try:
        with _direct().open(f"{url}/api/v2/version", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def opened(live: Site, browser: Browser, user: str, **options: Any) -> Iterator[Page]:
    """The queue before that user, its figures read; the window is closed at the end."""
    context = live.context(browser, user, **options)
    page = context.new_page()
    page.goto(live.page)
    expect(page.locator("#numbers .figures")).to_be_visible()
    yield page
    context.close()


def rows(live: Site, sql: str, *values: Any) -> list[dict[str, Any]]:
    with db.connect(live.dsn) as connection:
        return table(connection, sql, *values)


def done(live: Site, conversation: int, verb: str) -> None:
    """Wait until the audit log says that ana did it, and last."""
    sql = "SELECT verb, by FROM triage.audit WHERE conversation_id = %s ORDER BY id DESC LIMIT 1"
    eventually(lambda: rows(live, sql, conversation) == [{"verb": verb, "by": "ana"}], f"{verb} by ana", 15)


def first_of(page: Page) -> int:
    return int(page.locator(".row").first.get_attribute("data-id") or 0)
