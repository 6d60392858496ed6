"""Everything the stand-in holds: mailboxes, tokens, quota, faults, and the clock they share."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from demo.common.clock import Clock
from demo.common.faults import FaultBook
from demo.common.web import ControlError
from demo.gmail import mime
from demo.gmail.contract import gmail_contract
from demo.gmail.errors import invalid_credentials, login_required
from demo.gmail.mailbox import Mailbox, Stored
from demo.gmail.oauth import OAuth
from demo.gmail.pubsub import PubSub
from demo.gmail.quota import Meter, Stats
from demo.gmail.store import Store

QUIRKS = ("gone", "empty_history", "repeat_history")
MODIFY = "https://www.googleapis.com/auth/gmail.modify"
LIFETIME = 3599
EXTRA_METHODS = {"batch": "batch", "token": "token", "pubsub": "pubsub"}


class Hub:
    """The state of one running stand-in."""

    def __init__(self, path: str) -> None:
        self.store = Store(path)
        self.clock = Clock(float(self.store.setting("clock", "0")))
        self.contract = gmail_contract()
        self.meter = Meter(self.clock)
        self.stats = Stats()
        self.oauth = OAuth()
        self.pubsub = PubSub()
        self.faults = FaultBook(quirks=QUIRKS, methods=self.contract.names() | EXTRA_METHODS)

    def addresses(self) -> list[str]:
        """The addresses of all mailboxes."""
        return [row["address"] for row in self.store.rows("SELECT address FROM mailbox ORDER BY address")]

    def mailbox(self, address: str) -> Mailbox:
        """A mailbox by its address, for control requests."""
        if address.lower() not in self.addresses():
            raise ControlError(f"There is no mailbox {address}: create it with POST /control/mailboxes.", 404)
        return Mailbox(self.store, self.clock, address.lower())

    def ensure(self, address: str, aliases: Sequence[str]) -> tuple[Mailbox, bool]:
        """The mailbox of an address, and whether it had to be made; the aliases are set in both cases."""
        new = address not in self.addresses()
        box = Mailbox.create(self.store, self.clock, address, aliases) if new else self.mailbox(address)
        self.store.run("UPDATE mailbox SET aliases = ? WHERE address = ?", json.dumps(list(aliases)), address)
        return box, new

    def deliver(self, address: str, raw: bytes) -> list[Stored]:
        """Hand a sent mail to the mailboxes here that it is for; a mail to oneself stays one message."""
        arrived = []
        for owner in self.addresses():
            box = Mailbox(self.store, self.clock, owner)
            if address not in [owner, *box.aliases]:
                continue
            sql = "SELECT id FROM message WHERE mailbox = ? AND message_id = ? AND message_id <> ''"
            own = self.store.row(sql, owner, mime.facts(raw).message_id)
            copy = box.message(own["id"]) if own is not None else None
            if copy is not None:
                arrived.append(box.change_labels(copy, ["INBOX", "UNREAD"], []))
            else:
                arrived.append(box.add(raw, labels=["INBOX", "UNREAD"]))
        return arrived

    def grant(self, authorization: str | None) -> tuple[Mailbox, frozenset[str]]:
        """The mailbox and the scopes behind an Authorization header."""
        if not authorization:
            raise login_required()
        scheme, _, token = authorization.partition(" ")
        row = self.store.row("SELECT * FROM access_token WHERE token = ?", token.strip())
        if scheme.lower() != "bearer" or row is None:
            raise invalid_credentials()
        if row["expires"] is not None and row["expires"] <= self.clock.now():
            raise invalid_credentials()
        return Mailbox(self.store, self.clock, row["mailbox"]), frozenset(row["scopes"].split())

    def owner(self, authorization: str | None) -> str | None:
        """The address behind an Authorization header, expired or not."""
        token = (authorization or "").partition(" ")[2].strip()
        row = self.store.row("SELECT mailbox FROM access_token WHERE token = ?", token)
        return None if row is None else str(row["mailbox"])

    def issue(self, address: str, scopes: str, lifetime: int | None, token: str | None = None) -> str:
        """A new access token; no lifetime means that it never expires."""
        made = token or "ya29." + secrets.token_urlsafe(32)
        expires = None if lifetime is None else self.clock.now() + lifetime
        self.store.run(
            "INSERT OR REPLACE INTO access_token VALUES (?, ?, ?, ?)", made, address, scopes, expires
        )
        return made

    def renewing(
        self,
        token: str,
        address: str,
        scopes: str,
        client: tuple[str, str],
        lifetime: int,
        ends: float | None,
    ) -> None:
        """A refresh token whose access tokens live `lifetime` seconds; it ends at `ends`, or never."""
        self.store.run(
            "INSERT OR REPLACE INTO refresh_token VALUES (?, ?, ?, ?, ?, ?)",
            token,
            address,
            scopes,
            *client,
            lifetime,
        )
        self.store.run("DELETE FROM refresh_end WHERE token = ?", token)
        if ends is not None:
            self.store.run("INSERT INTO refresh_end VALUES (?, ?)", token, ends)

    def advance(self, seconds: float) -> float:
        """Move the clock, for this run and the next."""
        now = self.clock.advance(seconds)
        self.store.remember("clock", str(self.clock.offset))
        return now

    def reset(self) -> None:
        """Back to an empty stand-in."""
        self.store.wipe()
        self.clock.offset = 0.0
        self.meter = Meter(self.clock)
        self.stats.reset()
        self.oauth = OAuth()
        self.pubsub = PubSub()
        self.faults.clear()

    def close(self) -> None:
        """Close the database."""
        self.store.close()
