"""What only Gmail can tell about a mailbox: who it is, what the token may do, and how long it will live.

Scopes are read from the token endpoint's answer, which names them for OAuth clients. For service accounts it does
not, so the right to label is tried as well: by changing a message that cannot exist. Google checks the scope
first, so 404 says that the right is there and 403 that it is not; nothing in the mailbox changes.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import google.auth.exceptions
import google.auth.transport
import google.auth.transport.requests
import requests

from triage.core.errors import TriageError
from triage.core.finding import Checkup, Finding, bad, ok, refused, warn
from triage.sources.base import Credentials, Now, SourceSettings, utc_now
from triage.sources.checkup import clock
from triage.sources.gmail_auth import SCOPE, load_credentials
from triage.sources.gmail_http import GmailClient, Missing, Refused
from triage.sources.json_http import moment

EVERYTHING = "https://mail.google.com/"
NO_MESSAGE = "0000000000000000"
MANY_LABELS = 400
"""Gmail grows slow from 500 labels on (FACTS: keep well under)."""

_AGAIN = "run `triage connect gmail {account} --replace`"
_PUBLISH = (
    "publish the app (Google Cloud console, Google Auth Platform, Audience, Publish app), then "
    "run `triage connect gmail {account} --replace`"
)


def checkup(settings: SourceSettings, credentials: Credentials, *, now: Now = utc_now) -> Checkup:
    """All findings about one mailbox; about 12 units. Nothing is raised."""
    found: list[Finding] = []
    try:
        told = _token_answer(credentials, settings.account)
    except _TokenRefused as refusal:
        return Checkup(findings=(bad("auth", *refusal.args),))
    except TriageError as error:
        return Checkup(findings=(refused("auth", error),))
    client = GmailClient(credentials, account=settings.account, prices=settings.prices)
    try:
        found += _profile(client, settings, credentials, now)
    except TriageError as error:
        found.append(refused("auth", error))
    else:
        found += _labels(client)
    found += _scopes(told, settings.account)
    found.append(_lifetime(told, credentials, settings.account, now()))
    return Checkup(findings=tuple(found), units=client.take_units())


class _TokenRefused(Exception):
    """What the token endpoint says no to, and the mend."""


class _Recorder(google.auth.transport.Request):
    """google-auth's own transport, which keeps the last answer: the library drops most of it."""

    def __init__(self, *, trust_env: bool) -> None:
        session = requests.Session()
        session.trust_env = trust_env
        self._inner = google.auth.transport.requests.Request(session)
        self.answer: dict[str, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        response = self._inner(*args, **kwargs)
        try:
            said = json.loads(response.data)
        except ValueError:
            said = {}
        self.answer = said if isinstance(said, dict) else {}
        return response


def _token_answer(credentials: Credentials, account: str) -> Mapping[str, Any] | None:
    """The token endpoint's answer; None for a fixed access token, which cannot be renewed."""
    loaded = load_credentials(credentials)
    if not (credentials.extra.get("refresh_token") or credentials.extra.get("keyfile_dict")):
        return None
    recorder = _Recorder(trust_env=not credentials.extra.get("api_endpoint"))
    try:
        loaded.refresh(recorder)
    except google.auth.exceptions.TransportError as error:
        raise _TokenRefused(
            f"Google's token endpoint could not be reached ({type(error).__name__})",
            "look at the network, then try again",
        ) from None
    except google.auth.exceptions.RefreshError as error:
        if error.retryable:
            raise _TokenRefused(
                "Google's token endpoint is out of order", "nothing, if it is gone in an hour"
            ) from None
        raise _TokenRefused(*_why(recorder.answer, credentials, account)) from None
    return recorder.answer


def _why(answer: Mapping[str, Any], held: Credentials, account: str) -> tuple[str, str]:
    """Google's word for a refusal as a sentence and a mend; never its free text with a secret in it."""
    word, again = str(answer.get("error") or ""), _AGAIN.format(account=account)
    if held.extra.get("keyfile_dict") and not held.extra.get("refresh_token"):
        if word == "unauthorized_client":
            return (
                "the service account may not act for mailboxes (unauthorized_client)",
                "in the Workspace admin console (Security, API controls, Domain-wide delegation) give its client id "
                f"the scope {SCOPE}",
            )
        return (
            f"Google refuses the service account's assertion for {held.login or 'no mailbox'} ({word or 'no reason'})",
            "check the mailbox address, that the key still exists, and this machine's clock",
        )
    if word == "invalid_grant":
        return (
            "the refresh token has expired or was revoked (an app in Testing loses it after 7 days)",
            _PUBLISH.format(account=account),
        )
    if word in ("invalid_client", "unauthorized_client"):
        return f"Google does not know the OAuth client, or its secret is another ({word})", again
    if not answer:
        return "the connection lacks client_id or client_secret, or Google's answer is unreadable", again
    return f"Google refuses to renew the access token ({word or 'no reason'})", again


def _profile(client: GmailClient, settings: SourceSettings, held: Credentials, now: Now) -> list[Finding]:
    headers: dict[str, str] = {}
    request = client.users.getProfile(userId="me", fields="emailAddress,messagesTotal")
    request.add_response_callback(headers.update)
    profile = client.call("getProfile", request)
    address = str(profile["emailAddress"])
    found = [
        ok("auth", f"{address}, {profile['messagesTotal']} messages"),
        *clock("Google", headers.get("date"), now()),
    ]
    ours = [a.lower() for a in (*settings.addresses, held.login) if a]
    if ours and address.lower() not in ours:
        found.append(
            warn(
                "addresses",
                f"the connection opens {address}, which is not among the account's addresses",
                f"add {address} to `addresses` in triage.yaml, or connect the right mailbox",
            )
        )
    return found


def _scopes(told: Mapping[str, Any] | None, account: str) -> tuple[Finding, ...]:
    granted = str((told or {}).get("scope") or "").split()
    if not granted:
        return ()
    names = ", ".join(scope.removeprefix("https://www.googleapis.com/auth/") for scope in granted)
    again = _AGAIN.format(account=account)
    if EVERYTHING in granted:
        return (
            warn(
                "scopes", f"{names}: the token may even delete mail for ever, which nothing here does", again
            ),
        )
    if SCOPE not in granted:
        return (bad("scopes", f"{names}: gmail.modify is missing", f"{again} and leave its box ticked"),)
    return (ok("scopes", names),)


def _labels(client: GmailClient) -> tuple[Finding, ...]:
    body = {"addLabelIds": ["UNREAD"]}
    try:
        answer = client.call("labels.list", client.users.labels().list(userId="me", fields="labels(id,type)"))
        with contextlib.suppress(Missing, Refused):
            request = client.users.messages().modify(userId="me", id=NO_MESSAGE, body=body)
            client.call("messages.modify", request)
    except TriageError as error:
        return (refused("labels", error),)
    count = sum(label.get("type") == "user" for label in answer.get("labels", ()))
    if count > MANY_LABELS:
        return (warn("labels", f"may label, but there are {count} labels", "delete labels that nobody uses"),)
    return (ok("labels", f"may label; {count} labels of its own"),)


def _lifetime(told: Mapping[str, Any] | None, held: Credentials, account: str, now: datetime) -> Finding:
    """How long the credentials will last. Google names an end for apps in Testing (and time-based consent)."""
    if told is None:
        return warn("token", "a fixed access token: it ends within the hour", _AGAIN.format(account=account))
    if not held.extra.get("refresh_token"):
        return ok("token", "a service account: nothing that expires")
    left = told.get("refresh_token_expires_in")
    ends = (
        now + timedelta(seconds=left)
        if isinstance(left, int)
        else moment(held.extra.get("refresh_token_ends"))
    )
    if ends is not None:
        text = f"the app is in Testing: the refresh token ends on {ends:%Y-%m-%d at %H:%M} UTC"
        make = bad if ends - now < timedelta(days=1) else warn
        return make("token", text, _PUBLISH.format(account=account))
    since = moment(held.extra.get("connected_at"))
    if since is None:
        return ok(
            "token", "Google names no end for the refresh token (for an app in Testing: 7 days after consent)"
        )
    return ok("token", f"Google names no end for the refresh token of {since:%Y-%m-%d}")
