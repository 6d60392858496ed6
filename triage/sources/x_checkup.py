"""What only X can tell about an account: who it is, whether the app may read mentions and search, and credits.

Reading is tried on the last minute of our own posts and mentions: as a rule nothing is there, and X bills only
what it returns. The look-up of the handle is billed as one user.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import requests

from triage.core.errors import TriageError
from triage.core.finding import Checkup, Finding, ok, refused
from triage.sources.base import Credentials, Now, SourceSettings, utc_now
from triage.sources.checkup import clock
from triage.sources.x import XSource
from triage.sources.x_http import CreditsUsedUp

WINDOW = timedelta(seconds=60)
"""Search ends 30 seconds ago, so half of it is looked at."""


def checkup(settings: SourceSettings, credentials: Credentials, *, now: Now = utc_now) -> Checkup:
    """All findings about one account. Nothing is raised."""
    try:
        return _Examined(settings, credentials, now=now).examine()
    except TriageError as error:
        return Checkup(findings=(refused("auth", error),))


class _Examined(XSource):
    """The source itself, asked other questions."""

    def examine(self) -> Checkup:
        dates: list[str | None] = []
        self._client.api.session.hooks["response"].append(_keep_date(dates))
        units: dict[str, int] = {}
        try:
            user = self._look_up(self._handles[0])
        except CreditsUsedUp as error:
            return Checkup(findings=(refused("credits", error),))
        self._spend(units, "user", 1)
        found = [
            ok("auth", f"@{user['username']} ({user['name']}), id {user['id']}"),
            *clock("X", dates[-1] if dates else None, self._now()),
        ]
        found += self._rights(str(user["id"]), units)
        return Checkup(findings=tuple(found), units=units)

    def _spend(self, units: dict[str, int], method: str, count: int) -> None:
        if cost := count * self._price(method):
            units[method] = units.get(method, 0) + cost

    def _rights(self, user_id: str, units: dict[str, int]) -> list[Finding]:
        start = (self._now() - WINDOW).strftime("%Y-%m-%dT%H:%M:%SZ")
        api, query = self._client.api, f"from:{self._handles[0]}"
        asked: tuple[tuple[str, str, Any, str, int], ...] = (
            ("mentions", "mention", api.get_users_mentions, user_id, 5),
            ("search", "post", api.search_recent_tweets, query, 10),
        )
        found = []
        for name, price, call, subject, size in asked:
            try:
                body = self._client.get(call, subject, max_results=size, start_time=start)
                self._spend(units, price, _posts(body))
                found.append(ok(name, "may be read"))
            except CreditsUsedUp as error:
                return [*found, refused("credits", error)]
            except TriageError as error:
                found.append(refused(name, error))
        return found


def _keep_date(dates: list[str | None]) -> Any:
    def keep(response: requests.Response, **_: Any) -> None:
        dates.append(response.headers.get("date"))

    return keep


def _posts(body: Mapping[str, Any]) -> int:
    data = body.get("data")
    return len(data) if isinstance(data, list) else 0
