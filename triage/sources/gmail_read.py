"""Reading what is pending: batches of at most 50, as far as the units and Gmail allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from triage.core.errors import Retry, Skip
from triage.core.types import Message, MessageKey, Quarantined
from triage.sources.base import Now
from triage.sources.gmail_find import MOST_READ, Left
from triage.sources.gmail_history import HIDDEN, UNREAD_KINDS, Position
from triage.sources.gmail_http import MOST_PARTS, GmailClient, Limited, Missing, Refused, Unavailable
from triage.sources.gmail_message import to_message, to_quarantine

METHOD = "messages.get"
MOST_TRIES = 5
"""Pulls in which Gmail may fail on one message while it gives others, before that one is quarantined."""

_MOST_BATCH_CHARACTERS = 32_000_000
_FIELDS = "id,threadId,labelIds,internalDate,raw"


@dataclass(kw_only=True, slots=True)
class Reading:
    """What one pull has read, and why it stopped early (`paused`, else empty)."""

    messages: list[Message] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    paused: str = ""

    @property
    def count(self) -> int:
        """Items settled."""
        return len(self.messages) + len(self.quarantined) + len(self.gone)


class Reader:
    """Reads messages of one mailbox."""

    def __init__(self, client: GmailClient, account: str, now: Now) -> None:
        self._client = client
        self._account = account
        self._addresses: Sequence[str] = ()
        self._now = now
        self._batch_size = MOST_PARTS

    def read(self, position: Position, addresses: Sequence[str], left: Left) -> tuple[Position, Reading]:
        """Read a page of `position.pending`; what was not read stays pending. `addresses` are ours.

        Raises Retry when Gmail refused before anything was read.
        """
        self._addresses = addresses
        reading = Reading()
        queue, later = list(position.pending[:MOST_READ]), position.pending[MOST_READ:]
        kept: list[str] = []
        tries = dict(position.tries)
        while queue and not reading.paused:
            units = left()
            size = (
                self._batch_size
                if units is None
                else min(self._batch_size, units // self._client.price(METHOD))
            )
            if size <= 0:
                reading.paused = "quota: not enough units left to read a message"
                break
            try:
                answers = self._get(queue[:size])
            except Retry as error:
                if not reading.count:
                    raise
                reading.paused = _pause(error)
                break
            del queue[:size]
            kept += self._sort(answers, tries, reading)
        left_over = (*kept, *queue, *later)
        tries = {i: n for i, n in tries.items() if i in kept}
        return replace(position, pending=left_over, tries=tries, grave=0, first=0), reading

    def _get(self, native_ids: list[str]) -> dict[str, Any]:
        messages = self._client.users.messages()
        requests = {i: messages.get(userId="me", id=i, format="raw", fields=_FIELDS) for i in native_ids}
        answers = self._client.batch(METHOD, requests)
        # A batch of large mails is held in memory as a whole: the next one is made smaller after a heavy one.
        weight = sum(len(str(a.get("raw", ""))) for a in answers.values() if isinstance(a, dict))
        fitting = _MOST_BATCH_CHARACTERS * len(native_ids) // max(1, weight)
        self._batch_size = max(1, min(MOST_PARTS, fitting))
        return answers

    def _sort(self, answers: dict[str, Any], tries: dict[str, int], reading: Reading) -> list[str]:
        """Put each answer where it belongs; the ids to ask for again."""
        failed = [i for i, answer in answers.items() if isinstance(answer, Unavailable)]
        limits = [answer for answer in answers.values() if isinstance(answer, Limited)]
        for native_id, answer in answers.items():
            if not isinstance(answer, (Unavailable, Limited)):
                self._settle(native_id, answer, reading)
        if limits and not reading.count:
            raise limits[0]
        if limits:
            reading.paused = _pause(limits[0])
        again = [i for i, answer in answers.items() if isinstance(answer, Limited)]
        if failed and not reading.paused:
            reading.paused = f"Gmail does not give {len(failed)} message(s) at the moment"
        return again + [
            i for i in failed if not self._gives_up(i, len(failed) < len(answers), tries, reading)
        ]

    def _gives_up(self, native_id: str, others_came: bool, tries: dict[str, int], reading: Reading) -> bool:
        """Quarantine a message that fails again and again while Gmail is well otherwise (or has no other)."""
        tries[native_id] = tries.get(native_id, 0) + (others_came or len(tries) <= 1)
        if tries[native_id] < MOST_TRIES:
            return False
        reason = f"Gmail failed to give this message in {MOST_TRIES} pulls"
        reading.quarantined.append(Quarantined(key=self._key(native_id), reason=reason))
        return True

    def _settle(self, native_id: str, answer: Any, reading: Reading) -> None:
        key = self._key(native_id)
        if isinstance(answer, Missing):
            reading.gone.append(native_id)
        elif isinstance(answer, Refused):
            reading.quarantined.append(Quarantined(key=key, reason=str(answer)))
        elif not isinstance(answer, dict):
            reading.quarantined.append(Quarantined(key=key, reason="Gmail's answer is not a message"))
        elif HIDDEN & set(answer.get("labelIds", ())):
            reading.gone.append(native_id)
        elif not UNREAD_KINDS & set(answer.get("labelIds", ())):
            self._parse(key, answer, reading)

    def _parse(self, key: MessageKey, answer: dict[str, Any], reading: Reading) -> None:
        try:
            message = to_message(answer, key, addresses=self._addresses, fetched_at=self._now())
        except Skip as error:
            reading.quarantined.append(to_quarantine(answer, key, str(error)))
        except Exception as error:  # one mail that trips us must not stop the mailbox
            reason = f"our parser failed ({type(error).__name__}); please report it with this mail"
            reading.quarantined.append(to_quarantine(answer, key, reason))
        else:
            reading.messages.append(message)

    def _key(self, native_id: str) -> MessageKey:
        return MessageKey(source="gmail", account=self._account, native_id=native_id)


def _pause(error: Retry) -> str:
    return f"quota: {error}" if isinstance(error, Limited) else str(error)
