"""Which addresses are ours: those of the settings, and those the mailbox itself may send from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from triage.core.errors import TriageError
from triage.sources.base import Now
from triage.sources.gmail_find import Left
from triage.sources.gmail_history import Position
from triage.sources.gmail_http import GmailClient

METHOD = "settings.sendAs.list"
FRESH_SECONDS = 24 * 3600
PATIENCE_SECONDS = 3600
"""How long until Gmail is asked again after it refused; what is known from before holds meanwhile."""


class Ours:
    """The addresses of ours that one mailbox knows; send-as addresses are asked for once a day (1 unit)."""

    def __init__(self, client: GmailClient, addresses: Sequence[str], now: Now) -> None:
        self._client = client
        self._addresses = addresses
        self._now = now

    def of(self, position: Position) -> tuple[str, ...]:
        """All of them, in lower case; the first is the mailbox's own."""
        return tuple(dict.fromkeys(a.lower() for a in (*self._addresses, *position.senders)))

    def refreshed(self, position: Position, left: Left) -> Position:
        """With the send-as addresses of today. That they cannot be had never stops reading."""
        now, units = self._now().timestamp(), left()
        fresh = position.senders_at <= now < position.senders_at + FRESH_SECONDS
        if fresh or (
            units is not None and units < self._client.price(METHOD) + self._client.price("messages.get")
        ):
            return position
        request = self._client.users.settings().sendAs().list(userId="me", fields="sendAs(sendAsEmail)")
        try:
            answer = self._client.call(METHOD, request)
        except TriageError:
            return replace(position, senders_at=now - FRESH_SECONDS + PATIENCE_SECONDS)
        senders = tuple(str(item["sendAsEmail"]).lower() for item in answer.get("sendAs", ()))
        return replace(position, senders=senders, senders_at=now)
