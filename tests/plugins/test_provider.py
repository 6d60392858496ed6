"""What Airflow learns from our entry point: connection types, their forms, their test button, the plugin."""

from __future__ import annotations

import importlib.metadata
import json
import socket
from typing import Any

import pytest

import demo.bluesky
import demo.gmail
import demo.mastodon
import demo.x
from tests.dags import sandbox

FIELDS = {
    "gmail": {"client_id", "client_secret", "refresh_token", "token_uri", "keyfile_dict", "api_endpoint"},
    "x": {
        "consumer_key",
        "consumer_secret",
        "access_token",
        "access_token_secret",
        "user_token",
        "api_endpoint",
    },
    "bluesky": {"api_endpoint"},
    "mastodon": {"api_endpoint"},
}
LOGINS = {
    "gmail": "care@volmera.example",
    "x": "@volmera",
    "bluesky": "@volmera.example",
    "mastodon": "https://mastodon.example",
}
SECRET = {
    "client_secret",
    "refresh_token",
    "keyfile_dict",
    "consumer_secret",
    "access_token",
    "access_token_secret",
    "user_token",
}


@pytest.fixture(scope="module")
def providers() -> Any:
    from airflow.providers_manager import ProvidersManager

    return ProvidersManager()


def test_what_we_declare_is_what_airflow_allows() -> None:
    from airflow.providers_manager import _create_provider_info_schema_validator

    from triage_airflow.provider import get_provider_info

    info = get_provider_info()
    assert list(_create_provider_info_schema_validator().iter_errors(info)) == []
    assert info["versions"][0] == importlib.metadata.version("inbox-triage")


def test_airflow_finds_us_by_the_installed_entry_point(providers: Any) -> None:
    assert "inbox-triage" in providers.providers


@pytest.mark.parametrize("conn_type", FIELDS)
def test_the_connection_type_has_a_hook_with_a_test_button(providers: Any, conn_type: str) -> None:
    hook = providers.hooks[conn_type]
    assert hook.package_name == "inbox-triage"
    assert hook.connection_id_attribute_name == "conn_id"
    assert hook.connection_testable


@pytest.mark.parametrize("conn_type", FIELDS)
def test_the_form_in_the_ui_has_our_fields_and_hides_the_others(conn_type: str) -> None:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    form = next(meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == conn_type)
    assert set(form.extra_fields or {}) == FIELDS[conn_type]
    fields = {name: dict(field) for name, field in (form.extra_fields or {}).items()}
    assert {name for name, field in fields.items() if field["schema"].get("format") == "password"} == (
        SECRET & FIELDS[conn_type]
    )
    assert all(field["description"] and field["schema"]["title"] for field in fields.values())
    standard = form.standard_fields
    assert standard is not None
    assert standard.login is not None
    assert standard.login.title
    assert standard.host is not None
    assert standard.host.hidden


def _refused() -> str:
    """An address of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _connection(conn_type: str, endpoint: str) -> dict[str, Any]:
    extra = {"api_endpoint": endpoint}
    if conn_type == "gmail":
        extra |= {"client_id": "id", "client_secret": "s3cret-client", "refresh_token": "s3cret-refresh",
                  "token_uri": f"{endpoint}/token"}  # fmt: skip
    return {"conn_type": conn_type, "login": LOGINS[conn_type], "password": "s3cret-token", "extra": extra}


@pytest.mark.parametrize("conn_type", FIELDS)
def test_the_button_answers_a_sentence_when_nobody_answers(
    conn_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.connection import Connection

    given = _connection(conn_type, _refused())
    made = Connection(conn_id="under_test", **{**given, "extra": json.dumps(given["extra"])})
    monkeypatch.setenv("AIRFLOW_CONN_UNDER_TEST", made.get_uri())  # as the api-server does for the button
    good, sentence = made.test_connection()
    assert good is False
    assert "could not be reached" in sentence or "did not answer" in sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert "s3cret" not in sentence


def test_the_button_says_who_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.models.connection import Connection

    with (
        demo.gmail.serve() as gmail,
        demo.x.serve() as x,
        demo.bluesky.serve() as bluesky,
        demo.mastodon.serve() as mastodon,
    ):
        bluesky.control("accounts", {"handle": "volmera.example", "password": "s3cret-token"})
        mastodon.control("accounts", {"acct": "volmera", "name": "Volmera", "token": "s3cret-token"})
        gmail.control("mailboxes", {"address": "care@volmera.example", "aliases": []})
        x.control("users", {"handle": "volmera", "name": "Volmera", "app_tokens": ["app-token"]})
        urls = {"gmail": gmail.url, "x": x.url, "bluesky": bluesky.url, "mastodon": mastodon.url}
        given = {conn_type: _connection(conn_type, url) for conn_type, url in urls.items()}
        given["gmail"]["extra"]["refresh_token"] = "refresh-care@volmera.example"
        given["gmail"]["extra"] |= {"client_id": "client-id", "client_secret": "client-secret"}
        given["x"]["password"] = "app-token"
        expected = {
            "gmail": "care@volmera.example", "x": "@volmera (Volmera)", "bluesky": "@volmera.example, did:plc:",
            "mastodon": "@volmera (Volmera)",
        }  # fmt: skip
        for conn_type, who in expected.items():
            values = {**given[conn_type], "extra": json.dumps(given[conn_type]["extra"])}
            made = Connection(conn_id="under_test", **values)
            monkeypatch.setenv("AIRFLOW_CONN_UNDER_TEST", made.get_uri())
            good, sentence = made.test_connection()
            assert good, sentence
            assert who in sentence


@pytest.mark.parametrize("conn_type", FIELDS)
def test_the_button_names_what_a_connection_without_secrets_lacks(
    conn_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.connection import Connection

    made = Connection(conn_id="under_test", conn_type=conn_type, login=_connection(conn_type, "")["login"])
    monkeypatch.setenv("AIRFLOW_CONN_UNDER_TEST", made.get_uri())
    good, sentence = made.test_connection()
    assert good is False
    assert ("refresh_token" if conn_type == "gmail" else "password") in sentence


def test_our_plugin_is_registered_and_no_plugin_of_the_folder_fails() -> None:
    from airflow import plugins_manager

    assert plugins_manager.get_import_errors() == {}
    assert "inbox_triage" in {plugin["name"] for plugin in plugins_manager.get_plugin_info()}


LOADED = """
import json, sys
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded()
plugins_manager._get_plugins()
print(json.dumps(sorted(sys.modules)))
"""


def test_airflow_loads_nothing_of_ours_under_a_bare_name() -> None:
    done = sandbox.python(LOADED)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    ours = {path.stem for path in (sandbox.PLUGINS / "triage_airflow").rglob("*.py")} - {"__init__"}
    bare = {name for name in ours & loaded if name not in {"runtime"}}
    assert "triage_plugin" in loaded
    assert bare == set()
