"""Answer a post on Bluesky, and post.

A post is a record in our own repository, under a key that we choose: made of the reply's number and time, the same
reply is the same record, however often it is put there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from triage.core.errors import Declined, InDoubt, Retry, TriageError
from triage.core.length import links
from triage.core.types import Reply, Sent
from triage.sources.base import Credentials, SourceSettings
from triage.sources.bluesky import POST, STALE, BlueskySource, Session
from triage.sources.json_http import NoAnswer, Refused

_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_TAG = re.compile(r"(?<!\w)#(\w*[^\W\d]\w*)")
_OUT = (
    "AuthMissing",
    "AuthenticationRequired",
    "AuthFactorTokenRequired",
    "AccountTakedown",
    "AccountDeactivated",
)


class BlueskyReplier(BlueskySource):
    """One account as a Replier; an app password may write."""

    settles = timedelta(0)

    def __init__(
        self,
        settings: SourceSettings,
        credentials: Credentials,
        *,
        memory: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """`memory` is what the source keeps in its cursor: a session, so that not every answer costs a login."""
        super().__init__(settings, credentials, **options)
        self._kept = memory or {}

    def price(self, reply: Reply) -> Mapping[str, int]:
        """Requests: a session, what is answered, and the record; see Replier."""
        return {"createSession": 1, "getPosts": 1, "putRecord": 1}

    def owed(self) -> dict[str, int]:
        """Requests by name; see Replier."""
        return self._client.spent()

    def send(self, reply: Reply) -> Sent:
        """Put the record; see Replier."""
        record: dict[str, Any] = {"$type": POST, "text": reply.text, "createdAt": _iso(self._now())}
        if reply.lang:
            record["langs"] = [reply.lang]
        if facets := _facets(reply.text):
            record["facets"] = facets
        try:
            us = self._us_now().did
            if reply.to:
                record["reply"] = self._place(reply.to)
            body = {"repo": us, "collection": POST, "rkey": rkey(reply), "record": record}
        except Refused as refused:
            raise self._refusal(refused) from None
        try:
            made = self._authorised("POST", "com.atproto.repo.putRecord", body=body)
        except Refused as refused:
            raise self._refusal(refused) from None
        except NoAnswer as error:
            raise InDoubt(str(error)) from None
        return self._sent(made, reply)

    def find(self, reply: Reply) -> Sent | None:
        """The record of that key; see Replier."""
        try:
            where = (("repo", self._us_now().did), ("collection", POST), ("rkey", rkey(reply)))
            return self._sent(self._get("com.atproto.repo.getRecord", *where), reply)
        except Refused as refused:
            if refused.error == "RecordNotFound":
                return None
            raise self._refusal(refused) from None

    def _place(self, uri: str) -> Mapping[str, Any]:
        """What an answer to this post names: the post, and the root of its thread."""
        body = self._get("app.bsky.feed.getPosts", ("uris", uri))
        try:
            found = [p for p in body["posts"] if p["uri"] == uri]
            if not found:
                raise Declined("Bluesky: the post it answers is gone")
            parent = {"uri": uri, "cid": str(found[0]["cid"])}
            root = (found[0]["record"].get("reply") or {}).get("root") or parent
            return {"root": {"uri": str(root["uri"]), "cid": str(root["cid"])}, "parent": parent}
        except (KeyError, TypeError, AttributeError):
            raise Retry(f"{self._settings.account}: Bluesky answered something that is not a post") from None

    def _us_now(self) -> Session:
        self._enter(self._kept)
        assert self._session is not None
        return self._session

    def _authorised(self, verb: str, method: str, *, body: Any) -> Any:
        """A write; a stale session is renewed once."""
        try:
            return self._call(verb, method, token=self._us_now().access, body=body)
        except Refused as refused:
            if refused.error not in STALE:
                raise
        return self._call(verb, method, token=self._renew(self._us_now()).access, body=body)

    def _sent(self, made: Any, reply: Reply) -> Sent:
        try:
            return Sent(
                native_id=str(made["uri"]),
                url=f"https://bsky.app/profile/{self._us_now().handle}/post/{rkey(reply)}",
            )
        except (KeyError, TypeError):
            raise InDoubt("Bluesky's answer names no record") from None

    def _refusal(self, refused: Refused) -> TriageError:
        if refused.status in (401, 403) or refused.error in (*STALE, *_OUT):
            return self._meaning(refused)
        return Declined(f"Bluesky refuses it ({refused.status}): {refused.detail or 'no reason given'}")


def rkey(reply: Reply) -> str:
    """The key of a reply's record: a TID, of when it was wanted and of its number."""
    number = (int(reply.wanted_at.timestamp() * 1_000_000) << 10) | (reply.number & 1023)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(60, -1, -5))


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _facets(text: str) -> list[dict[str, Any]]:
    """Links and hashtags as Bluesky wants them told, by bytes."""
    found = [
        (start, end, {"$type": "app.bsky.richtext.facet#link", "uri": _absolute(text[start:end])})
        for start, end in links(text)
    ]
    taken = [range(start, end) for start, end, _ in found]
    found += [
        (m.start(), m.end(), {"$type": "app.bsky.richtext.facet#tag", "tag": m[1]})
        for m in _TAG.finditer(text)
        if not any(m.start() in span for span in taken)
    ]
    return [
        {"index": {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())}, "features": [feature]}
        for start, end, feature in sorted(found, key=lambda f: f[0])
    ]  # fmt: skip


def _absolute(link: str) -> str:
    return link if "://" in link else f"https://{link}"
