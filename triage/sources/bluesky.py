"""Bluesky: mentions, replies and quotes of us, tracked terms, and our own posts.

Our own posts come straight from our repository, so that an answer counts whichever app it was written in. Who
is answered is in the address of the parent post; which conversation it is, in the root that every reply names.

A day allows 300 logins of a handle (fewer at some servers), so the session is kept in the cursor, encrypted
with a key made of the app password: whoever can read it could have logged in anyway.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from triage.core.errors import ConfigError, CursorExpired, Fatal, Retry, Skip, TriageError
from triage.core.thanks import is_bare_thanks
from triage.core.types import Direction, Message, MessageKey
from triage.sources.feed_round import Item, Listing, Walk
from triage.sources.feeds import FeedSource, TokenRefused
from triage.sources.json_http import PAUSES, JsonClient, Refused, moment

SERVICE = "https://bsky.social"
POST = "app.bsky.feed.post"
NOTICES, OWN, SEARCH = "notifications", "own posts", "search:"
REASONS = ("mention", "reply", "quote")
STALE = ("ExpiredToken", "InvalidToken")
"""What a session that has to be renewed is answered, with a 400."""

_HANDLE = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*")
_URI = re.compile(r"at://(did:[a-z]+:[A-Za-z0-9._:%-]+)/([A-Za-z0-9.-]+)/([A-Za-z0-9._:~-]+)")
_LANG = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
_LEADING_MENTIONS = re.compile(r"^(\s*@[\w.-]+)+[\s,:]*")


@dataclass(frozen=True, kw_only=True)
class Session:
    """Who we are, and the two tokens that say so: `access` for two hours, `refresh` for months."""

    did: str
    handle: str
    access: str
    refresh: str


class BlueskySource(FeedSource):
    """One account on Bluesky: handle and app password."""

    name = "bluesky"
    page_limit = 100
    checked_at_once = 25

    def _connect(self) -> JsonClient:
        account, credentials = self._settings.account, self._credentials
        self._handles = tuple(_handle(a, account) for a in self._settings.addresses or (credentials.login,))
        self._identifier = credentials.login.strip().lstrip("@") or self._handles[0]
        self._password = credentials.password.strip()
        if not self._password:
            raise ConfigError(
                f"{account}: the Bluesky connection holds no app password; make one in Bluesky under Settings, "
                "Privacy and security, App passwords, and put it in the password field"
            )
        self._seal = Fernet(_key(self._password, self._identifier))
        self._session: Session | None = None
        self._sealed = ""
        return JsonClient("Bluesky", account, SERVICE, credentials.extra, now=self._now, sleep=self._sleep)

    def whoami(self) -> str:
        """Who the handle and the app password belong to. Raises Fatal or Retry with the mend."""
        try:
            session = self._log_in()
        except Refused as refused:
            raise self._meaning(refused) from refused
        return f"@{session.handle}, {session.did}"

    def _feeds(self) -> tuple[str, ...]:
        return (NOTICES, OWN, *(SEARCH + term for term in self._settings.track))

    def _enter(self, memory: Mapping[str, Any]) -> str:
        if self._session is None:
            self._session = self._unsealed(str(memory.get("session", ""))) or self._log_in()
        return self._session.did

    def _memory(self) -> Mapping[str, Any]:
        return {"session": self._sealed}

    def _unsealed(self, sealed: str) -> Session | None:
        """The session of an earlier task; None when the app password has changed since."""
        try:
            session = Session(**json.loads(self._seal.decrypt(sealed)))
        except (InvalidToken, ValueError, TypeError):
            return None
        self._sealed = sealed
        return session

    def _log_in(self) -> Session:
        """A new session. Once more when refused: a new account or password is not known everywhere at once."""
        for pause in (PAUSES[0], None):
            try:
                body = {"identifier": self._identifier, "password": self._password}
                return self._opened(self._call("POST", "com.atproto.server.createSession", body=body))
            except Refused:
                if pause is None:
                    raise
                self._sleep(pause)
        raise AssertionError("unreachable")

    def _renew(self, old: Session) -> Session:
        """A session in place of a stale one. Raises CursorExpired when the handle belongs to somebody else now."""
        try:
            answer = self._call("POST", "com.atproto.server.refreshSession", token=old.refresh)
            new = self._opened(answer)
        except Refused:
            new = self._log_in()
        if new.did != old.did:
            raise CursorExpired(f"{self._settings.account}: @{new.handle} is another account now ({new.did})")
        return new

    def _opened(self, body: Any) -> Session:
        said = body if isinstance(body, dict) else {}
        did, handle, access, refresh = (said.get(k) for k in ("did", "handle", "accessJwt", "refreshJwt"))
        if not (isinstance(did, str) and isinstance(access, str) and isinstance(refresh, str)):
            raise Retry(f"{self._settings.account}: Bluesky answered something that is not a session")
        self._session = Session(did=did, handle=str(handle), access=access, refresh=refresh)
        self._sealed = self._seal.encrypt(json.dumps(asdict(self._session)).encode()).decode()
        return self._session

    def _call(
        self,
        verb: str,
        method: str,
        *,
        token: str = "",
        params: Sequence[tuple[str, str]] = (),
        body: Any = None,
    ) -> Any:
        name = method.rsplit(".", 1)[-1]
        return self._client.ask(
            verb, f"/xrpc/{method}", name=name, token=token, params=params, body=body
        ).body

    def _get(self, method: str, *params: tuple[str, str]) -> Any:
        """A read; a stale session is renewed once."""
        session = self._session or self._log_in()
        try:
            return self._call("GET", method, token=session.access, params=params)
        except Refused as refused:
            if refused.error not in STALE:
                raise
        return self._call("GET", method, token=self._renew(session).access, params=params)

    def _list(self, walk: Walk, size: int) -> Listing:
        paging = [("limit", str(size)), *([("cursor", walk.token)] if walk.token else [])]
        try:
            if walk.feed == NOTICES:
                reasons = [("reasons", reason) for reason in REASONS]
                body = self._get("app.bsky.notification.listNotifications", *reasons, *paging)
                return self._listing(body, "notifications", lambda n: n.get("reason") in REASONS)
            if walk.feed == OWN:
                where = [("repo", self._enter({})), ("collection", POST)]
                return self._listing(self._get("com.atproto.repo.listRecords", *where, *paging), "records")
            since = walk.floor.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            query = [("q", _query(walk.feed.removeprefix(SEARCH))), ("sort", "latest"), ("since", since)]
            return self._listing(self._get("app.bsky.feed.searchPosts", *query, *paging), "posts")
        except Refused as refused:
            if walk.token and refused.status == 400:
                raise TokenRefused(
                    f"{self._settings.account}: Bluesky refuses the page ({refused})"
                ) from refused
            raise

    def _listing(self, body: Any, name: str, wanted: Any = lambda entry: True) -> Listing:
        entries = body.get(name) if isinstance(body, dict) else None
        if not isinstance(entries, list):
            raise Retry(f"{self._settings.account}: Bluesky answered something that is not a page of {name}")
        found = [self._item(e) for e in entries if not isinstance(e, dict) or wanted(e)]
        token = body.get("cursor")
        return Listing(items=tuple(found), token=token if isinstance(token, str) and token else None)

    def _item(self, raw: Any) -> Item:
        """A notification, a post or a record of ours, in the one shape that the reader takes."""
        if not isinstance(raw, dict):
            return Item(native_id="", at=None, raw=raw)
        if "value" in raw:
            raw = {"uri": raw.get("uri"), "cid": raw.get("cid"), "record": raw["value"], "author": self._us()}
        uri = raw.get("uri")
        return Item(native_id=uri if _parts(uri) else "", at=_sorted_at(raw), raw=raw)

    def _us(self) -> dict[str, str]:
        session = self._session
        return {"did": session.did, "handle": session.handle} if session else {}

    def _message(self, item: Item, fetched_at: datetime) -> Message:
        post = _object(item.raw, "the item")
        uri = _parts(post.get("uri"))
        author, record = _object(post.get("author"), "author"), _object(post.get("record"), "record")
        written, text, did = moment(record.get("createdAt")), record.get("text"), author.get("did")
        if not uri or not isinstance(did, str) or uri[0] != did:
            raise Skip("uri is not the address of a post of its author")
        if written is None:
            raise Skip("createdAt is not a time")
        if not isinstance(text, str):
            raise Skip("text is not a string")
        reply = record.get("reply") if isinstance(record.get("reply"), dict) else None
        root, parent = (_linked(reply, name) for name in ("root", "parent"))
        if reply is not None and not (root and parent):
            raise Skip("reply does not say to what")
        handle = str(author.get("handle") or "").lower()
        ours = did == self._us().get("did") or handle in self._handles
        bot = not ours and _is_bot(author)
        return Message(
            key=MessageKey(source=self.name, account=self._settings.account, native_id=item.native_id),
            conversation=f"{root or item.native_id}/{self._branch(did, parent) if ours else did}",
            direction=Direction.OUTBOUND if ours else Direction.AUTOMATIC if bot else Direction.INBOUND,
            author=did,
            author_name=_name(handle, author.get("displayName")),
            sent_at=min(written, item.at or written, fetched_at),
            fetched_at=fetched_at,
            text=text,
            lang=_lang(record.get("langs")),
            url=f"https://bsky.app/profile/{handle if _HANDLE.fullmatch(handle) else did}/post/{uri[2]}",
            reply_to=parent or None,
            automatic_reason="the account says that it is a bot" if bot else "",
            bare_thanks=is_bare_thanks(self._without_addressees(text)),
            extra={"cid": post.get("cid"), "root": root or item.native_id, "hashtags": _hashtags(record)},
        )

    def _branch(self, did: str, parent: str) -> str:
        """Whose branch our post is in: that of the author it answers."""
        answered = _parts(parent)
        return answered[0] if answered and answered[0] != self._us().get("did") else did

    def _without_addressees(self, text: str) -> str:
        """The text without the mentions it begins with and without our own handles anywhere."""
        rest = _LEADING_MENTIONS.sub("", text)
        for handle in self._handles:
            rest = re.sub(rf"@{re.escape(handle)}\b", "", rest, flags=re.IGNORECASE)
        return rest

    def _gone(self, native_ids: Sequence[str]) -> set[str]:
        """A post missing from a bulk read is asked for alone: only a plain "not found" counts."""
        body = self._get("app.bsky.feed.getPosts", *(("uris", uri) for uri in native_ids))
        posts = body.get("posts") if isinstance(body, dict) else None
        if not isinstance(posts, list):
            return set()
        there = {post.get("uri") for post in posts if isinstance(post, dict)}
        return {uri for uri in native_ids if uri not in there and self._not_found(uri)}

    def _not_found(self, uri: str) -> bool:
        try:
            self._get("app.bsky.feed.getPostThread", ("uri", uri), ("depth", "0"), ("parentHeight", "0"))
        except Refused as refused:
            return refused.status in (400, 404) and refused.error == "NotFound"
        return False

    def _meaning(self, refused: Refused) -> TriageError:
        who = f"{self._settings.account}: Bluesky"
        if refused.error in ("AccountTakedown", "AccountDeactivated", "AccountSuspended"):
            return Fatal(f"{who} has closed the account ({refused}); ask Bluesky's support")
        if refused.status in (401, 403) or refused.error in (*STALE, "AuthFactorTokenRequired"):
            return Fatal(
                f"{who} does not let us in ({refused}); make a new app password under Settings, Privacy and "
                "security, App passwords, and save it in the connection"
            )
        return Fatal(
            f"{who} refuses the request ({refused}); check the handle, the tracked terms and api_endpoint "
            "(an account on a server of its own needs that server's address)"
        )


@lru_cache(maxsize=8)
def _key(password: str, salt: str) -> bytes:
    """The key that the session is kept under: slow to guess, should somebody use their account's own password."""
    return base64.urlsafe_b64encode(
        hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=32)
    )


