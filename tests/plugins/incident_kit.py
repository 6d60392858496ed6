"""An incident in the middle of its first hour, for the page that shows it."""

from __future__ import annotations

from datetime import timedelta

from psycopg2.extensions import connection as Connection

from tests.builders import decision, message, one, prepare
from tests.plugins.page_kit import store
from triage.store import db


def recall(connection: Connection) -> int:
    """An open incident about a recall: three people wrote, a quarter of an hour of it was counted."""
    prepare(connection)
    now = one(connection, "SELECT now()")
    page = [
        message(
            f"w{n}",
            f"w{n}",
            author=f"p{n}@post.example",
            author_name=f"Person {n}",
            sent_at=now - timedelta(minutes=9 - n),
        )
        for n in range(3)
    ]
    store(connection, *page, decided=decision("product_defect"))
    with db.transaction(connection):
        number = int(
            db.rows(connection, "SELECT triage.open_incident('product_defect', 'the factory called') AS id")[
                0
            ]["id"]
        )
        db.execute(
            connection,
            """UPDATE triage.incident
               SET onset = now() - interval '10 minutes', alarmed_at = now() - interval '6 minutes',
                   observed = 3, expected = 0.4, peak = 2,
                   terms = '[{"term": "#VolmeraRecall", "people": 3, "share": 1, "usual": 0}]'""",
        )
        db.execute(
            connection,
            """INSERT INTO triage.detector_bin
               SELECT 'topic:product_defect', date_trunc('minute', now()) - make_interval(mins => n), n % 3, 0.4, 1
               FROM generate_series(0, 14) n""",
        )
    return number
