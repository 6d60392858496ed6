"""The registry of models that were taught here."""

from __future__ import annotations

from typing import Any

from psycopg2 import Binary
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from triage.store import db

_SQL = db.queries(__file__)


def lock(connection: Connection) -> None:
    """Hold the registry until the transaction ends: no two people change what decides at once."""
    db.execute(connection, _SQL["lock"])


def add(
    connection: Connection,
    *,
    content: bytes,
    digest: str,
    base: str,
    parent: int | None,
    corrections: int,
    last_correction: int,
    figures: dict[str, Any],
) -> int:
    """Keep a candidate; its id."""
    given = {
        "content": Binary(content), "digest": digest, "base": base, "parent": parent, "corrections": corrections,
        "last_correction": last_correction, "figures": Json(figures),
    }  # fmt: skip
    return int(db.rows(connection, _SQL["add"], given)[0]["id"])


def judge(connection: Connection, model: int, *, status: str, reasons: list[str]) -> None:
    """Give a model its status, and say why; earlier reasons stay."""
    db.execute(connection, _SQL["judge"], {"id": model, "status": status, "reason": reasons})


def retire(connection: Connection, reason: str) -> None:
    """The promoted model, if there is one, no longer decides."""
    db.execute(connection, _SQL["retire"], ([reason],))


def one(connection: Connection, model: int) -> dict[str, Any] | None:
    """`id`, `digest`, `base`, `parent`, `status`, `last_correction`, and whether its content is `kept`."""
    return next(iter(db.rows(connection, _SQL["one"], (model,))), None)


def promoted(connection: Connection, *, base: str) -> dict[str, Any] | None:
    """The promoted model, as `one` gives it, if it was taught on this shipped one; None: the shipped one decides."""
    return next(iter(db.rows(connection, _SQL["promoted"], (base,))), None)


def latest(connection: Connection, *, base: str) -> dict[str, Any] | None:
    """`last_correction` of the last model that was taught on this shipped one and judged."""
    return next(iter(db.rows(connection, _SQL["latest"], (base,))), None)


def content(connection: Connection, model: int) -> bytes:
    """The model's folder as a zip."""
    return bytes(db.rows(connection, _SQL["content"], (model,))[0]["content"])


def listing(connection: Connection) -> list[dict[str, Any]]:
    """All models, the newest first, without content."""
    return db.rows(connection, _SQL["listing"])


def forget_old(connection: Connection, *, keep: int) -> int:
    """Drop the content of all but the last `keep`, the promoted one and its parent; how many."""
    return db.execute(connection, _SQL["forget_old"], {"keep": keep})
