"""What only Mastodon can tell about an account: who it is, and whether the token may read what we read.

A token does not say its scopes (servers before 4.3 tell them nowhere), so each is tried with a page of one item.
"""

from __future__ import annotations

from triage.core.errors import TriageError
from triage.core.finding import Checkup, Finding, ok, refused
from triage.sources.base import Credentials, Now, SourceSettings, utc_now
from triage.sources.checkup import clock
from triage.sources.json_http import Answer, Refused
from triage.sources.mastodon import MastodonSource


def checkup(settings: SourceSettings, credentials: Credentials, *, now: Now = utc_now) -> Checkup:
    """All findings about one account, in three requests. Nothing is raised."""
    try:
        source = _Examined(settings, credentials, now=now)
        return Checkup(findings=source.examine(), units=source.spent())
    except TriageError as error:
        return Checkup(findings=(refused("auth", error),))


class _Examined(MastodonSource):
    """The source itself, asked other questions."""

    def spent(self) -> dict[str, int]:
        """Requests by name."""
        return self._client.spent()

    def examine(self) -> tuple[Finding, ...]:
        found = [ok("auth", self.whoami())]
        dates: list[str | None] = []
        paths = (
            ("read:notifications", "/api/v1/notifications"),
            ("read:statuses", f"/api/v1/accounts/{self._enter({})}/statuses"),
        )
        for scope, path in paths:
            found.append(self._tried(scope, path, dates))
        return (*found, *clock("Mastodon", dates[-1] if dates else None, self._now()))

    def _tried(self, scope: str, path: str, dates: list[str | None]) -> Finding:
        try:
            answer: Answer = self._get(path, "doctor", ("limit", "1"))
        except Refused as refusal:
            return refused(scope, self._meaning(refusal))
        except TriageError as error:
            return refused(scope, error)
        dates.append(answer.headers.get("date"))
        return ok(scope, "may be read")
