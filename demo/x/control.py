"""The control API under /control/: set the scene, deliver, inject faults, look at the result."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from demo.common.web import ControlError, Fields, control, read_fields
from demo.x.hub import SETTINGS, Hub
from demo.x.oauth1 import KEYS, Keys
from demo.x.people import User
from demo.x.posts import Post
from demo.x.snowflake import EPOCH_MS, iso, parse_ms
from demo.x.text import guess_language
from demo.x.writes import make_post

MICROS = 1_000_000
VERBS = ["GET", "POST", "PUT", "DELETE"]


class Control:
    """The control requests of one stand-in."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def routes(self) -> list[Route]:
        """Where each request goes."""
        table: list[tuple[str, str, Any]] = [
            ("GET", "health", self.health),
            ("POST", "reset", self.reset),
            ("GET", "users", self.users),
            ("POST", "users", self.create),
            ("POST", "tokens/revoke", self.revoke),
            ("POST", "deliver", self.deliver),
            ("POST", "edit", self.edit),
            ("POST", "delete", self.delete),
            ("GET", "faults", self.faults),
            ("POST", "faults", self.add_fault),
            ("DELETE", "faults", self.clear_faults),
            ("POST", "faults/release", self.release),
            ("GET", "limits", self.limits),
            ("POST", "limits", self.set_limits),
            ("POST", "limits/reset", self.reset_limits),
            ("POST", "credits", self.credits),
            ("POST", "settings", self.settings),
            ("POST", "clock", self.clock),
            ("GET", "stats", self.stats),
            ("POST", "stats/reset", self.reset_stats),
            ("GET", "snapshot", self.snapshot),
        ]
        known = [Route(f"/control/{path}", control(handler), methods=[verb]) for verb, path, handler in table]
        return [*known, Route("/control/{rest:path}", control(self.unknown), methods=VERBS)]

    async def health(self, request: Request) -> dict[str, Any]:
        """That it runs."""
        return {"status": "ok", "now": self.hub.clock.now()}

    async def unknown(self, request: Request) -> None:
        """A path that is none of ours."""
        raise ControlError(f"There is no control request {request.method} {request.url.path}.", 404)

    async def reset(self, request: Request) -> dict[str, Any]:
        """Back to empty."""
        self.hub.reset()
        return {}

    async def users(self, request: Request) -> dict[str, Any]:
        """Everybody."""
        return {"users": [self._user(user) for user in self.hub.people.by_id.values()]}

    @staticmethod
    def _user(user: User) -> dict[str, Any]:
        return {"id": str(user.id), "handle": user.handle, "name": user.name}

    async def create(self, request: Request) -> dict[str, Any]:
        """Make a user with tokens; one that exists gets what is given and keeps the rest."""
        fields = await read_fields(request)
        handle = fields.text("handle")
        facts = {name: fields.text(name, None) for name in ("name", "description", "location")}
        facts["verified"] = fields.take("verified", bool, None)
        tokens = {"user": fields.texts("tokens", []), "app": fields.texts("app_tokens", [])}
        oauth1 = fields.take("oauth1", dict, None)
        fields.finish()
        with self.hub.change():
            user = self.hub.people.ensure(handle, **facts)
            for kind, names in tokens.items():
                for token in names:
                    self.hub.people.issue(user, kind, token)
            if oauth1 is not None:
                self.hub.people.issue_oauth1(user, self._keys(Fields(oauth1, "The field 'oauth1'")))
        return self._user(user)

    @staticmethod
    def _keys(fields: Fields) -> Keys:
        keys = Keys(**{name: fields.text(name) for name in KEYS})
        fields.finish()
        return keys

    async def revoke(self, request: Request) -> dict[str, Any]:
        """Make a token worthless."""
        fields = await read_fields(request)
        token = fields.text("token")
        fields.finish()
        return {"revoked": self.hub.people.revoke(token)}

    async def deliver(self, request: Request) -> dict[str, Any]:
        """Put posts into the world, all or nothing; a label that is known already is not posted twice."""
        fields = await read_fields(request)
        items = fields.take("posts", list)
        fields.finish()
        with self.hub.change():
            made = [self._deliver(Fields(item, "A post")) for item in items]
        labels = {post.label: str(post.id) for post in made if post.label is not None}
        return {"ids": [str(post.id) for post in made], "labels": labels}

    def _deliver(self, fields: Fields) -> Post:
        label, author, text = fields.text("id", None), fields.text("author"), fields.text("text", "")
        name, lang, moment = (
            fields.text("author_name", None),
            fields.text("lang", None),
            fields.text("created_at", None),
        )
        names = {way: fields.text(way, None) for way in ("reply_to", "quotes", "retweets")}
        fields.finish()
        if label is not None and label in self.hub.posts.labels:
            return self.hub.posts.by_id[self.hub.posts.labels[label]]
        if not text.strip() and names["retweets"] is None:
            raise ControlError(f"The post {label or ''!r} of @{author} needs a text.")
        targets = {way: self._post(target) for way, target in names.items() if target is not None}
        user = self.hub.people.ensure(author, name=name)
        ms = self.hub.now_ms if moment is None else self._moment(moment)
        return make_post(self.hub, user, text.strip(), ms, label=label, lang=lang, **targets)

    @staticmethod
    def _moment(text: str) -> int:
        try:
            ms = parse_ms(text)
        except ValueError as error:
            raise ControlError(f"The time {text!r} is not ISO 8601, such as 2026-11-22T20:39:00Z.") from error
        if ms <= EPOCH_MS:
            raise ControlError(f"The time {text!r} is before the first snowflake, {iso(EPOCH_MS)}.")
        return ms

    def _post(self, name: str) -> Post:
        """A post by label or by id."""
        posts = self.hub.posts
        found = posts.by_id.get(posts.labels.get(name) or (int(name) if name.isdigit() else 0))
        if found is None or found.state == "deleted":
            raise ControlError(f"There is no post {name!r}: deliver it first.", 404)
        return found

    async def edit(self, request: Request) -> dict[str, Any]:
        """Give a post a new text; as on X the new version has an id of its own."""
        fields = await read_fields(request)
        post, text = self._post(fields.text("id")), fields.text("text")
        lang = fields.text("lang", None) or guess_language(text)
        fields.finish()
        with self.hub.change():
            edited = self.hub.posts.edit(post, text, lang, self.hub.now_ms)
        return {"id": str(edited.id), "edit_history_tweet_ids": [str(version) for version in edited.versions]}

    async def delete(self, request: Request) -> dict[str, Any]:
        """Take a post away, as its author does."""
        fields = await read_fields(request)
        post = self._post(fields.text("id"))
        fields.finish()
        with self.hub.change():
            self.hub.posts.delete(post)
        return {"id": str(post.id)}

    async def faults(self, request: Request) -> dict[str, Any]:
        """The rules, and how many requests hang at this moment."""
        book = self.hub.faults
        return {"rules": [rule.as_json() for rule in book.rules], "holding": book.holding}

    async def add_fault(self, request: Request) -> dict[str, Any]:
        """One more rule."""
        return self.hub.faults.add(await read_fields(request)).as_json()

    async def clear_faults(self, request: Request) -> dict[str, Any]:
        """No rules; what hangs goes on."""
        self.hub.faults.clear()
        return {}

    async def release(self, request: Request) -> dict[str, Any]:
        """What hangs goes on; the rules stay."""
        return {"released": self.hub.faults.release()}

    async def limits(self, request: Request) -> dict[str, Any]:
        """The limits in force."""
        return {"limits": self.hub.limits.table}

    async def set_limits(self, request: Request) -> dict[str, Any]:
        """Change the limits of an endpoint."""
        fields = await read_fields(request)
        endpoint = fields.text("endpoint")
        app, user = fields.integer("app", None, low=0), fields.integer("user", None, low=0)
        fields.finish()
        self.hub.limits.change(endpoint, app=app, user=user)
        return await self.limits(request)

    async def reset_limits(self, request: Request) -> dict[str, Any]:
        """X's own limits, and nothing used of them."""
        self.hub.limits.restore()
        return await self.limits(request)

    async def credits(self, request: Request) -> dict[str, Any]:
        """How many dollars are left; null: no end to them."""
        fields = await read_fields(request)
        dollars = fields.number("dollars", None)
        fields.finish()
        self.hub.ledger.set_credits(None if dollars is None else round(dollars * MICROS))
        return {"credits_left_usd": dollars}

    async def settings(self, request: Request) -> dict[str, Any]:
        """Change how the stand-in behaves; answers all settings."""
        fields = await read_fields(request)
        lag = fields.number("search_lag", None)
        policy = fields.choice("reply_policy", ("summoned", "open"), None)
        expansions = fields.choice("bill_expansions", ("yes", "no"), None)
        fields.finish()
        given = {"search_lag": lag, "reply_policy": policy, "bill_expansions": expansions}
        for name, value in given.items():
            if value is not None:
                self.hub.database.remember(name, str(value))
        return {name: self.hub.setting(name) for name in SETTINGS}

    async def clock(self, request: Request) -> dict[str, Any]:
        """Let simulated seconds pass."""
        fields = await read_fields(request)
        seconds = fields.number("advance")
        fields.finish()
        return {"now": self.hub.advance(seconds)}

    async def stats(self, request: Request) -> dict[str, Any]:
        """What was asked and what it cost."""
        return self.hub.ledger.as_json()

    async def reset_stats(self, request: Request) -> dict[str, Any]:
        """Count from zero."""
        self.hub.ledger.reset()
        return {}

    async def snapshot(self, request: Request) -> dict[str, Any]:
        """Users and posts in canonical order, without tokens and counts."""
        hub = self.hub
        posts = [self._shown(hub.posts.by_id[post_id]) for post_id in hub.posts.ids]
        return {
            "users": [self._user(hub.people.by_id[user]) for user in sorted(hub.people.by_id)],
            "posts": posts,
        }

    def _shown(self, post: Post) -> dict[str, Any]:
        return {
            "id": str(post.id),
            "label": post.label,
            "author": self.hub.people.by_id[post.author].handle,
            "created_at": iso(post.created_ms),
            "text": post.text,
            "lang": post.lang,
            "conversation_id": str(post.conversation),
            "references": [[kind, str(target)] for kind, target in post.references],
            "versions": [str(version) for version in post.versions],
            "state": post.state,
        }
