"""Erase a person: text, names and addresses go from every table, and the ledger still counts everybody.

What stays says nothing about who it was: that somebody wrote, when, about which topic, what became of it, and the ids
by which services name messages: without these the next reading would bring everything back.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2.errors
from psycopg2.extensions import connection as Connection

from triage.core.errors import Fatal, Retry, TriageError
from triage.store import conversations, db, erase

SHORTEST = 4
"""A name of fewer letters is no clue to a person, and would take pieces out of other words."""

LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What was found of a person, and what became of it. `dismissed`: conversations that still waited."""

    messages: int
    conversations: int
    dismissed: int = 0
    quarantined: int = 0


def look(connection: Connection, author: str, *, source: str | None = None) -> Erased:
    """How much there is of a person; changes nothing. `author` is the address, or the network's user id.

    Raises TriageError when nobody wrote as that.
    """
    with db.transaction(connection):
        rows, raw, _ = _found(connection, author, source)
    touched = {row["conversation_id"] for row in rows}
    return Erased(messages=len(rows), conversations=len(touched), quarantined=len(raw))


def run(connection: Connection, author: str, *, by: str, reason: str, source: str | None = None) -> Erased:
    """Erase a person in one transaction, written down in the audit log of every conversation.

    Raises Retry while a reply to them is being sent, Fatal when this login does not own the tables or when the ledger
    would not count as before; then nothing is changed.
    """
    try:
        with db.transaction(connection):
            erase.as_owner(connection)
            return _erase(connection, author, by, reason, source)
    except psycopg2.errors.InsufficientPrivilege:
        login = connection.info.user
        raise Fatal(
            f"{login} may not rewrite the audit log; use the login that migrates, a member of triage_owner"
        ) from None


def _erase(connection: Connection, author: str, by: str, reason: str, source: str | None) -> Erased:
    rows, raw, pattern = _found(connection, author, source)
    theirs = [row["id"] for row in rows]
    touched = sorted({row["conversation_id"] for row in rows})
    before = conversations.ledger(connection)
    given: dict[str, Any] = {
        "author": author, "as": f"erased-{secrets.token_hex(4)}", "by": by, "reason": reason, "pattern": pattern,
        "theirs": theirs, "touched": touched, "alone": erase.lock(connection, touched, theirs),
    }  # fmt: skip
    if under_way := erase.on_their_way(connection, given):
        raise Retry(f"reply {under_way[0]} to them is being sent; erase again in a minute")
    given["excerpts"] = erase.excerpts(connection, given)
    dismissed = erase.settle(connection, given)
    erase.rewrite(connection, given)
    erase.forget_raw(connection, raw)
    conversations.refresh(connection, touched)
    after = conversations.ledger(connection)
    if not after.balanced or after.collected != before.collected:
        raise Fatal(
            "the ledger would not balance afterwards, so nothing was erased; run `triage audit` first"
        )
    return Erased(messages=len(theirs), conversations=len(touched), dismissed=dismissed, quarantined=len(raw))


def _found(
    connection: Connection, author: str, source: str | None
) -> tuple[list[dict[str, Any]], list[tuple[str, str, str]], str]:
    """What they wrote, what of theirs could not be read, and the pattern of their names."""
    rows = erase.found(connection, author, source) if author.strip() else []
    pattern = pattern_of(author, rows)
    raw = _quarantined(connection, source, pattern) if rows or "@" in author else []
    if not rows and not raw:
        raise TriageError(f"nobody wrote to us as {author!r}; take the address as `triage show` has it")
    return rows, raw, pattern


def pattern_of(author: str, rows: Sequence[dict[str, Any]]) -> str:
    """A regular expression, PostgreSQL's and Python's alike, for the address and every name they went by."""
    names = {str(row["author_name"]) for row in rows}
    names |= {part for name in names for part in re.findall(r"@[\w.]+|(?<=\().+(?=\))", name)}
    known = {name.strip()[:LONGEST] for name in names}
    chosen = {author, *(name for name in known if len(name) >= SHORTEST)}
    return rf"(?<!\w)({'|'.join(map(re.escape, sorted(chosen, key=len, reverse=True)))})(?!\w)"


def _quarantined(connection: Connection, source: str | None, pattern: str) -> list[tuple[str, str, str]]:
    """The items in quarantine that name them; mail is kept there as base64."""
    sought = re.compile(pattern, re.IGNORECASE)
    return [
        (row["source"], row["account"], row["native_id"])
        for row in erase.quarantine(connection, source)
        if sought.search(row["raw"]) or sought.search(row["reason"]) or sought.search(_decoded(row["raw"]))
    ]


def _decoded(raw: str) -> str:
    try:
        return base64.b64decode(raw, validate=True).decode("utf-8", errors="replace")
    except (binascii.Error, ValueError):
        return ""
