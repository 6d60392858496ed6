"""Answer a post at a Mastodon server, and post.

The server remembers the Idempotency-Key of a post for an hour: sent again within it, the same post comes back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from triage.core.errors import Declined, Fatal, InDoubt, Retry, TriageError
from triage.core.types import Reply, Sent
from triage.sources.feed_round import Item
from triage.sources.json_http import Answer, NoAnswer, Refused
from triage.sources.mastodon import MastodonSource

PAGE, MOST_PAGES = 40, 10
_LEADING_MENTIONS = re.compile(r"^(\s*@[\w.-]+(@[\w.-]+)?)+[\s,:]*")
VISIBILITIES = ("public", "unlisted", "private", "direct")


class MastodonReplier(MastodonSource):
    """One account as a Replier; it needs the scope write:statuses beside those of reading."""

    settles = timedelta(0)

    def price(self, reply: Reply) -> Mapping[str, int]:
        """Requests: the post, who we are, and what is answered; see Replier."""
        return {"post": 1, "status": 1, "whoami": 1}

    def owed(self) -> dict[str, int]:
        """Requests by name; see Replier."""
        return self._client.spent()

    def send(self, reply: Reply) -> Sent:
        """Post it, as visible as what it answers and under its content warning; see Replier."""
        body: dict[str, Any] = {"status": reply.text, "visibility": "public"}
        if reply.lang:
            body["language"] = reply.lang
        if reply.to:
            body |= self._answering(reply.to, reply.text)
        try:
            made = self._client.ask(
                "POST", "/api/v1/statuses", name="post", token=self._token, body=body,
                headers={"Idempotency-Key": reply.key},
            )  # fmt: skip
        except Refused as refused:
            raise self._refusal(refused) from None
        except NoAnswer as error:
            raise InDoubt(str(error)) from None
        return self._sent(made.body)

    def find(self, reply: Reply) -> Sent | None:
        """Our own post that says the same in answer to the same post, since it was wanted; see Replier."""
        since, token = reply.wanted_at - timedelta(minutes=1), ""
        try:
            for _ in range(MOST_PAGES):
                page = self._listing(self._own(token))
                for item in page.items:
                    if item.at is not None and item.at < since:
                        return None
                    if self._is(item, reply):
                        return self._sent(item.raw)
                if page.token is None:
                    return None
                token = page.token
        except Refused as refused:
            raise self._refusal(refused) from None
        raise InDoubt("the account has posted too much since for it to be found")

    def _own(self, token: str) -> Answer:
        paging = [("limit", str(PAGE)), *([("max_id", token)] if token else [])]
        path = f"/api/v1/accounts/{self._enter({})}/statuses"
        return self._get(path, "own", ("exclude_reblogs", "true"), *paging)

    def _is(self, item: Item, reply: Reply) -> bool:
        if not isinstance(item.raw, dict) or item.raw.get("in_reply_to_id") != reply.to:
            return False
        return _bare(self._message(item, self._now()).text) == _bare(reply.text)

    def _answering(self, native_id: str, text: str) -> Mapping[str, Any]:
        """What the post that is answered asks of an answer: its address, its author's name, its visibility."""
        try:
            status = self._get(f"/api/v1/statuses/{native_id}", "status").body
            author, acct = status["account"]["id"], str(status["account"]["acct"])
        except Refused as refused:
            if refused.status in (404, 410):
                raise Declined("Mastodon: the post it answers is gone") from None
            raise self._refusal(refused) from None
        except (KeyError, TypeError):
            raise Retry(f"{self._settings.account}: Mastodon answered something that is not a post") from None
        found: dict[str, Any] = {"in_reply_to_id": native_id}
        if f"@{acct}".lower() not in text.lower() and author != self._enter({}):
            found["status"] = f"@{acct} {text}"
        if status.get("visibility") in VISIBILITIES:
            found["visibility"] = status["visibility"]
        if isinstance(status.get("spoiler_text"), str) and status["spoiler_text"]:
            found["spoiler_text"] = status["spoiler_text"]
        return found

    def _sent(self, status: Any) -> Sent:
        try:
            return Sent(native_id=str(status["id"]), url=str(status.get("url") or ""))
        except (KeyError, TypeError):
            raise InDoubt("Mastodon's answer names no post") from None

    def _refusal(self, refused: Refused) -> TriageError:
        if refused.status == 403 and "scope" in refused.detail:
            return Fatal(
                f"{self._settings.account}: Mastodon does not let this token write ({refused}); run `triage connect "
                "mastodon --replace`, or give the application the scope write:statuses and save its new token in the "
                "connection"
            )
        if refused.status == 401:
            return self._meaning(refused)
        return Declined(f"Mastodon refuses it ({refused.status}): {refused.detail or 'no reason given'}")


def _bare(text: str) -> str:
    """The words, without the names that an answer begins with."""
    return " ".join(_LEADING_MENTIONS.sub("", text).split())
