"""Registers our connection types, one per source, with Airflow (entry point apache_airflow_provider)."""

from __future__ import annotations

from typing import Any


def _field(label: str, description: str, *, secret: bool = False, multiline: bool = False) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if secret or multiline:
        schema["format"] = "password" if secret else "multiline"
    return {"label": label, "description": description, "schema": schema}


_ENDPOINT = _field("API endpoint", "Leave empty for the real service; another address for tests and the demo")

_GMAIL = {
    "connection-type": "gmail",
    "hook-class-name": "triage_airflow.hooks.GmailHook",
    "hook-name": "Gmail (inbox-triage)",
    "conn-fields": {
        "client_id": _field("OAuth client id", "From the Google Cloud console, for an installed app"),
        "client_secret": _field("OAuth client secret", "Belongs to the client id", secret=True),
        "refresh_token": _field(
            "Refresh token", "What the consent screen gave, scope gmail.modify", secret=True
        ),
        "token_uri": _field("Token URI", "Leave empty for Google's own"),
        "keyfile_dict": _field(
            "Service account key (JSON)", "Instead of OAuth: a key with domain-wide delegation", secret=True
        ),
        "api_endpoint": _ENDPOINT,
    },
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port", "host", "password", "extra"],
        "relabeling": {"login": "Mailbox address"},
        "placeholders": {"login": "care@example.com"},
    },
}


_X_WRITING = {
    "consumer_key": _field("Consumer key", "To reply from here: API key of the app, with read and write permission"),
    "consumer_secret": _field("Consumer secret", "Belongs to the consumer key", secret=True),
    "access_token": _field("Access token", "Of the account itself, made for this app", secret=True),
    "access_token_secret": _field("Access token secret", "Belongs to the access token", secret=True),
    "user_token": _field("User token (OAuth 2.0)", "Instead of the four keys; ends after two hours", secret=True),
}  # fmt: skip


def _social(
    source: str, name: str, *, login: str, secret: str, example: str, fields: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The form of a social network: who we are there, one secret, and what else it takes."""
    return {
        "connection-type": source,
        "hook-class-name": f"triage_airflow.hooks.{name}Hook",
        "hook-name": f"{name} (inbox-triage)",
        "conn-fields": {**(fields or {}), "api_endpoint": _ENDPOINT},
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port", "host", "extra"],
            "relabeling": {"login": login, "password": secret},
            "placeholders": {"login": example},
        },
    }


_SOCIAL = [
    _social("x", "X", login="Handle", secret="Bearer token", example="@brand", fields=_X_WRITING),
    _social("bluesky", "Bluesky", login="Handle", secret="App password", example="@brand.bsky.social"),
    _social(
        "mastodon",
        "Mastodon",
        login="Server address",
        secret="Access token",
        example="https://mastodon.example",
    ),
]


def get_provider_info() -> dict[str, Any]:
    """Airflow's provider manager calls this; see its provider_info schema."""
    return {
        "package-name": "inbox-triage",
        "name": "inbox-triage",
        "description": "Collects messages, classifies them by crisis topic, keeps the unanswered queue.",
        "versions": ["0.1.0"],
        "connection-types": [_GMAIL, *_SOCIAL],
    }
