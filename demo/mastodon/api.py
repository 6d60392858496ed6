"""The methods of the Mastodon stand-in, and its control requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from demo.common.clock import Clock
from demo.common.faults import FaultBook
from demo.common.json_api import Answered, ApiError, Call, Endpoint
from demo.common.web import ControlError, Fields
from demo.mastodon.publish import Publisher
from demo.mastodon.statuses import HOST, Notice, Person, Status, World

LIMIT = (300, 300.0)
PAGING = "max_id since_id min_id limit "
POSTS_LIMIT = (300, 10_800.0)
"""Posts of an account in three hours (Mastodon, lib/rate_limiter.rb)."""

SCOPES = ("read:accounts", "read:notifications", "read:statuses", "write:statuses")


class Mastodon:
    """The state, the methods and the control requests of one stand-in."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.faults = FaultBook(quirks=("rate_limit", "empty_page"))
        self.endpoints = [
            self._endpoint("whoami", "/api/v1/accounts/verify_credentials", self.whoami),
            self._endpoint("notifications", "/api/v1/notifications", self.notifications, PAGING + "types[]"),
            self._endpoint(
                "own", r"/api/v1/accounts/(?P<id>\d+)/statuses", self.own, PAGING + "exclude_reblogs"
            ),
            self._endpoint("tag", r"/api/v1/timelines/tag/(?P<tag>\w+)", self.tag, PAGING),
            self._endpoint("statuses", "/api/v1/statuses", self.several, "id[]"),
            self._endpoint("status", r"/api/v1/statuses/(?P<id>\d+)", self.one),
            self._endpoint("context", r"/api/v1/statuses/(?P<id>\d+)/context", self.context),
            Endpoint(
                name="post", verb="POST", path=re.compile("/api/v1/statuses"), handler=self.publish,
                limit=POSTS_LIMIT, limited_as="posts",
            ),
        ]  # fmt: skip
        self.controls: dict[str, Callable[[Fields], Any]] = {
            "accounts": self.make_account, "deliver": self.deliver, "delete": self.delete,
            "revoke": self.revoke, "written": self.written,
        }  # fmt: skip
        self.reset()

    @staticmethod
    def _endpoint(name: str, path: str, handler: Callable[[Call], Answered], params: str = "") -> Endpoint:
        return Endpoint(
            name=name, verb="GET", path=re.compile(path), handler=handler, params=frozenset(params.split()),
            limit=LIMIT,
        )  # fmt: skip

    def reset(self) -> None:
        """Back to empty."""
        self.world = World()
        self.tokens: dict[str, tuple[Person, tuple[str, ...]]] = {}
        self.labels: dict[str, int] = {}
        self.publisher = Publisher(self.world)

    def error_body(self, error: ApiError) -> Any:
        """Mastodon's error: one sentence."""
        return {"error": error.message or error.error}

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """Mastodon's headers; the reset is an ISO time."""
        at = datetime.fromtimestamp(reset, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {
            "X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(max(0, remaining)),
            "X-RateLimit-Reset": at,
        }  # fmt: skip

    def _caller(self, call: Call, scope: str) -> Person:
        if call.token not in self.tokens:
            raise ApiError(401, "The access token is invalid")
        person, scopes = self.tokens[call.token]
        if scope not in scopes and scope.partition(":")[0] not in scopes:
            raise ApiError(403, "This action is outside the authorized scopes")
        return person

    def whoami(self, call: Call) -> Answered:
        """Whose token it is."""
        return Answered(body=self._caller(call, "read:accounts").view())

    def notifications(self, call: Call) -> Answered:
        """What concerns us, newest first."""
        me, types = self._caller(call, "read:notifications"), call.query.get("types[]")
        found = [n for n in self.world.notices if n.to is me and (not types or n.type in types)]
        return self._page(found, call, 40, 80)

    def own(self, call: Call) -> Answered:
        """The statuses of an account."""
        self._caller(call, "read:statuses")
        boosts = call.one("exclude_reblogs") != "true"
        found = [
            s for s in self.world.statuses.values()
            if str(s.author.number) == call.path["id"] and (boosts or not s.boosted)
        ]  # fmt: skip
        return self._page(found, call, 20, 40)

    def tag(self, call: Call) -> Answered:
        """Public statuses with a hashtag."""
        self._caller(call, "read:statuses")
        wanted = call.path["tag"].lower()
        found = [s for s in self.world.statuses.values() if wanted in s.tags and s.visibility == "public"]
        return self._page(found, call, 20, 40)

    def several(self, call: Call) -> Answered:
        """Those of the statuses that are there."""
        self._caller(call, "read:statuses")
        found = (self.world.statuses.get(int(i)) for i in call.query.get("id[]", []) if i.isdigit())
        return Answered(body=[status.view() for status in found if status])

    def one(self, call: Call) -> Answered:
        """One status."""
        return Answered(body=self._status(call).view())

    def publish(self, call: Call) -> Answered:
        """A new status."""
        author = self._caller(call, "write:statuses")
        return Answered(body=self.publisher.publish(author, call, self.clock.now()).view())

    def context(self, call: Call) -> Answered:
        """What is above a status. What is below is left out: readers of one account do not ask for it."""
        above = self.world.above(self._status(call))
        return Answered(body={"ancestors": [status.view() for status in above], "descendants": []})

    def _status(self, call: Call) -> Status:
        self._caller(call, "read:statuses")
        found = self.world.statuses.get(int(call.path["id"]))
        if found is None:
            raise ApiError(404, "Record not found")
        return found

    def _page(
        self, found: Sequence[Status] | Sequence[Notice], call: Call, default: int, most: int
    ) -> Answered:
        """A page by number, with the Link header that leads to its neighbours. Too high limits are lowered."""
        bounds = {
            name: call.one(name) for name in ("max_id", "since_id", "min_id", "limit") if call.one(name)
        }
        if odd := [name for name, value in bounds.items() if not value.isdigit()]:
            raise ApiError(422, f"Validation failed: {odd[0]} is not a number")
        size = min(int(bounds.get("limit", default)), most)
        below = int(bounds.get("max_id", 1 << 63))
        above = int(bounds.get("min_id", bounds.get("since_id", 0)))
        rest = sorted((x for x in found if above < x.number < below), key=lambda x: x.number, reverse=True)
        page = rest[-size:] if "min_id" in bounds else rest[:size]
        if call.quirk == "empty_page" and "max_id" not in bounds:
            return Answered(body=[], headers=self._links(call, 1 << 62, None))
        links = self._links(call, page[-1].number, page[0].number) if page else {}
        return Answered(body=[x.view() for x in page], headers=links)

    @staticmethod
    def _links(call: Call, last: int, first: int | None) -> dict[str, str]:
        kept = [(n, v) for n, vs in call.query.items() if n not in PAGING.split() or n == "limit" for v in vs]

        def url(name: str, number: int) -> str:
            return f"https://{HOST}/api/v1/somewhere?{urlencode([*kept, (name, str(number))])}"

        links = [f'<{url("max_id", last)}>; rel="next"']
        links += [f'<{url("min_id", first)}>; rel="prev"'] if first is not None else []
        return {"Link": ", ".join(links)}

    def make_account(self, fields: Fields) -> Any:
        """An account with an access token; `number` gives it another id, as a new account of that name has."""
        person = self.world.person(fields.text("acct"))
        person.name = fields.text("name", person.name)
        person.bot = fields.take("bot", bool, person.bot)
        person.number = fields.integer("number", person.number)
        if token := fields.text("token", None):
            self.tokens[token] = (person, tuple(fields.texts("scopes", list(SCOPES))))
        return {"id": str(person.number), "acct": person.acct}

    def deliver(self, fields: Fields) -> Any:
        """Statuses. `id` is a label; `reply_to`, `quotes`, `boosts` take labels or ids; times are epoch seconds."""
        ids = [self._deliver(Fields(item, "A status")) for item in fields.take("statuses", list)]
        return {"ids": ids, "labels": {label: str(number) for label, number in self.labels.items()}}

    def _deliver(self, fields: Fields) -> str:
        label, now = fields.text("id", None), self.clock.now()
        made = self.world.post(
            fields.text("author"), fields.text("text", ""), written=fields.number("written", now), arrived=now,
            lang=fields.text("lang", "en"), subject=fields.text("subject", ""),
            visibility=fields.choice("visibility", ("public", "unlisted", "private", "direct"), "public"),
            parent=self._named(fields.text("reply_to", None)), quoted=self._named(fields.text("quotes", None)),
            boosted=self._named(fields.text("boosts", None)), fields=fields.take("fields", dict, {}),
        )  # fmt: skip
        fields.finish()
        if label:
            self.labels[label] = made.number
        return str(made.number)

    def _named(self, name: str | None) -> Status | None:
        if name is None:
            return None
        found = self.world.statuses.get(self.labels.get(name) or (int(name) if name.isdigit() else 0))
        if found is None:
            raise ControlError(f"There is no status {name!r}: deliver it first.", 404)
        return found

    def delete(self, fields: Fields) -> Any:
        """Take a status away, as its author does."""
        status = self._named(fields.text("id"))
        if status is not None:
            self.world.delete(status)
        return {}

    def revoke(self, fields: Fields) -> Any:
        """Make a token worthless."""
        return {"revoked": self.tokens.pop(fields.text("token"), None) is not None}

    def written(self, fields: Fields) -> Any:
        """What an account has published, oldest first."""
        acct = fields.text("author")
        mine = sorted(
            (s for s in self.world.statuses.values() if s.author.acct == acct), key=lambda s: s.number
        )
        return {"texts": [s.text for s in mine], "statuses": [s.view() for s in mine]}
