"""Mastodon and servers that speak its API: mentions, replies, quotes of us, tracked hashtags, and our own posts.

A status does not say which conversation it is in. The root is the first of its ancestors, which cost a request;
it is remembered for the rest of the run, so a crowd below one post of ours costs one request altogether.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from requests.utils import parse_header_links

from triage.core.errors import ConfigError, Fatal, Retry, Skip, TriageError
from triage.core.thanks import is_bare_thanks
from triage.core.types import Direction, Message, MessageKey
from triage.sources.feed_round import Item, Listing, Walk
from triage.sources.feeds import FeedSource, TokenRefused
from triage.sources.json_http import Answer, JsonClient, Refused, moment

NOTICES, OWN, TAG = "notifications", "own posts", "tag:"
TYPES = ("mention", "quote")

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANG = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
_LEADING_MENTIONS = re.compile(r"^(\s*@[\w.-]+(@[\w.-]+)?)+[\s,:]*")
_QUOTED = re.compile(r'\s*<p class="quote-inline">.*?</p>', re.DOTALL)
"""What servers put above a quote for readers that cannot show one."""

_MOST_CHARACTERS = 100_000
_BREAK = re.compile(r"<br\b[^<>]*>\s*", re.IGNORECASE)
_BLOCK_END = re.compile(r"</(?:p|div|li|pre|blockquote|h[1-6])\s*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


class MastodonSource(FeedSource):
    """One account at one server: the server's address and an access token."""

    name = "mastodon"
    page_limit = 40
    checked_at_once = 20
    dearest_item = 1

    def _connect(self) -> JsonClient:
        account, credentials = self._settings.account, self._credentials
        server = credentials.login.strip().rstrip("/")
        if not server and not credentials.extra.get("api_endpoint"):
            raise ConfigError(
                f"{account}: the Mastodon connection names no server; write its address, such as "
                "https://mastodon.example, in the login field"
            )
        self._token = credentials.password.strip()
        if not self._token or not self._token.isascii() or not self._token.isprintable():
            raise ConfigError(
                f"{account}: the Mastodon connection holds no usable access token; make an application under "
                "Preferences, Development, and put its token in the password field"
            )
        for term in self._settings.track:
            if not re.fullmatch(r"#\w+", term):
                raise ConfigError(
                    f"{account}: Mastodon follows hashtags only, and {term!r} is none; write #Name or "
                    "take it out of `track` in triage.yaml"
                )
        host = server.rpartition("://")[2]
        names = [a.strip().lstrip("@").lower() for a in self._settings.addresses]
        self._ours = frozenset((*names, *(name.removesuffix(f"@{host}") for name in names)))
        self._me: Mapping[str, Any] | None = None
        self._roots: dict[str, str] = {}
        address = server if "://" in server else f"https://{server}"
        return JsonClient("Mastodon", account, address, credentials.extra, now=self._now, sleep=self._sleep)

    def whoami(self) -> str:
        """Who the token belongs to. Raises Fatal or Retry with the mend."""
        try:
            self._enter({})
        except Refused as refused:
            raise self._meaning(refused) from refused
        me = self._me or {}
        return f"@{me.get('acct')} ({me.get('display_name')}), id {me.get('id')}"

    def _feeds(self) -> tuple[str, ...]:
        return (NOTICES, OWN, *(TAG + term.removeprefix("#") for term in self._settings.track))

    def _enter(self, memory: Mapping[str, Any]) -> str:
        if self._me is None:
            found = self._get("/api/v1/accounts/verify_credentials", "whoami").body
            if not isinstance(found, dict) or not _is_id(found.get("id")):
                raise Retry(f"{self._settings.account}: Mastodon answered something that is not an account")
            self._me = found
        return str(self._me["id"])

    def _memory(self) -> Mapping[str, Any]:
        return {}

    def _get(self, path: str, name: str, *params: tuple[str, str]) -> Answer:
        return self._client.ask("GET", path, name=name, token=self._token, params=params)

    def _list(self, walk: Walk, size: int) -> Listing:
        paging = [("limit", str(size)), *([("max_id", walk.token)] if walk.token else [])]
        try:
            if walk.feed == NOTICES:
                types = [("types[]", type_) for type_ in TYPES]
                return self._listing(self._get("/api/v1/notifications", "notifications", *types, *paging))
            if walk.feed == OWN:
                path = f"/api/v1/accounts/{self._enter({})}/statuses"
                return self._listing(self._get(path, "own", ("exclude_reblogs", "true"), *paging))
            path = f"/api/v1/timelines/tag/{walk.feed.removeprefix(TAG)}"
            return self._listing(self._get(path, "tag", *paging))
        except Refused as refused:
            if walk.token and refused.status in (400, 404, 422):
                raise TokenRefused(
                    f"{self._settings.account}: Mastodon refuses the page ({refused})"
                ) from refused
            raise

    def _listing(self, answer: Answer) -> Listing:
        if not isinstance(answer.body, list):
            raise Retry(f"{self._settings.account}: Mastodon answered something that is not a page")
        found = [item for raw in answer.body if (item := _item(raw)) is not None]
        return Listing(items=tuple(found), token=_next(answer.headers.get("link", "")))

    def _message(self, item: Item, fetched_at: datetime) -> Message:
        status = _object(item.raw, "the status")
        account = _object(status.get("account"), "account")
        author, content = account.get("id"), status.get("content")
        sent_at = moment(status.get("created_at"))
        if not item.native_id or not _is_id(author):
            raise Skip(f"{'account' if item.native_id else 'status'} has no id")
        if sent_at is None:
            raise Skip("created_at is not a time")
        if not isinstance(content, str):
            raise Skip("content is not a string")
        me = self._enter({})
        parent = status.get("in_reply_to_id")
        boost, bot = status.get("reblog") is not None, account.get("bot") is True
        ours = author == me or _string(account.get("acct")).lower() in self._ours
        automatic = "boost" if boost else "the account says that it is a bot" if bot and not ours else ""
        text = _text(content)
        answered = status.get("in_reply_to_account_id")
        return Message(
            key=MessageKey(source=self.name, account=self._settings.account, native_id=item.native_id),
            conversation=f"{self._root(item.native_id, parent)}/"
            f"{answered if ours and _is_id(answered) and answered != me else author}",
            direction=Direction.AUTOMATIC if automatic else Direction.OUTBOUND if ours else Direction.INBOUND,
            author=str(author),
            author_name=_name(account),
            sent_at=min(sent_at, fetched_at),
            fetched_at=fetched_at,
            subject=_string(status.get("spoiler_text")),
            text=text,
            lang=lang if _LANG.fullmatch(lang := _string(status.get("language"))) else "",
            url=_url(status),
            reply_to=parent if _is_id(parent) else None,
            automatic_reason=automatic,
            bare_thanks=is_bare_thanks(_LEADING_MENTIONS.sub("", text)),
            extra={"visibility": _string(status.get("visibility")), "hashtags": _hashtags(status)},
        )

    def _root(self, native_id: str, parent: Any) -> str:
        """The first post of the conversation; the parent when the server does not know the post any more."""
        if not _is_id(parent):
            self._roots[native_id] = native_id
        elif parent in self._roots:
            self._roots[native_id] = self._roots[parent]
        else:
            try:
                body = self._get(f"/api/v1/statuses/{native_id}/context", "context").body
            except Refused as refused:
                if refused.status not in (404, 410):
                    raise
                body = {}
            ancestors = body.get("ancestors") if isinstance(body, dict) else None
            above = [s["id"] for s in ancestors or [] if isinstance(s, dict) and _is_id(s.get("id"))]
            root = above[0] if above else str(parent)
            self._roots |= dict.fromkeys([native_id, str(parent), *above], root)
        return self._roots[native_id]

    def _gone(self, native_ids: Sequence[str]) -> set[str]:
        """A status missing from a bulk read is asked for alone; servers before 4.3 have no bulk read."""
        body = self._get("/api/v1/statuses", "statuses", *(("id[]", id_) for id_ in native_ids)).body
        if not isinstance(body, list):
            return set()
        there = {status.get("id") for status in body if isinstance(status, dict)}
        return {id_ for id_ in native_ids if id_ not in there and self._not_found(id_)}

    def _not_found(self, native_id: str) -> bool:
        try:
            self._get(f"/api/v1/statuses/{native_id}", "status")
        except Refused as refused:
            return refused.status in (404, 410)
        return False

    def _meaning(self, refused: Refused) -> TriageError:
        who = f"{self._settings.account}: Mastodon"
        if refused.status == 401:
            return Fatal(
                f"{who} refuses the access token ({refused}); make a new one under Preferences, Development, "
                "and save it in the connection"
            )
        if refused.status == 403:
            return Fatal(
                f"{who} does not let this token read ({refused}); give the application the scopes read:accounts, "
                "read:notifications and read:statuses, and save its new token in the connection"
            )
        return Fatal(
            f"{who} refuses the request ({refused}); check the server's address in the connection and the "
            "tracked hashtags"
        )


