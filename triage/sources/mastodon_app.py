"""An application of our own at a Mastodon server, and the access token that a person lets it have."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from triage.core.errors import Fatal
from triage.sources.base import utc_now
from triage.sources.json_http import JsonClient, Refused

SCOPES = "read:accounts read:notifications read:statuses"
"""Who we are; mentions and quotes of us; hashtags, our own posts and what is above a post. Nothing is written."""

WRITING = "write:statuses"
"""Posting, for those who reply from here."""

SHOWN = "urn:ietf:wg:oauth:2.0:oob"
"""The redirect that makes the server show the code, for a person to copy."""


@dataclass(frozen=True, kw_only=True)
class App:
    """An application at one server, and what it asks for. `address` is where a person lets it in."""

    client_id: str
    scopes: str
    client_secret: str = field(repr=False)
    address: str


def register(server: str, extra: Mapping[str, Any], *, replies: bool = False) -> App:
    """Make an application, one that may post if `replies`. Raises Fatal or Retry."""
    scopes = f"{SCOPES} {WRITING}" if replies else SCOPES
    body = {"client_name": "inbox-triage", "redirect_uris": SHOWN, "scopes": scopes}
    made = _post(server, extra, "/api/v1/apps", body)
    client_id, secret = made.get("client_id"), made.get("client_secret")
    if not (isinstance(client_id, str) and isinstance(secret, str)):
        raise Fatal(f"{server} answered something that is not an application; is it a Mastodon server?")
    query = {"response_type": "code", "client_id": client_id, "redirect_uri": SHOWN, "scope": scopes}
    base = str(extra.get("api_endpoint") or server).rstrip("/")
    return App(
        client_id=client_id,
        client_secret=secret,
        scopes=scopes,
        address=f"{base}/oauth/authorize?{urlencode(query)}",
    )


def token_for(server: str, extra: Mapping[str, Any], app: App, code: str) -> str:
    """The access token for the code that the server showed. Raises Fatal or Retry."""
    body = {"grant_type": "authorization_code", "client_id": app.client_id, "client_secret": app.client_secret,
            "redirect_uri": SHOWN, "scope": app.scopes, "code": code.strip()}  # fmt: skip
    token = _post(server, extra, "/oauth/token", body).get("access_token")
    if not isinstance(token, str):
        raise Fatal(f"{server} gave no access token; run it again and copy the whole code")
    return token


def _post(server: str, extra: Mapping[str, Any], path: str, body: Mapping[str, str]) -> Mapping[str, Any]:
    client = JsonClient("Mastodon", server, server, extra, now=utc_now, sleep=time.sleep)
    try:
        found = client.ask("POST", path, name="connect", body=body).body
    except Refused as refusal:
        raise Fatal(
            f"{server} refuses ({refusal}); check the server's address, then run it again and copy the whole code"
        ) from refusal
    return found if isinstance(found, dict) else {}
