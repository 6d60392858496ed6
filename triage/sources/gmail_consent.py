"""Google's consent for one mailbox: an OAuth client of type "Desktop app", a browser, and a loopback redirect.

One scope is asked for. gmail.modify reads mail and its history, sets labels and may watch the mailbox; sending is
part of it too (Google's own discovery document lists it under users.messages.send), so replying needs no second.
What it leaves out is deleting for ever and changing the mailbox's settings.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from google_auth_oauthlib.flow import InstalledAppFlow, WSGITimeoutError
from oauthlib.oauth2 import OAuth2Error

from triage.core.errors import ConfigError, Fatal, Retry
from triage.sources.gmail_auth import SCOPE, TOKEN_URI

AUTH_URI = "https://accounts.google.com/o/oauth2/auth"
WAIT_SECONDS = 600
NOWHERE = "http://127.0.0.1:47871/"
"""Where a browser on another machine is sent: nothing answers, and the address it shows holds the code."""

_REFUSALS = {
    "access_denied": "the consent was refused in the browser; run it again and press Continue",
    "mismatching_state": "the address is not the one that this attempt ended at; run it again and paste all of it",
}


@dataclass(frozen=True, kw_only=True)
class OAuthClient:
    """An OAuth client of a Google Cloud project."""

    client_id: str
    client_secret: str = field(repr=False)
    auth_uri: str = AUTH_URI
    token_uri: str = TOKEN_URI

    @staticmethod
    def of(text: str) -> OAuthClient:
        """From the JSON file that Google's console offers. Raises ConfigError."""
        try:
            held = json.loads(text)["installed"]
            return OAuthClient(
                client_id=held["client_id"], client_secret=held["client_secret"],
                auth_uri=held.get("auth_uri") or AUTH_URI, token_uri=held.get("token_uri") or TOKEN_URI,
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError(
                "the file is not an OAuth client of type Desktop app; in the Google Cloud console make one under "
                "Google Auth Platform, Clients, and download its JSON"
            ) from None


def consent(
    client: OAuthClient, *, hint: str, browser: bool, paste: Callable[[str], str], now: datetime
) -> Mapping[str, str]:
    """What the connection's `extra` keeps: client, refresh token, and when it ends if Google says so.

    With `browser` one is opened on this machine; else, or when there is none, `paste` shows a person the address to
    visit and gives back the one that their browser ended at. Raises Fatal or Retry with the mend.
    """
    config = {"client_id": client.client_id, "client_secret": client.client_secret,
              "auth_uri": client.auth_uri, "token_uri": client.token_uri}  # fmt: skip
    flow = InstalledAppFlow.from_client_config({"installed": config}, scopes=[SCOPE])
    local = urlsplit(client.token_uri).hostname in ("127.0.0.1", "localhost")
    flow.oauth2session.trust_env = not local
    asked = {"prompt": "consent"} | ({"login_hint": hint} if hint else {})
    with _oauthlib(local), _named():
        if browser and _has_browser():
            with contextlib.redirect_stdout(sys.stderr):  # the library prints
                flow.run_local_server(
                    host="127.0.0.1", port=0, timeout_seconds=WAIT_SECONDS,
                    authorization_prompt_message="A browser opens. If it does not, visit\n\n  {url}\n",
                    success_message="Done. You may close this window and go back to the terminal.", **asked,
                )  # fmt: skip
        else:
            flow.redirect_uri = NOWHERE
            ended = paste(flow.authorization_url(**asked)[0]).strip()
            flow.fetch_token(authorization_response=ended.replace("http://", "https://", 1))
    return _kept(client, flow.oauth2session.token, now)


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


@contextlib.contextmanager
def _oauthlib(local: bool) -> Iterator[None]:
    """oauthlib takes its settings from the environment: another scope than asked is for us to judge, and a
    stand-in on this machine has no TLS.
    """
    wanted = {"OAUTHLIB_RELAX_TOKEN_SCOPE": "1"} | ({"OAUTHLIB_INSECURE_TRANSPORT": "1"} if local else {})
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """What goes wrong on the way, as our errors."""
    try:
        yield
    except OAuth2Error as error:
        raise Fatal(
            _REFUSALS.get(error.error)
            or f"Google refuses the consent ({error.error}); check the OAuth client, then run it again"
        ) from None
    except WSGITimeoutError:
        raise Fatal(
            f"nobody answered within {WAIT_SECONDS // 60} minutes; run it again, or with --no-browser when the "
            "browser is on another machine"
        ) from None
    except requests.RequestException as error:
        raise Retry(f"Google's token endpoint cannot be reached ({type(error).__name__})") from None


def _kept(client: OAuthClient, token: Mapping[str, Any], now: datetime) -> Mapping[str, str]:
    scope = token.get("scope") or ""
    granted = scope.split() if isinstance(scope, str) else list(scope)
    if SCOPE not in granted:
        raise Fatal(f"{SCOPE} was not granted; run it again and leave its box ticked")
    if not token.get("refresh_token"):
        raise Fatal(
            "Google gave no refresh token; take the app's access away at myaccount.google.com/connections "
            "and run it again"
        )
    kept = {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "refresh_token": str(token["refresh_token"]),
        "connected_at": now.isoformat(timespec="seconds"),
    }
    if client.token_uri != TOKEN_URI:
        kept["token_uri"] = client.token_uri
    if isinstance(left := token.get("refresh_token_expires_in"), int):
        kept["refresh_token_ends"] = (now + timedelta(seconds=left)).isoformat(timespec="seconds")
    return kept
