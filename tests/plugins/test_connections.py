"""Airflow's connections become plain credentials; what is missing is named with its mend."""

from __future__ import annotations

import json

import pytest

from triage.core.errors import ConfigError


def test_credentials_come_from_the_json_of_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    from triage_airflow.hooks import GmailHook

    extra = {
        "refresh_token": "a/b+c=%",
        "keyfile_dict": {"type": "service_account"},
        "api_endpoint": "http://127.0.0.1:1",
    }
    given = {"conn_type": "gmail", "login": "care@volmera.example", "password": "p@ss/word", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GMAIL_CARE", json.dumps(given))
    held = GmailHook("gmail_care").credentials()
    assert (held.login, held.password, held.extra) == ("care@volmera.example", "p@ss/word", extra)
    assert "p@ss/word" not in repr(held)


def test_a_form_filled_in_the_ui_survives_the_way_to_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.models.connection import Connection

    from triage_airflow.hooks import XHook

    extra = {"api_endpoint": "http://127.0.0.1:1/x?y=1&z=%20"}
    made = Connection(
        conn_id="x_form", conn_type="x", login="@volmera", password="AAA%2F=b+", extra=json.dumps(extra)
    )
    monkeypatch.setenv("AIRFLOW_CONN_X_FORM", made.get_uri())
    held = XHook("x_form").credentials()
    assert (held.login, held.password, held.extra) == ("@volmera", "AAA%2F=b+", extra)


def test_a_missing_connection_is_named_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    from triage_airflow.connections import credentials_of

    monkeypatch.delenv("AIRFLOW_CONN_GMAIL_CARE", raising=False)
    with pytest.raises(
        ConfigError,
        match=r"'gmail_care' does not exist; create it in Airflow under Admin, Connections, as type gmail",
    ):
        credentials_of("gmail_care", expected="gmail")


def test_a_connection_that_is_no_json_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from triage_airflow.connections import credentials_of

    monkeypatch.setenv("AIRFLOW_CONN_GMAIL_CARE", '{"conn_type": "gmail", ')
    with pytest.raises(ConfigError, match="mend the JSON of AIRFLOW_CONN_GMAIL_CARE"):
        credentials_of("gmail_care", expected="gmail")


def test_a_connection_of_another_type_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from triage_airflow.connections import credentials_of

    monkeypatch.setenv("AIRFLOW_CONN_GMAIL_CARE", json.dumps({"conn_type": "x", "password": "p"}))
    with pytest.raises(ConfigError, match=r"'gmail_care' is of type 'x'; make it 'gmail'"):
        credentials_of("gmail_care", expected="gmail")


@pytest.mark.parametrize("password", ["plain", "p@ss:w/rd%?#", "mot de passe é"])
def test_the_database_address_keeps_every_character(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from psycopg2.extensions import parse_dsn

    from triage_airflow.connections import database_dsn

    given = {"conn_type": "postgres", "host": "db.example", "port": 5433, "schema": "triage", "login": "u@x",
             "password": password, "extra": {"sslmode": "require"}}  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_TRIAGE_DB", json.dumps(given))
    found = parse_dsn(database_dsn())
    assert found == {
        "host": "db.example", "port": "5433", "dbname": "triage", "user": "u@x", "password": password,
        "sslmode": "require",
    }  # fmt: skip


def test_errors_say_what_airflow_shall_do() -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from triage.core.errors import Fatal, Retry
    from triage_airflow.runtime import task_errors

    for error in (Fatal("token revoked"), ConfigError("triage.yaml:3: wrong")):
        with pytest.raises(AirflowFailException, match=str(error)), task_errors():
            raise error
    with pytest.raises(AirflowException, match="busy") as caught, task_errors():
        raise Retry("busy")
    assert not isinstance(caught.value, AirflowFailException)
