"""sql/schema.sql from the migrations: `python -m tests.store.dump_schema` prints it (`make schema` writes it)."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from demo.postgres import Postgres, running
from triage.store import db
from triage.store.migrate import migrate

HEAD = """\
-- The whole schema as the migrations, functions, views and grants leave it, to be read and compared.
-- Written by `make schema`, never by hand; a test holds it equal to a migrated database.
-- The roles come from roles.sql; all of it belongs to triage_owner.
"""

KEPT_SETTINGS = ("check_function_bodies", "search_path")
"""What loading the file needs; other settings that pg_dump writes depend on its version."""


def normalise(dump: str) -> str:
    """A dump without what varies: versions, session tokens, settings, generated headings."""
    text = re.sub(r"^--\n-- (Name|Dependencies|PostgreSQL).*\n--\n", "", dump, flags=re.MULTILINE)
    lines = [line for line in text.splitlines() if not _varies(line)]
    return HEAD + "\n" + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _varies(line: str) -> bool:
    setting = re.match(r"SET (\w+) =|SELECT pg_catalog\.set_config\('(\w+)'", line)
    if setting:
        return (setting[1] or setting[2]) not in KEPT_SETTINGS
    return line.startswith(("-- Dumped", "\\restrict", "\\unrestrict")) or line in HEAD.splitlines()


def dump(postgres: Postgres, database: str) -> str:
    """The normalised schema of a database."""
    command = [
        postgres.bin / "pg_dump",
        "--schema-only",
        "--no-owner",
        "--schema=triage",
        postgres.dsn(database),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return normalise(done.stdout)


def main() -> None:
    """Print the schema of a database migrated just now."""
    with (
        tempfile.TemporaryDirectory(prefix="triage-schema-") as base,
        running(Path(base), durable=False) as postgres,
    ):
        with db.connect(postgres.dsn()) as connection:
            migrate(connection)
        sys.stdout.write(dump(postgres, "postgres"))


if __name__ == "__main__":
    main()