def _item(raw: Any) -> Item | None:
    """A status, or the one a notification is about (None when it tells of something else, or is gone)."""
    if not isinstance(raw, dict):
        return Item(native_id="", at=None, raw=raw)
    status, at = raw, moment(raw.get("created_at"))
    if "type" in raw:
        if raw["type"] not in TYPES or raw.get("status") is None:
            return None
        status = raw["status"]
    native_id = status.get("id") if isinstance(status, dict) else None
    return Item(native_id=str(native_id) if _is_id(native_id) else "", at=at, raw=status)


def _next(link: str) -> str | None:
    """`max_id` of the page that the Link header calls the next one."""
    for entry in parse_header_links(link) if link else []:
        if entry.get("rel") == "next":
            values = parse_qs(entry.get("url", "").partition("?")[2]).get("max_id", [])
            return values[0] if values and _is_id(values[0]) else None
    return None


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Skip(f"{name} is not an object")
    return value


def _text(content: str) -> str:
    """The HTML of a status as text. A server lets few elements through, and hides the ends of links in spans:
    a renderer that sets words apart at every element, as the one for mail does, would break them.
    """
    content = content[:_MOST_CHARACTERS]
    if quoted := _QUOTED.match(content):
        content = content[quoted.end() :]
    plain = _TAG.sub("", _BLOCK_END.sub("\n\n", _BREAK.sub("\n", content)))
    with contextlib.suppress(ValueError):  # a character number of thousands of digits
        plain = html.unescape(plain)
    return re.sub(r"\n{3,}", "\n\n", plain).strip()


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _name(account: Mapping[str, Any]) -> str:
    acct, display = _string(account.get("acct")), _string(account.get("display_name")).strip()
    return f"@{acct} ({display})" if display else f"@{acct}"


def _url(status: Mapping[str, Any]) -> str:
    """Where a person can read it; never anything but a web address."""
    addresses = (_string(status.get(name)) for name in ("url", "uri"))
    return next((a for a in addresses if re.match(r"https?://\S+$", a)), "")


def _hashtags(status: Mapping[str, Any]) -> list[str]:
    tags = status.get("tags")
    names = [tag.get("name") for tag in (tags if isinstance(tags, list) else []) if isinstance(tag, dict)]
    return [name for name in names if isinstance(name, str)]