def _handle(address: str, account: str) -> str:
    handle = address.strip().lstrip("@").lower()
    if not _HANDLE.fullmatch(handle):
        raise ConfigError(
            f"{account}: {address!r} is not a handle on Bluesky; write it as @name.bsky.social under `addresses` "
            "in triage.yaml and in the connection's Handle field"
        )
    return handle


def _query(term: str) -> str:
    """A hashtag or word as it is, a phrase in quotes."""
    return '"' + term.replace('"', " ") + '"' if " " in term.strip() else term.strip()


def _parts(uri: Any) -> tuple[str, str, str] | None:
    """Author, collection and key of an at:// address."""
    match = _URI.fullmatch(uri) if isinstance(uri, str) else None
    return (match[1], match[2], match[3]) if match else None


def _linked(reply: Any, name: str) -> str:
    ref = reply.get(name) if isinstance(reply, dict) else None
    uri = ref.get("uri") if isinstance(ref, dict) else None
    return str(uri) if _parts(uri) else ""


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Skip(f"{name} is not an object")
    return value


def _sorted_at(raw: Mapping[str, Any]) -> datetime | None:
    """What Bluesky sorts by: when it was written or when it was indexed, whichever is earlier."""
    record = raw.get("record")
    written = moment(record.get("createdAt")) if isinstance(record, dict) else None
    return min((at for at in (written, moment(raw.get("indexedAt"))) if at), default=None)


def _name(handle: str, display: Any) -> str:
    return f"@{handle} ({display})" if isinstance(display, str) and display.strip() else f"@{handle}"


def _is_bot(author: Mapping[str, Any]) -> bool:
    """Whether the account has labelled itself `bot`."""
    labels = author.get("labels")
    return any(
        isinstance(label, dict) and label.get("val") == "bot" and label.get("src") == author.get("did")
        for label in (labels if isinstance(labels, list) else [])
    )


def _lang(langs: Any) -> str:
    first = langs[0] if isinstance(langs, list) and langs else None
    return first if isinstance(first, str) and _LANG.fullmatch(first) else ""


def _hashtags(record: Mapping[str, Any]) -> list[str]:
    facets, tags = record.get("facets"), record.get("tags")
    features = [
        feature
        for facet in (facets if isinstance(facets, list) else [])
        if isinstance(facet, dict) and isinstance(facet.get("features"), list)
        for feature in facet["features"]
    ]
    found = [f.get("tag") for f in features if isinstance(f, dict)]
    return list(
        dict.fromkeys(t for t in [*found, *(tags if isinstance(tags, list) else [])] if isinstance(t, str))
    )
