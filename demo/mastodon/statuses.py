"""People, statuses and notifications of the Mastodon stand-in, and how the API shows them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

HOST = "mastodon.example"
_MENTION = re.compile(r"(?<!\w)@(\w+(?:@[\w.-]+)?)")
_TAG = re.compile(r"(?<!\w)#(\w+)")
_LINK = re.compile(r"https?://[^\s<]+")


def iso(seconds: float) -> str:
    """A time as Mastodon writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@dataclass
class Person:
    """An account; `acct` has a host when it lives at another server."""

    number: int
    acct: str
    name: str
    bot: bool = False

    @property
    def url(self) -> str:
        """Its page."""
        user, _, host = self.acct.partition("@")
        return f"https://{host or HOST}/@{user}"

    def view(self) -> dict[str, Any]:
        """The Account entity."""
        return {
            "id": str(self.number), "username": self.acct.partition("@")[0], "acct": self.acct,
            "display_name": self.name, "bot": self.bot, "url": self.url, "uri": self.url, "locked": False,
            "created_at": "2026-01-01T00:00:00.000Z", "note": "", "emojis": [], "fields": [],
        }  # fmt: skip


@dataclass
class Status:
    """A status."""

    number: int
    author: Person
    written: float
    text: str
    lang: str | None
    subject: str
    visibility: str
    parent: Status | None = None
    quoted: Status | None = None
    boosted: Status | None = None
    mentioned: list[Person] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def tags(self) -> list[str]:
        """Its hashtags, in small letters."""
        return [tag.lower() for tag in _TAG.findall(self.text)]

    def view(self) -> dict[str, Any]:
        """The Status entity."""
        return {
            "id": str(self.number), "created_at": iso(self.written), "account": self.author.view(),
            "in_reply_to_id": str(self.parent.number) if self.parent else None,
            "in_reply_to_account_id": str(self.parent.author.number) if self.parent else None,
            "sensitive": bool(self.subject), "spoiler_text": self.subject, "visibility": self.visibility,
            "language": self.lang, "uri": f"{self.author.url}/{self.number}",
            "url": f"{self.author.url}/{self.number}", "content": self._content(), "edited_at": None,
            "reblog": self.boosted.view() if self.boosted else None,
            "quote": {"state": "accepted", "quoted_status": self.quoted.view()} if self.quoted else None,
            "mentions": [{"id": str(p.number), "acct": p.acct, "username": p.acct.partition("@")[0], "url": p.url}
                         for p in self.mentioned],
            "tags": [{"name": tag, "url": f"https://{HOST}/tags/{tag}"} for tag in self.tags],
            "media_attachments": [], "emojis": [], "poll": None, "card": None,
            "replies_count": 0, "reblogs_count": 0, "favourites_count": 0, **self.fields,
        }  # fmt: skip

    def _content(self) -> str:
        """HTML as Mastodon writes it: paragraphs, and links whose ends are hidden."""
        above = ""
        if self.quoted:
            url = f"{self.quoted.author.url}/{self.quoted.number}"
            above = f'<p class="quote-inline">RE: <a href="{url}">{url}</a></p>'
        text = _LINK.sub(_link, html.escape(self.text, quote=False))
        text = _MENTION.sub(
            r'<span class="h-card"><a href="#" class="u-url mention">@<span>\1</span></a></span>', text
        )
        text = _TAG.sub(r'<a href="#" class="mention hashtag">#<span>\1</span></a>', text)
        blocks = "".join(f"<p>{block.replace(chr(10), '<br />')}</p>" for block in text.split("\n\n"))
        return above + blocks


def _link(found: re.Match[str]) -> str:
    scheme, _, rest = found[0].partition("://")
    shown, hidden = rest[:30], rest[30:]
    return (
        f'<a href="{found[0]}"><span class="invisible">{scheme}://</span>'
        f'<span class="ellipsis">{shown}</span><span class="invisible">{hidden}</span></a>'
    )


@dataclass(frozen=True)
class Notice:
    """A notification; they are numbered as they come."""

    number: int
    to: Person
    type: str
    status: Status
    at: float

    def view(self) -> dict[str, Any]:
        """The Notification entity."""
        return {
            "id": str(self.number), "type": self.type, "created_at": iso(self.at),
            "account": self.status.author.view(), "status": self.status.view(),
        }  # fmt: skip


class World:
    """Everybody and everything."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.statuses: dict[int, Status] = {}
        self.notices: list[Notice] = []
        self._made = 0

    def person(self, acct: str) -> Person:
        """The account of that name, made when it is new."""
        if acct not in self.people:
            self._made += 1
            self.people[acct] = Person(109_000_000_000_000_000 + self._made, acct, acct.partition("@")[0])
        return self.people[acct]

    def post(self, acct: str, text: str, *, written: float, arrived: float, **more: Any) -> Status:
        """Publish, and tell whom it concerns. The number is the time it was written, as a snowflake."""
        self._made += 1
        number = (int(written * 1000) << 16) | (self._made & 0xFFFF)
        mentioned = [self.person(name) for name in dict.fromkeys(_MENTION.findall(text))]
        status = Status(number, self.person(acct), written, text, mentioned=mentioned, **more)
        self.statuses[number] = status
        told = [(person, "mention") for person in mentioned]
        told += [(status.quoted.author, "quote")] if status.quoted else []
        told += [(status.boosted.author, "reblog")] if status.boosted else []
        for person, type_ in told:
            if person is not status.author:
                self.notices.append(Notice(len(self.notices) + 1, person, type_, status, arrived))
        return status

    def delete(self, status: Status) -> None:
        """Take a status away, with what it told; replies to it stay, below nothing."""
        del self.statuses[status.number]
        self.notices = [notice for notice in self.notices if notice.status is not status]

    def above(self, status: Status) -> list[Status]:
        """The ancestors that are still there, the first of the conversation first."""
        found: list[Status] = []
        while status.parent is not None and status.parent.number in self.statuses:
            status = status.parent
            found.insert(0, status)
        return found
