"""All four services, our database and the outbox of replies between them: for tests of replying."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import requests
from psycopg2.extensions import connection as Connection

from demo.common.serving import Server
from tests.builders import ROOT, one, table
from tests.ops.services import ADDRESSES, CARE, Services
from tests.sources.gmail_harness import mail
from triage.config import Settings, Topics, Triage
from triage.ops import care, reply
from triage.ops.collect import collect
from triage.ops.report import Report
from triage.ops.sources import for_account, limits_of, quota_of, replier_for
from triage.sources.base import Credentials
from triage.store import db, replies

SOURCES = ("gmail", "x", "bluesky", "mastodon")
KEYS = {
    "consumer_key": "ck", "consumer_secret": "cs", "access_token": "1500000001-at", "access_token_secret": "ats",
}  # fmt: skip
PRICES = {
    "gmail": {
        "history.list": 2, "messages.list": 5, "messages.get": 20, "getProfile": 1, "settings.sendAs.list": 1,
        "messages.send": 100, "threads.get": 40, "labels.list": 1, "messages.modify": 5,
    },
    "x": {"mention": 1000, "own": 1000, "post": 5000, "user": 10_000, "create": 15_000, "create_with_url": 200_000},
}  # fmt: skip


class Outbox:
    """One account, named as its source. `ask` is somebody who writes to us, `say` a responder, `send` the DAG."""

    def __init__(self, connection: Connection, services: Services, topics: Topics, source: str) -> None:
        self.connection = connection
        self.source = source
        services.begin_again(source)
        self.server: Server = getattr(services, source)
        self.credentials = services.credentials(source)
        if source == "x":
            signed = {**KEYS, "token": KEYS["access_token"], "token_secret": KEYS["access_token_secret"]}
            del signed["access_token"], signed["access_token_secret"]
            self.server.control("users", {"handle": "volmera", "oauth1": signed})
            self.credentials = self.with_extra(**KEYS)
        quota: dict[str, Any] = {source: {"prices": PRICES.get(source, {})}}
        if source == "gmail":
            quota[source]["units_per_minute"] = 6000
        listed = {"name": source, "source": source, "connection": source, "addresses": ADDRESSES[source]}
        self.yaml: dict[str, Any] = {"version": 1, "accounts": [listed], "quota": quota}
        self.topics = topics
        self.count = 0
        self.configure()

    def configure(self) -> None:
        """Take in what `yaml` says now."""
        self.settings = Settings(triage=Triage.model_validate(self.yaml), topics=self.topics)
        self.account = self.settings.triage.account(self.source)

    def with_extra(self, **extra: Any) -> Credentials:
        """The credentials with something else in the connection."""
        held = self.credentials
        return Credentials(login=held.login, password=held.password, extra={**held.extra, **extra})

    def environment(self, folder: Path, dsn: str) -> dict[str, str]:
        """What a `triage` command needs to work on this; its configuration is written into the folder."""
        (folder / "triage.yaml").write_text(json.dumps(self.yaml))
        (folder / "topics.yaml").write_text((ROOT / "config" / "topics.yaml").read_text())
        held = self.credentials
        given = {
            "conn_type": self.source,
            "login": held.login,
            "password": held.password,
            "extra": dict(held.extra),
        }
        return {
            "TRIAGE_CONFIG": str(folder), "TRIAGE_DSN": dsn, f"AIRFLOW_CONN_{self.source.upper()}": json.dumps(given),
        }  # fmt: skip

    def ask(self, text: str = "", *, author: str = "ada", collected: bool = True, **more: Any) -> int:
        """Somebody writes to us; the conversation's id, once it is collected."""
        self.count += 1
        text = text or f"My mixer number {self.count} smokes."
        if self.source == "gmail":
            raw = mail(self.count, sender=f"{author} <{author}@example.org>", body=text, **more)
            native_id = self.put(raw)
        elif self.source == "x":
            post = {"id": f"q{self.count}", "author": author, "text": f"@volmera {text}", **more}
            native_id = self.server.control("deliver", {"posts": [post]})["labels"][post["id"]]
        else:
            bluesky = self.source == "bluesky"
            us = "volmera.example" if bluesky else "volmera"
            post = {"author": f"{author}.example" if bluesky else author, "text": f"@{us} {text}", **more}
            native_id = self.server.control("deliver", {"posts" if bluesky else "statuses": [post]})["ids"][0]
        if not collected:
            return 0
        self.collect()
        return int(
            one(self.connection, "SELECT conversation_id FROM triage.message WHERE native_id = %s", native_id)
        )

    def delete(self, native_id: str) -> None:
        """What was written to us is gone, before we hear of it."""
        if self.source == "gmail":
            self.server.control(f"mailboxes/{CARE}/person", {"action": "delete", "message": native_id})
        else:
            self.server.control("delete", {"id": native_id})

    def put(self, raw: bytes) -> str:
        """A mail for us; its id."""
        item = {"raw": base64.urlsafe_b64encode(raw).decode(), "labels": ["INBOX"]}
        done = self.server.control(f"mailboxes/{CARE}/deliver", {"messages": [item]})
        return str(done["delivered"][0]["id"])

    def collect(self) -> Report:
        """Collect; the ledger balances after it."""
        source = for_account(self.connection, self.account, self.settings, self.credentials)
        report = collect(self.connection, source, self.account.name, **limits_of(self.account, self.settings))
        care.audit(self.connection)
        return report

    def say(
        self, conversation: int, text: str = "We are on it.", *, by: str = "ann", key: str | None = None
    ) -> int:
        """A responder replies; the reply's id."""
        with db.transaction(self.connection):
            return replies.write(self.connection, conversation, by=by, text=text, key=key)

    def send(self, **changes: Any) -> Report:
        """Send what is wanted; the ledger balances after it."""
        given = {
            **limits_of(self.account, self.settings),
            "units_per_day": quota_of(self.account, self.settings).units_per_day,
            "sleep": lambda seconds: None,
            "patience": timedelta(0),
        }
        report = reply.send(
            self.connection,
            lambda: replier_for(self.connection, self.account, self.settings, self.credentials),
            self.account.name,
            **given | changes,
        )
        care.audit(self.connection)
        return report

    def reply(self, reply_id: int) -> dict[str, Any]:
        """A row of the outbox."""
        return table(self.connection, "SELECT * FROM triage.reply WHERE id = %s", reply_id)[0]

    def age(self, reply_id: int, **span: float) -> None:
        """So much time passes for a reply whose end nobody saw."""
        with db.transaction(self.connection):
            db.execute(
                self.connection, "UPDATE triage.reply SET changed_at = changed_at - %s WHERE id = %s",
                (timedelta(**span), reply_id),
            )  # fmt: skip

    def due(self) -> None:
        """The time that a rest asked for has passed."""
        with db.transaction(self.connection):
            db.execute(self.connection, "UPDATE triage.reply SET not_before = '-infinity'")

    def state(self, conversation: int) -> str:
        """What a conversation is in."""
        return str(
            one(self.connection, "SELECT state::text FROM triage.conversation WHERE id = %s", conversation)
        )

    def spent(self) -> dict[str, int]:
        """Our ledger, by method."""
        rows = table(
            self.connection,
            "SELECT method, sum(units) AS units FROM triage.quota_use WHERE NOT reserved GROUP BY 1",
        )
        return {row["method"]: int(row["units"]) for row in rows if row["units"]}

    def mails(self) -> list[EmailMessage]:
        """The mails that are out there in our name."""
        return sent_mails(self.server)

    def ours(self) -> list[str]:
        """The texts that are out there in our name."""
        return published(self.source, self.server)


