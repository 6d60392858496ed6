"""`triage connect`: each way in leads to a connection that opens the account, and secrets stay out of sight."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.builders import ROOT
from tests.ops.services import CARE, Services, desk_at, service_account, serving, triage_yaml
from triage import cli
from triage.config import load
from triage.core.errors import Fatal
from triage.ops.connections import find
from triage.ops.sources import build
from triage.sources.base import SourceSettings, utc_now
from triage.sources.gmail_auth import SCOPE
from triage.sources.gmail_consent import OAuthClient, consent

SECRET = "s3cret-client"


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and the secrets in files; no Airflow."""
    desk_at(tmp_path, monkeypatch)
    (tmp_path / "triage.yaml").write_text(triage_yaml(care="gmail"))
    for name in ("client", "x", "bluesky", "mastodon"):
        (tmp_path / name).write_text(f"s3cret-{name}\n")
    return tmp_path


def person(services: Services, **how: Any) -> OAuthClient:
    """An OAuth client, and the person who is asked for consent."""
    given = {"client_id": "cid", "client_secret": SECRET, "mailbox": CARE, **how}
    services.gmail.control("oauth", given)
    url = services.gmail.url
    return OAuthClient(
        client_id="cid", client_secret=SECRET, auth_uri=f"{url}/o/oauth2/auth", token_uri=f"{url}/token"
    )


def click(url: str) -> str:
    """Where the browser ends."""
    answer = requests.get(url, allow_redirects=False, timeout=10)
    return answer.headers.get("location", answer.text)


def connected(run: Callable[..., Any], *arguments: str) -> dict[str, Any]:
    """The JSON of the printed variable, after a good end."""
    done = run(*arguments, "--print-env")
    assert done.returncode == 0, done.stderr
    name, _, value = shlex.split(done.stdout)[1].partition("=")
    os.environ[name] = value
    return {"name": name, **json.loads(value)}


def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """`triage connect` as a process of its own."""
    environment = os.environ | more.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "triage.cli", "connect", *arguments],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, **more,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _variables() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def who(conn_id: str, source: str) -> str:
    """Whom the connection opens, by the way that collecting goes."""
    settings = SourceSettings(account="care", prices={"getProfile": 1})
    return str(build(source, settings, find(conn_id, source).credentials).whoami())


BROWSER = """
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=20).read()
"""


def test_gmail_by_a_browser_on_this_machine(services: Services, desk: Path) -> None:
    """The whole installed-app flow: address, consent, loopback redirect, code, tokens, a mailbox that opens."""
    person(services, testing_seconds=604_800)
    (desk / "browser.py").write_text(BROWSER)
    browser = f"{sys.executable} {desk / 'browser.py'} %s &"
    arguments = ["gmail", "care", "--client-id", "cid", "--secret-file", str(desk / "client"), "--api-endpoint",
                 services.gmail.url]  # fmt: skip
    made = connected(lambda *a: run(*a, env={"BROWSER": browser}), *arguments)
    assert made["name"] == "AIRFLOW_CONN_GMAIL_CARE"
    assert (made["conn_type"], made["login"]) == ("gmail", CARE)
    assert made["extra"].keys() == {
        "client_id", "client_secret", "refresh_token", "token_uri", "api_endpoint", "connected_at",
        "refresh_token_ends",
    }  # fmt: skip
    assert who("gmail_care", "gmail") == f"{CARE}, 0 messages"


def test_gmail_by_a_browser_elsewhere(services: Services) -> None:
    seen: list[str] = []

    def paste(url: str) -> str:
        seen.append(url)
        return click(url)

    kept = consent(person(services), hint=CARE, browser=False, paste=paste, now=utc_now())
    asked = {name: values[-1] for name, values in parse_qs(urlsplit(seen[0]).query).items()}
    assert asked["scope"] == SCOPE
    assert (asked["access_type"], asked["prompt"], asked["login_hint"]) == ("offline", "consent", CARE)
    assert asked["code_challenge_method"] == "S256"
    assert kept["refresh_token"].startswith("1//")
    assert "refresh_token_ends" not in kept


