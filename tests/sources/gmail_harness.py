"""One mailbox of the Gmail stand-in, for every test of the Gmail source."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any

from demo.common.serving import Server
from tests.sources.contract import Collected, collect
from triage.sources.base import Credentials, SourceSettings
from triage.sources.gmail import GmailSource

ME = "care@volmera.example"


ALIAS = "bonjour@volmera.example"


PRICES = {
    "history.list": 2, "messages.list": 5, "messages.get": 20, "messages.modify": 5, "messages.batchModify": 50,
    "labels.list": 1, "labels.create": 5, "labels.patch": 5, "getProfile": 1,
    "settings.sendAs.list": 1, "watch": 100,
}  # fmt: skip


def mail(
    number: int = 1, *, sender: str = "Ana Sorel <ana@example.org>", body: str = "", **headers: str
) -> bytes:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ME
    message["Subject"] = f"Question {number}"
    message["Message-ID"] = f"<q{number}@example.org>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body or f"My mixer number {number} leaks.")
    return message.as_bytes()


class GmailHarness:
    """One mailbox of the stand-in."""

    several_pages = 130

    def __init__(self, server: Server) -> None:
        self.server = server
        self.count = 0
        server.control("reset", {})
        server.control("mailboxes", {"address": ME, "aliases": [ALIAS]})
        server.control("quota", {"limit": 0})

    def credentials(self, **extra: Any) -> Credentials:
        extra = extra or {"token": f"token-{ME}"}
        return Credentials(login=ME, extra={"api_endpoint": self.server.url, **extra})

    def source(self, *, stored: set[str] | None = None, **settings: Any) -> GmailSource:
        return GmailSource(
            SourceSettings(account="care", addresses=(ME, ALIAS), prices=PRICES, **settings),
            self.credentials(),
            known=lambda ids: set(ids) & (stored or set()),
        )

    def put(self, raws: Sequence[bytes], **fields: Any) -> list[str]:
        items = [{"raw": base64.urlsafe_b64encode(raw).decode(), **fields} for raw in raws]
        return [item["id"] for item in self.box("deliver", {"messages": items})["delivered"]]

    def box(self, verb: str, body: Any = None) -> Any:
        return self.server.control(f"mailboxes/{ME}/{verb}", body)

    def deliver(self, count: int) -> list[str]:
        first = self.count + 1
        self.count += count
        return self.put([mail(number) for number in range(first, self.count + 1)])

    def reply(self, native_id: str) -> str:
        threads = {item["id"]: item["thread"] for item in self.box("snapshot")["messages"]}
        done = self.box("person", {"action": "reply", "thread": threads[native_id], "text": "We are on it."})
        return str(done["messages"][0]["id"])

    def deliver_unreadable(self) -> str:
        return self.put([b"\r\n\r\n"])[0]

    def expire(self) -> None:
        self.box("expire_history", {})

    def fault(self, **rule: Any) -> None:
        self.server.control("faults", rule)

    def stats(self) -> Any:
        return self.server.control("stats")

    def spent(self) -> dict[str, int]:
        """Units by method, as the stand-in counts them."""
        methods = self.stats()["methods"]
        return {name.removeprefix("gmail.users."): m["units"] for name, m in methods.items() if m["units"]}


def ready(harness: GmailHarness) -> Collected:
    """A collector that has done the first sync of an empty mailbox; counts start at zero."""
    collected = collect(harness)
    harness.server.control("stats/reset", {})
    return collected