def published(source: str, server: Server) -> list[str]:
    """The texts of all that the brand wrote, as its service has them; names that an answer begins with cut."""
    if source == "gmail":
        return [str(mail.get_content()).strip() for mail in sent_mails(server)]
    if source == "x":
        posts = [p for p in server.control("snapshot")["posts"] if p["author"] == "volmera"]
        return [re.sub(r"^(@\w+ )+", "", p["text"]) for p in posts]
    author = "volmera.example" if source == "bluesky" else "volmera"
    return [re.sub(r"^(@\w+ )+", "", text) for text in server.control("written", {"author": author})["texts"]]


def sent_mails(server: Server) -> list[EmailMessage]:
    """Our mailbox's sent mail, newest first, as Gmail gives it raw."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer token-{CARE}"
        root = f"{server.url}/gmail/v1/users/me/messages"
        asked = {"labelIds": "SENT", "maxResults": "500"}
        listed = session.get(root, params=asked, timeout=30).json().get("messages", [])
        raws = [
            session.get(f"{root}/{m['id']}", params={"format": "raw"}, timeout=30).json()["raw"]
            for m in listed
        ]
    found = [message_from_bytes(base64.urlsafe_b64decode(raw), policy=default) for raw in raws]
    return [mail for mail in found if isinstance(mail, EmailMessage)]
