"""What only Bluesky can tell about an account: who it is, and whether an app password opened the session."""

from __future__ import annotations

import base64
import json
from typing import Any

from triage.core.errors import TriageError
from triage.core.finding import Checkup, Finding, ok, refused, warn
from triage.sources.base import Credentials, Now, SourceSettings, utc_now
from triage.sources.bluesky import BlueskySource
from triage.sources.checkup import clock
from triage.sources.json_http import Refused

MAIN = "com.atproto.access"
"""The scope of a session that the account's own password opened; app passwords give com.atproto.appPass…"""


def checkup(settings: SourceSettings, credentials: Credentials, *, now: Now = utc_now) -> Checkup:
    """All findings about one account: one login of the 300 a day, and one request. Nothing is raised."""
    try:
        source = _Examined(settings, credentials, now=now)
        return Checkup(findings=source.examine(), units=source.spent())
    except TriageError as error:
        return Checkup(findings=(refused("auth", error),))


class _Examined(BlueskySource):
    """The source itself, asked other questions."""

    def spent(self) -> dict[str, int]:
        """Requests by name."""
        return self._client.spent()

    def examine(self) -> tuple[Finding, ...]:
        try:
            session = self._log_in()
        except Refused as refusal:
            raise self._meaning(refusal) from refusal
        found = [ok("auth", f"@{session.handle}, {session.did}")]
        if _scope(session.access) == MAIN:
            text = "the connection holds the account's own password, which may do everything"
            mend = (
                "make an app password (Settings, Privacy and security, App passwords) and connect with that"
            )
            found.append(warn("scopes", text, mend))
        else:
            found.append(ok("scopes", "an app password"))
        return (*found, *self._notices(session.access))

    def _notices(self, token: str) -> tuple[Finding, ...]:
        try:
            answer = self._client.ask(
                "GET", "/xrpc/app.bsky.notification.listNotifications", name="listNotifications", token=token,
                params=[("limit", "1")],
            )  # fmt: skip
        except Refused as refusal:
            return (refused("notifications", self._meaning(refusal)),)
        except TriageError as error:
            return (refused("notifications", error),)
        return (
            ok("notifications", "may be read"),
            *clock("Bluesky", answer.headers.get("date"), self._now()),
        )


def _scope(token: str) -> str:
    """The scope a session token names; empty when it is not a token of that form."""
    try:
        body = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(claims["scope"])
    except (IndexError, KeyError, ValueError, TypeError):
        return ""