def test_the_browser_elsewhere_in_a_terminal(services: Services, desk: Path) -> None:
    """The same through the command: the address on standard error, the answer on standard input."""
    person(services)
    process = subprocess.Popen(
        [sys.executable, "-m", "triage.cli", "connect", "gmail", "care", "--client-id", "cid", "--secret-file",
         str(desk / "client"), "--api-endpoint", services.gmail.url, "--no-browser", "--print-env"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    url = next(line.strip() for line in process.stderr if line.strip().startswith("http://"))
    out, _ = process.communicate(click(url) + "\n", timeout=60)
    assert process.returncode == 0
    assert out.startswith("export AIRFLOW_CONN_GMAIL_CARE=")


@pytest.mark.parametrize(
    ("how", "pasted", "sentence"),
    [
        ({"denies": True}, click, "consent was refused"),
        ({"grants": ["gmail.readonly"]}, click, "was not granted"),
        ({}, lambda url: click(url).replace("state=", "state=x"), "not the one that this attempt ended at"),
        ({}, lambda url: "http://127.0.0.1:1/", "not the one that this attempt ended at"),
        ({}, lambda url: click(url).replace("code=", "code=x"), "refuses the consent (invalid_grant)"),
        ({"client_secret": "another"}, click, "refuses the consent (invalid_client)"),
    ],
    ids=["denied", "box unticked", "old address", "no code", "cut code", "wrong secret"],
)
def test_a_consent_that_goes_wrong_says_what_to_do(
    services: Services, how: dict[str, Any], pasted: Callable[[str], str], sentence: str
) -> None:
    client = person(services, **how)
    with pytest.raises(Fatal, match=re.escape(sentence)) as caught:
        consent(client, hint="", browser=False, paste=pasted, now=utc_now())
    assert "run it again" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_gmail_by_a_service_account(
    services: Services, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, public = service_account(f"{services.gmail.url}/token")
    (desk / "key.json").write_text(json.dumps(key))
    account = {"email": key["client_email"], "public_key": public, "scopes": ["gmail.readonly"]}
    arguments = ["connect", "gmail", "care", "--key-file", str(desk / "key.json"), "--address", CARE, "--api-endpoint",
                 services.gmail.url, "--print-env"]  # fmt: skip
    services.gmail.control("service_accounts", account)
    assert cli.main(arguments) == 1
    refused = capsys.readouterr()
    assert "Domain-wide delegation" in refused.err
    assert refused.out == ""
    services.gmail.control("service_accounts", {**account, "scopes": ["gmail.modify"]})
    assert cli.main(arguments) == 0
    shown = capsys.readouterr()
    assert f"1234567890 must have the scope {SCOPE}" in shown.err
    name, _, value = shlex.split(shown.out)[1].partition("=")
    os.environ[name] = value
    assert who("gmail_care", "gmail") == f"{CARE}, 0 messages"


SOCIAL = {
    "x": ["--handle", "volmera"],
    "bluesky": ["--handle", "@volmera.example"],
    "mastodon": ["--server", "mastodon.example"],
}


@pytest.mark.parametrize("source", SOCIAL)
def test_a_social_account_without_a_question(
    services: Services, desk: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = getattr(services, source).url
    arguments = [
        "connect",
        source,
        *SOCIAL[source],
        "--secret-file",
        str(desk / source),
        "--api-endpoint",
        endpoint,
    ]
    assert cli.main([*arguments, "--file", str(desk / "connections.json")]) == 0
    shown = capsys.readouterr()
    assert f"s3cret-{source}" not in shown.out + shown.err
    lines = shown.err.split("triage.yaml, then run")[1]
    assert f"source: {source}" in lines
    assert {
        "x": '["@volmera"]',
        "bluesky": '["@volmera.example"]',
        "mastodon": '["@volmera@mastodon.example"]',
    }[source] in lines
    held = json.loads((desk / "connections.json").read_text())
    ((conn_id, value),) = held.items()
    os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(value)
    assert "volmera" in who(conn_id, source)


def test_the_keys_to_write_with_are_kept_and_wrong_ones_refused(
    services: Services, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {
        "consumer_key": "ck",
        "consumer_secret": "cs",
        "access_token": "1-at",
        "access_token_secret": "ats",
    }
    arguments = [
        "connect",
        "x",
        "--handle",
        "@volmera",
        "--secret-file",
        str(desk / "x"),
        "--api-endpoint",
        services.x.url,
    ]
    arguments += ["--write-keys", str(desk / "keys.json"), "--file", str(desk / "connections.json")]
    for wrong in (
        "nothing",
        "[]",
        json.dumps({**keys, "access_token": ""}),
        json.dumps({"consumer_key": "ck"}),
    ):
        (desk / "keys.json").write_text(wrong)
        assert cli.main(arguments) == 2
        assert "the file does not hold consumer_key" in capsys.readouterr().err
    (desk / "keys.json").write_text(json.dumps(keys))
    assert cli.main(arguments) == 0
    (value,) = json.loads((desk / "connections.json").read_text()).values()
    assert keys.items() <= json.loads(value["extra"]).items()


def test_the_lines_for_the_configuration_can_be_used_as_they_are(
    services: Services, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["connect", "x", "brand", "--handle", "volmera", "--secret-file", str(desk / "x"), "--api-endpoint",
                 services.x.url, "--print-env"]  # fmt: skip
    assert cli.main(arguments) == 0
    lines = capsys.readouterr().err.split("doctor brand`:\n\n")[1]
    (desk / "triage.yaml").write_text(f"version: 1\naccounts:\n{lines}")
    (account,) = load(desk).triage.accounts
    assert (account.name, account.connection, account.addresses) == ("brand", "x_brand", ("@volmera",))


def test_the_file_is_ours_alone_and_keeps_what_is_in_it(services: Services, desk: Path) -> None:
    path = desk / "connections.json"
    path.write_text(json.dumps({"other": {"conn_type": "x"}}))
    path.chmod(0o644)
    arguments = ["connect", "x", "brand", "--handle", "volmera", "--secret-env", "TOKEN", "--api-endpoint",
                 services.x.url, "--file", str(path)]  # fmt: skip
    os.environ["TOKEN"] = "s3cret-x"
    assert cli.main(arguments) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()).keys() == {"other", "x_brand"}
    assert [p.name for p in desk.iterdir() if "connections" in p.name] == ["connections.json"]


def test_a_connection_that_exists_is_overwritten_only_on_purpose(
    services: Services, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = desk / "connections.json"
    path.write_text(before := json.dumps({"x_brand": {"conn_type": "x", "password": "old"}}))
    arguments = ["connect", "x", "brand", "--handle", "volmera", "--secret-file", str(desk / "x"), "--api-endpoint",
                 services.x.url, "--file", str(path)]  # fmt: skip
    assert cli.main(arguments) == 1
    assert "--replace overwrites it" in capsys.readouterr().err
    assert path.read_text() == before
    assert cli.main([*arguments, "--replace"]) == 0
    assert json.loads(path.read_text())["x_brand"]["password"] == "s3cret-x"


def test_what_does_not_work_is_not_stored(
    services: Services, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "x").write_text("wrong")
    arguments = ["connect", "x", "brand", "--handle", "volmera", "--secret-file", str(desk / "x"), "--api-endpoint",
                 services.x.url, "--file", str(desk / "connections.json")]  # fmt: skip
    assert cli.main(arguments) == 1
    assert "refuses the bearer token" in capsys.readouterr().err
    assert not (desk / "connections.json").exists()


def test_another_mailbox_than_the_account_has_is_not_stored(
    services: Services, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The browser was logged in as somebody else: the commonest mishap of all."""
    services.gmail.control("mailboxes", {"address": "me@home.example"})
    person(services, mailbox="me@home.example")
    (desk / "browser.py").write_text(BROWSER)
    done = run("gmail", "care", "--client-id", "cid", "--secret-file", str(desk / "client"), "--api-endpoint",
               services.gmail.url, "--print-env",
               env={"BROWSER": f"{sys.executable} {desk / 'browser.py'} %s &"})  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert "opens me@home.example" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gmail"], "give --client-secrets or --key-file"),
        (["gmail", "--key-file", "{desk}/client"], "not a service account's key"),
        (["gmail", "--client-secrets", "{desk}/client"], "not an OAuth client of type Desktop app"),
        (["gmail", "--client-secrets", "{desk}/nothing"], "cannot be read"),
        (["gmail", "--client-id", "cid"], "give --secret-file or --secret-env"),
        (["x"], "give --handle"),
        (["x", "--handle", "a b c", "--secret-env", "NONE"], "NONE is not set"),
        (["bluesky", "--handle", "@volmera.example"], "give --secret-file or --secret-env"),
        (["mastodon"], "give --server"),
        (["x", "care"], "is one of gmail; choose another name"),
    ],
)
def test_without_a_terminal_each_question_names_its_option(
    desk: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["connect", *(a.format(desk=desk) for a in arguments), "--print-env"]) == 2
    assert sentence in capsys.readouterr().err


def test_without_airflow_it_says_first_where_else_to_store(
    services: Services, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["connect", "x", "brand", "--handle", "volmera", "--secret-file", str(desk / "x"), "--api-endpoint",
                 services.x.url]  # fmt: skip
    assert cli.main(arguments) == 1
    shown = capsys.readouterr().err
    assert "use --print-env or --file PATH" in shown
    assert "Trying it" not in shown
