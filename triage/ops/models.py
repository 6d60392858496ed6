"""Which model decides: the shipped one, or the one that was promoted here; and how to change that."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import connection as Connection

from triage.config import Settings
from triage.core.errors import Fatal, TriageError
from triage.store import db, models

if TYPE_CHECKING:
    from triage.classify.pipeline import Classifier

CACHE_VARIABLE = "TRIAGE_CACHE"

KEEP = 10
"""Models whose content is kept in the database, beside the promoted one and its parent."""


def cache_folder() -> Path:
    """`TRIAGE_CACHE`, else a folder of ours where this user's caches are; made when it is missing."""
    named = os.environ.get(CACHE_VARIABLE)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(named) if named else base / "inbox-triage"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Fatal(
            f"{folder} cannot be written ({error.strerror}); set {CACHE_VARIABLE} to a folder that can"
        ) from None
    return folder


def digest_of(folder: Path) -> str:
    """What names a model: changes with every file of it."""
    from triage.classify.pipeline import digest

    return digest(folder)


def shipped() -> str:
    """What names the shipped model."""
    from triage.classify.pipeline import MODEL

    return digest_of(MODEL)


def load_in_force(connection: Connection, settings: Settings) -> Classifier:
    """The classifier with the model that decides now, under topics.yaml."""
    from triage.classify.pipeline import MODEL, load

    folder = in_force(connection) or MODEL
    return load(settings.topics, folder, cascade=settings.triage.encoder)


def in_force(connection: Connection) -> Path | None:
    """The folder of the promoted model, fetched once per machine; None: the shipped one decides.

    A model that was taught on another shipped model waits for `learn` to teach the one we have.
    """
    with db.transaction(connection):
        found = models.promoted(connection, base=shipped())
    return unpacked(connection, found) if found else None


def unpacked(connection: Connection, model: dict[str, Any]) -> Path:
    """The model's folder in the cache. Raises Fatal when the database holds something else than was trained."""
    target = cache_folder() / f"model-{model['digest']}"
    if target.is_dir():
        return target
    with db.transaction(connection):
        content = models.content(connection, model["id"])
    if hashlib.sha256(content).hexdigest() != model["digest"]:
        raise Fatal(f"model {model['id']} was changed after it was trained; run `triage model rollback`")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        zipfile.ZipFile(io.BytesIO(content)).extractall(Path(scratch) / "model")
        put(Path(scratch) / "model", target)
    return target


def put(made: Path, target: Path) -> None:
    """Move a folder to its place at once; if another process was faster, its folder stays."""
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(made)


def packed(folder: Path) -> bytes:
    """The folder as a zip; the same files give the same bytes."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def listing(connection: Connection) -> list[dict[str, Any]]:
    """Every model that was trained here, the newest first."""
    with db.transaction(connection):
        return models.listing(connection)


def promote(connection: Connection, model: int, *, by: str) -> None:
    """Have a model decide from the next run on, whatever the gate said of it."""
    with db.transaction(connection):
        models.lock(connection)
        found = models.one(connection, model)
        if found is None or not found["kept"]:
            raise TriageError(f"there is no model {model} to promote; `triage model list` shows those kept")
        if found["base"] != shipped():
            raise TriageError(
                f"model {model} was taught on another shipped model than this version's; run `triage learn` instead"
            )
        if found["status"] == "promoted":
            raise TriageError(f"model {model} decides already")
        put_in_force(connection, model, [f"promoted by {by}"])


def put_in_force(connection: Connection, model: int, reasons: list[str]) -> None:
    """Promote inside the caller's transaction; what decided before is retired."""
    models.retire(connection, f"model {model} was promoted")
    models.judge(connection, model, status="promoted", reasons=reasons)
    models.forget_old(connection, keep=KEEP)


def rollback(connection: Connection, *, by: str) -> str:
    """Have the model before the present one decide again; which that is."""
    with db.transaction(connection):
        models.lock(connection)
        present = models.promoted(connection, base=shipped())
        if present is None:
            raise TriageError("the shipped model decides; there is nothing to roll back")
        models.retire(connection, f"rolled back by {by}")
        parent = models.one(connection, present["parent"]) if present["parent"] else None
        if parent is None or not parent["kept"] or parent["base"] != shipped():
            return "the shipped model"
        models.judge(connection, parent["id"], status="promoted", reasons=[f"rolled back to by {by}"])
        return f"model {parent['id']}"
