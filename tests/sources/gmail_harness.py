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
    "labels.list": 1, "labels.create": 5, "getProfile": 1,
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

    def inject(self, fault: str) -> None:
        for rule in FAULTS[fault]:
            self.fault(**rule)

    def fault(self, **rule: Any) -> None:
        self.server.control("faults", rule)

    def stats(self) -> Any:
        return self.server.control("stats")

    def spent(self) -> dict[str, int]:
        """Units by method, as the stand-in counts them."""
        methods = self.stats()["methods"]
        return {name.removeprefix("gmail.users."): m["units"] for name, m in methods.items() if m["units"]}


READ: dict[str, Any] = {"method": "messages.get", "where": "batch"}


FAULTS: dict[str, list[dict[str, Any]]] = {
    "500 for the batch": [{"method": "batch", "kind": "status", "status": 500}],
    "503 for the batch, again and again": [{"method": "batch", "kind": "status", "status": 503, "times": 4}],
    "500 inside the batch": [READ | {"kind": "status", "status": 500, "skip": 1, "times": 2}],
    "500 twice inside the batch": [READ | {"kind": "status", "status": 500, "times": 8}],
    "429 inside the batch": [READ | {"kind": "status", "status": 429, "skip": 2, "times": 3}],
    "403 rate limit inside the batch": [
        READ | {"kind": "status", "status": 403, "reason": "userRateLimitExceeded", "skip": 1, "times": 2}
    ],
    "429 for every part": [READ | {"kind": "status", "status": 429, "times": 5}],
    "429 for the batch": [{"method": "batch", "kind": "status", "status": 429, "retry_after": 7}],
    "truncated batch": [{"method": "batch", "kind": "truncated"}],
    "malformed batch": [{"method": "batch", "kind": "malformed"}],
    "truncated part": [READ | {"kind": "truncated"}],
    "malformed part": [READ | {"kind": "malformed", "skip": 1}],
    "dropped batch": [{"method": "batch", "kind": "drop"}],
    "batch done but lost": [{"method": "batch", "kind": "drop", "when": "after"}],
    "500 for lists": [
        {"method": "history.list", "kind": "status", "status": 500},
        {"method": "messages.list", "kind": "status", "status": 500},
        {"method": "getProfile", "kind": "status", "status": 500},
    ],
    "429 for lists": [
        {"method": "history.list", "kind": "status", "status": 429},
        {"method": "messages.list", "kind": "status", "status": 429},
    ],
    "truncated lists": [
        {"method": "history.list", "kind": "truncated"},
        {"method": "messages.list", "kind": "truncated"},
    ],
    "repeated history": [{"method": "history.list", "kind": "repeat_history", "times": 0}],
    "empty page of history with a token": [{"method": "history.list", "kind": "empty_history"}],
}


def ready(harness: GmailHarness) -> Collected:
    """A collector that has done the first sync of an empty mailbox; counts start at zero."""
    collected = collect(harness)
    harness.server.control("stats/reset", {})
    return collected
