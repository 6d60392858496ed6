"""The control API under /control/: set the scene, deliver, inject faults, look at the result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.common.web import ControlError, Fields, control, read_fields
from demo.gmail.hub import LIFETIME, MODIFY, Hub
from demo.gmail.mailbox import Mailbox
from demo.gmail.person import act, label_ids
from demo.gmail.quota import FORMS, UNITS_PER_MINUTE
from demo.gmail.schema import decode_base64

SCOPE_PREFIX = "https://www.googleapis.com/auth/"
Endpoint = Callable[[Request], Awaitable[Response]]


def _full_names(scopes: list[str]) -> list[str]:
    return [name if "/" in name else SCOPE_PREFIX + name for name in scopes]


def _scopes(fields: Fields) -> str:
    return " ".join(_full_names(fields.texts("scopes", [MODIFY])))


class Control:
    """The control requests of one stand-in."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def routes(self) -> list[Route]:
        """Where each request goes."""
        table: list[tuple[str, str, Any]] = [
            ("GET", "health", self.health),
            ("POST", "reset", self.reset),
            ("GET", "mailboxes", self.mailboxes),
            ("POST", "mailboxes", self.create),
            ("POST", "mailboxes/{address}/deliver", self.deliver),
            ("POST", "mailboxes/{address}/person", self.person),
            ("POST", "mailboxes/{address}/expire_history", self.expire),
            ("GET", "mailboxes/{address}/snapshot", self.snapshot),
            ("POST", "oauth", self.oauth),
            ("POST", "service_accounts", self.service_account),
            ("POST", "pubsub", self.pubsub),
            ("POST", "tokens/revoke", self.revoke),
            ("GET", "faults", self.faults),
            ("POST", "faults", self.add_fault),
            ("DELETE", "faults", self.clear_faults),
            ("POST", "faults/release", self.release),
            ("GET", "quota", self.quota),
            ("POST", "quota", self.set_quota),
            ("POST", "clock", self.clock),
            ("GET", "stats", self.stats),
            ("POST", "stats/reset", self.reset_stats),
        ]
        known = [Route(f"/control/{path}", control(handler), methods=[verb]) for verb, path, handler in table]
        return [
            *known,
            Route("/control/{rest:path}", control(self.unknown), methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    def _box(self, request: Request) -> Mailbox:
        return self.hub.mailbox(request.path_params["address"])

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

    async def mailboxes(self, request: Request) -> dict[str, Any]:
        """The mailboxes there are."""
        boxes = [self.hub.mailbox(address) for address in self.hub.addresses()]
        return {"mailboxes": [{"address": box.address, "aliases": box.aliases} for box in boxes]}

    async def create(self, request: Request) -> dict[str, Any]:
        """Make a mailbox with its tokens; one that exists gets the aliases and tokens, and keeps its mail."""
        fields = await read_fields(request)
        address = fields.text("address").lower()
        if "@" not in address:
            raise ControlError(f"The address {address!r} is not a mail address.")
        aliases = [alias.lower() for alias in fields.texts("aliases", [])]
        tokens, refresh = fields.take("tokens", list, None), fields.take("refresh_tokens", list, None)
        if tokens is None:
            tokens = [{"token": f"token-{address}"}]
        if refresh is None:
            refresh = [{"token": f"refresh-{address}"}]
        fields.finish()
        with self.hub.store.change():
            box, new = self.hub.ensure(address, aliases)
            access = [self._access(address, Fields(item, "A token")) for item in tokens]
            renewing = [self._renewing(address, Fields(item, "A refresh token")) for item in refresh]
        return {
            "address": address,
            "created": new,
            "tokens": access,
            "refresh_tokens": renewing,
            "historyId": str(box.history_id),
        }

    def _access(self, address: str, fields: Fields) -> str:
        token, scopes = fields.text("token"), _scopes(fields)
        lifetime = fields.integer("expires_in", None)
        fields.finish()
        return self.hub.issue(address, scopes, lifetime, token)

    def _renewing(self, address: str, fields: Fields) -> str:
        token: str = fields.text("token")
        client = fields.text("client_id", "client-id"), fields.text("client_secret", "client-secret")
        scopes, lifetime = _scopes(fields), fields.integer("lifetime", LIFETIME, low=1)
        left = fields.integer("expires_in", None)
        fields.finish()
        ends = None if left is None else self.hub.clock.now() + left
        self.hub.renewing(token, address, scopes, client, lifetime, ends)
        return token

    async def oauth(self, request: Request) -> dict[str, Any]:
        """An OAuth client, and what the person at its consent screen does."""
        fields = await read_fields(request)
        made = self.hub.oauth.add_client(fields, _full_names)
        fields.finish()
        self.hub.mailbox(self.hub.oauth.clients[made].mailbox)
        return {"client_id": made}

    async def pubsub(self, request: Request) -> dict[str, Any]:
        """A topic that Gmail may publish to, and a subscription to it."""
        fields = await read_fields(request)
        topic, subscription = fields.text("topic"), fields.text("subscription")
        fields.finish()
        self.hub.pubsub.topics[subscription] = topic
        return {}

    async def service_account(self, request: Request) -> dict[str, Any]:
        """A service account with domain-wide delegation."""
        fields = await read_fields(request)
        made = self.hub.oauth.add_account(fields, _full_names)
        fields.finish()
        return {"email": made}

    async def revoke(self, request: Request) -> dict[str, Any]:
        """Make an access or refresh token worthless."""
        fields = await read_fields(request)
        token = fields.text("token")
        fields.finish()
        for table in ("access_token", "refresh_token", "refresh_end"):
            self.hub.store.run(f"DELETE FROM {table} WHERE token = ?", token)
        return {}

    async def deliver(self, request: Request) -> dict[str, Any]:
        """Put mail into a mailbox, all or nothing."""
        box, fields = self._box(request), await read_fields(request)
        items = fields.take("messages", list)
        fields.finish()
        with self.hub.store.change():
            delivered = [self._deliver(box, Fields(item, "A message")) for item in items]
        return {"delivered": delivered, "historyId": str(box.history_id)}

    @staticmethod
    def _deliver(box: Mailbox, fields: Fields) -> dict[str, Any]:
        raw = decode_base64(fields.text("raw"))
        if raw is None:
            raise ControlError("The field 'raw' of a message must be base64url.")
        date, thread = fields.integer("internalDate", None), fields.text("thread", None)
        labels = label_ids(box, fields.texts("labels", ["INBOX", "UNREAD"]), make=True)
        fields.finish()
        return box.add(raw, labels=labels, date=date, key=thread).brief

    async def person(self, request: Request) -> dict[str, Any]:
        """Something a person does in Gmail itself."""
        return act(self.hub, self._box(request), await read_fields(request))

    async def expire(self, request: Request) -> dict[str, Any]:
        """Make every history id handed out so far too old."""
        return {"historyId": str(self._box(request).expire_history())}

    async def snapshot(self, request: Request) -> dict[str, Any]:
        """Message ids, threads and label names, in canonical order."""
        return self._box(request).snapshot()

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

    async def quota(self, request: Request) -> dict[str, Any]:
        """The limit, and the units of this minute by mailbox."""
        meter = self.hub.meter
        used = {address: meter.used(address) for address in self.hub.addresses()}
        return {"limit": meter.limit, "project": meter.project, "form": meter.form, "used": used}

    async def set_quota(self, request: Request) -> dict[str, Any]:
        """Set the limits or lift them (0), choose how refusals look, empty the windows."""
        fields = await read_fields(request)
        limit = fields.integer("limit", UNITS_PER_MINUTE, low=0)
        project = fields.integer("project", 0, low=0)
        form = fields.choice("form", ("alternate", *FORMS), "alternate")
        fields.finish()
        self.hub.meter.limit, self.hub.meter.project, self.hub.meter.form = (
            limit or None,
            project or None,
            form,
        )
        self.hub.meter.forget()
        return await self.quota(request)

    async def clock(self, request: Request) -> dict[str, Any]:
        """Let simulated seconds pass."""
        fields = await read_fields(request)
        seconds = fields.number("advance")
        fields.finish()
        return {"now": self.hub.advance(seconds)}

    async def stats(self, request: Request) -> dict[str, Any]:
        """What was asked and what it cost."""
        return self.hub.stats.as_json()

    async def reset_stats(self, request: Request) -> dict[str, Any]:
        """Count from zero."""
        self.hub.stats.reset()
        return {}
