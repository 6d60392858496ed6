"""What is said in public about an incident, from the draft to the platforms' words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from triage.store import db
from triage.store.queue import Refused

_SQL = db.queries(__file__)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One text for one channel in one language; those of the same place go out together, lower ones first."""

    place: int
    channel: str
    lang: str
    text: str


def claim(connection: Connection, run: str) -> list[dict[str, Any]]:
    """Take the open incidents that no run of respond has, gravest first; a run that is repeated gets its own again."""
    return incidents(connection, [r["id"] for r in db.rows(connection, _SQL["claim"], {"run": run})])


def incidents(connection: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Their rows of the board, gravest first."""
    return db.rows(connection, _SQL["incidents"], (list(ids),))


def nameless(connection: Connection, run: str) -> list[dict[str, Any]]:
    """Take the open incidents of which nobody knows yet what they are about; with their name they are free again."""
    return db.rows(connection, _SQL["nameless"], {"run": run})


def renamed(connection: Connection, incident: int) -> bool:
    """Whether it got another name since something was drafted for it."""
    return bool(db.rows(connection, _SQL["renamed"], (incident,))[0]["renamed"])


def free(connection: Connection, incident: int) -> None:
    """Let the next run of respond take it."""
    db.execute(connection, _SQL["free"], (incident,))


def unsaid(connection: Connection, run: str) -> list[dict[str, Any]]:
    """Open incidents (`id`, `topic`, `onset`) of a run of respond of which no post is out."""
    return db.rows(connection, _SQL["unsaid"], (run,))


def began(connection: Connection, incident: int) -> list[str]:
    """The accounts where its first messages came, most first."""
    return [r["account"] for r in db.rows(connection, _SQL["began"], (incident,))]


def languages(connection: Connection, incident: int) -> list[str]:
    """The languages people write in, most first."""
    return [r["lang"] for r in db.rows(connection, _SQL["languages"], (incident,))]


def next_number(connection: Connection, incident: int) -> int:
    """What the next statement is counted as; 1 is the first."""
    return int(db.rows(connection, _SQL["next_number"], (incident,))[0]["number"])


def draft(connection: Connection, incident: int, number: int, drafts: Sequence[Draft], *, by: str) -> int:
    """Keep drafts that are not there yet; how many were not."""
    made = db.values(
        connection,
        _SQL["draft"],
        [(incident, number, d.place, d.channel, d.lang, d.text, by) for d in drafts],
    )
    if made:
        log(connection, incident, "draft", by=by, detail={"number": number, "texts": len(made)})
    return len(made)


def rows(connection: Connection, incident: int) -> list[dict[str, Any]]:
    """All statements of an incident with what became of them, in order."""
    return db.rows(connection, _SQL["rows"], (incident,))


def show(connection: Connection, incident: int, number: int) -> None:
    """Whoever must approve it sees it now."""
    db.execute(connection, _SQL["show"], (incident, number))


def approve(connection: Connection, incident: int, number: int, *, by: str) -> int:
    """Let a statement go out; how many texts. The caller has looked that they are the ones that were shown."""
    count = db.execute(connection, _SQL["approve"], {"incident": incident, "number": number, "by": by})
    if count:
        log(connection, incident, "approve", by=by, detail={"number": number, "texts": count})
    return count


def withdraw(connection: Connection, incident: int, number: int, *, by: str, reason: str) -> int:
    """A statement that was not approved; how many texts."""
    count = db.execute(connection, _SQL["withdraw"], (incident, number))
    if count:
        log(connection, incident, "reject", by=by, reason=reason, detail={"number": number})
    return count


def take_back(connection: Connection, incident: int, *, reason: str) -> None:
    """Withdraw what nobody has decided about yet."""
    for number in sorted({row["number"] for row in db.rows(connection, _SQL["take_back"], (incident,))}):
        log(connection, incident, "reject", by="detect", reason=reason, detail={"number": number})


def edit(connection: Connection, statement: int, text: str, *, by: str) -> None:
    """Write another text. Raises Refused once it is approved."""
    found = db.rows(connection, _SQL["edit"], (text, statement))
    if not found:
        raise Refused(f"statement {statement} is no draft; see `triage statement show`", code="TR001")
    log(connection, found[0]["incident_id"], "edit", by=by, detail={"statement": statement})


def hold(connection: Connection, incident: int) -> None:
    """Nobody else edits or approves until the end of the transaction."""
    db.execute(connection, _SQL["hold"], (incident,))


def due(connection: Connection, incident: int) -> list[dict[str, Any]]:
    """Approved posts (`id`, `place`, `account`, `approved_at`) in order; `state` of the outbox, None: not there yet."""
    return db.rows(connection, _SQL["due"], (incident,))


def put_out(connection: Connection, statement: int) -> None:
    """Give it to the outbox of replies, once."""
    db.execute(connection, _SQL["put_out"], (statement,))


def log(
    connection: Connection,
    incident: int,
    verb: str,
    *,
    by: str,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write down what happened."""
    db.execute(connection, _SQL["log"], (incident, verb, by, reason, Json(detail or {})))


def add_questions(
    connection: Connection, incident: int, questions: Sequence[tuple[str, str, str]], *, by: str
) -> int:
    """Show these (language, question, answer) on the hub, approved by a person; how many are new."""
    now = db.rows(connection, _SQL["now"])[0]["now"]
    rows = [(incident, lang, question, answer, "plan", by, now) for lang, question, answer in questions]
    return len(db.values(connection, _SQL["add_questions"], rows))


def questions(connection: Connection, incident: int) -> list[dict[str, Any]]:
    """Questions and answers of an incident, those that most people ask first; drafts have no `approved_at`."""
    return db.rows(connection, _SQL["questions"], (incident,))
