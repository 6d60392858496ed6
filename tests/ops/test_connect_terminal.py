"""`triage connect` for a person at a terminal: what is asked, and what is not shown."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from mastodon_mock.app import create_app, dispose_app_resources
from mastodon_mock.config import MastodonMockConfig, SeedAccount, SeedConfig

from demo.common.serving import Server
from tests.builders import ROOT
from tests.ops.services import CARE, Services, desk_at, service_account, serving, triage_yaml


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration; no Airflow."""
    (tmp_path / "triage.yaml").write_text(triage_yaml(care="gmail"))
    return desk_at(tmp_path, monkeypatch)


class Terminal:
    """A command on a terminal of its own, and what it shows."""

    def __init__(self, *arguments: str) -> None:
        self.shown = ""
        self._read_from = 0
        child, self._fd = pty.fork()
        if child == 0:
            os.chdir(ROOT)
            os.execv(sys.executable, [sys.executable, "-m", "triage.cli", "connect", *arguments])
        self._child = child

    def read(self, until: str) -> str:
        """What is shown from the last answer on until some words."""
        end = time.monotonic() + 30
        while until not in self.shown[self._read_from :]:
            if time.monotonic() > end:
                raise AssertionError(f"{until!r} was not shown: {self.shown}")
            if not select.select([self._fd], [], [], 1)[0]:
                continue
            try:
                self.shown += os.read(self._fd, 65536).decode()
            except OSError:
                raise AssertionError(f"it ended before {until!r}: {self.shown}") from None
        return self.shown[self._read_from :]

    def type(self, text: str) -> None:
        self._read_from = len(self.shown)
        os.write(self._fd, f"{text}\n".encode())

    def status(self) -> int:
        """The exit status, once it has ended."""
        try:
            while chunk := os.read(self._fd, 65536):
                self.shown += chunk.decode()
        except OSError:
            pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])


def test_a_person_at_a_terminal_is_asked_and_the_secret_is_not_shown(services: Services, desk: Path) -> None:
    path = desk / "connections.json"
    path.write_text(json.dumps({"x_brand": {"conn_type": "x"}}))
    terminal = Terminal("x", "--api-endpoint", services.x.url, "--file", str(path))
    terminal.read("Handle: ")
    terminal.type("volmera")
    terminal.read("Bearer token, not shown: ")
    terminal.type("s3cret-x")
    terminal.read("Name of the account in triage.yaml [volmera]: ")
    terminal.type("brand")
    terminal.read("Overwrite it? y or n [n]: ")
    terminal.type("y")
    assert terminal.status() == 0
    assert "@volmera (Volmera)" in terminal.shown
    assert "s3cret" not in terminal.shown
    assert json.loads(path.read_text())["x_brand"]["password"] == "s3cret-x"


def test_a_person_chooses_between_the_two_ways_into_gmail(services: Services, desk: Path) -> None:
    key, public = service_account(f"{services.gmail.url}/token")
    account = {"email": key["client_email"], "public_key": public, "scopes": ["gmail.modify"]}
    services.gmail.control("service_accounts", account)
    (desk / "key.json").write_text(json.dumps(key))
    terminal = Terminal("gmail", "care", "--api-endpoint", services.gmail.url, "--print-env")
    terminal.read("1 or 2 [1]: ")
    terminal.type("2")
    terminal.read("Its key (JSON file): ")
    terminal.type("~/key.json")
    terminal.read("Mailbox to act for: ")
    terminal.type(CARE)
    assert terminal.status() == 0, terminal.shown
    assert "export AIRFLOW_CONN_GMAIL_CARE=" in terminal.shown
    assert "Account care in triage.yaml uses it already" in terminal.shown


@pytest.fixture(scope="module")
def mock() -> Iterator[Server]:
    """`mastodon_mock`: a server that others wrote."""
    seed = SeedConfig(accounts=[SeedAccount(username="volmera", access_token="unused")])
    config = MastodonMockConfig(domain="mock.example", seed=seed)
    app = create_app(config)
    with Server(app, on_stop=lambda: dispose_app_resources(app)) as running:
        yield running


@pytest.mark.parametrize("replies", [False, True], ids=["reading", "replying"])
def test_mastodon_makes_an_application_and_takes_the_code(mock: Server, desk: Path, replies: bool) -> None:
    asked = ["--replies"] if replies else []
    terminal = Terminal(
        "mastodon", "fedi", "--server", mock.url, "--file", str(desk / "connections.json"), *asked
    )
    terminal.read("have an application made), not shown: ")
    terminal.type("")
    shown = terminal.read("The code it shows: ")
    url = next(line.strip() for line in shown.splitlines() if "/oauth/authorize" in line)
    page = requests.get(url, timeout=10).text
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page)) | {"username": "volmera"}
    answer = requests.post(f"{mock.url}/oauth/authorize", data=form, timeout=10).text
    terminal.type(re.findall(r"code: ([^<]+)<", answer)[0])
    assert terminal.status() == 0, terminal.shown
    scopes = "read:accounts read:notifications read:statuses" + " write:statuses" * replies
    assert parse_qs(urlsplit(url).query)["scope"] == [scopes]
    for right in ("read:notifications", "read:statuses"):
        assert re.search(rf"✓\S*\s+{right}", re.sub(r"\x1b\[[0-9;]*m", "", terminal.shown))
    held = json.loads((desk / "connections.json").read_text())["mastodon_fedi"]
    assert held["login"] == mock.url
    assert held["password"]
