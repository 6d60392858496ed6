"""The page without a browser: its app, a person at it, and messages that wait."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

from psycopg2.extensions import connection as Connection

from tests.builders import decision, message
from triage.core.types import Classification, Message
from triage.store import conversations, db, messages

SAME = {"sec-fetch-site": "same-origin"}
PAYLOADS = [
    *(f"<script>{{}}window.hit={n}</script>" for n in range(5)),
    *(f"</{tag}><script>window.hit=1</script>" for tag in ("title", "textarea", "style", "li", "bdi", "a", "dialog")),
    *(f"<{tag} {event}=window.hit=1>" for tag, event in (
        ("img src=x", "onerror"), ("svg", "onload"), ("body", "onload"), ("video src=x", "onerror"),
        ("audio src=x", "onerror"), ("details open", "ontoggle"), ("input autofocus", "onfocus"),
        ("marquee", "onstart"), ("iframe", "onload"), ("object data=x", "onerror"), ("select autofocus", "onfocus"))),
    *(f"{quote} on{event}=window.hit=1 x={quote}" for quote in ("'", '"', "`") for event in ("mouseover", "focus")),
    "javascript:window.hit=1", "JaVaScRiPt:window.hit=1", "data:text/html,<script>window.hit=1</script>",
    "<a href=javascript:window.hit=1>x</a>", "<a href='java\tscript:window.hit=1'>x</a>",
    "<base href=//evil.example/>", "<meta http-equiv=refresh content='0;url=javascript:window.hit=1'>",
    "<link rel=stylesheet href=//evil.example/x.css>", "<style>*{display:none}</style>",
    "<form action=//evil.example><button>x", "<math><mtext><script>window.hit=1</script>",
    "{{ 7*7 }}{% for x in range(9) %}", "${window.hit=1}", "#{window.hit=1}", "<!--<script>window.hit=1//-->",
    "<![CDATA[<script>window.hit=1</script>]]>", "&lt;script&gt;window.hit=1&lt;/script&gt;",
    "\u202e<script>window.hit=1</script>", "<scr<script>ipt>window.hit=1</scr</script>ipt>", "<plaintext>", "<xmp>",
]  # fmt: skip
"""What people write who wish us ill: script in every place that a page shows."""


def connection_json(dsn: str) -> str:
    """The database as the Airflow connection `triage_db`."""
    at = urllib.parse.urlsplit(dsn)
    return json.dumps(
        {"conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:],
         "login": at.username, "password": at.password}
    )  # fmt: skip


def store(connection: Connection, *page: Message, decided: Classification | None = None) -> list[int]:
    """Collect and decide; the conversations' ids in the order of the messages."""
    with db.transaction(connection):
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)
        keys = [m.key.native_id for m in page]
        rows = db.rows(
            connection,
            "SELECT id, conversation_id FROM triage.message WHERE native_id = ANY (%s) "
            "ORDER BY array_position(%s, native_id)",
            (keys, keys),
        )
        decided_ids = conversations.decide(connection, [(r["id"], decided or decision()) for r in rows])
        conversations.refresh(connection, decided_ids)
    return [r["conversation_id"] for r in rows]


def waiting(connection: Connection, count: int, **given: Any) -> list[int]:
    """So many conversations that wait, the first the longest; their ids."""
    return store(
        connection,
        *(message(f"w{n}", f"w{n}", minute=n, author=f"p{n}@post.example", author_name=f"Person {n}",
                  subject=f"Subject {n}", text=f"Text {n}", url=f"https://mail.google.com/mail/#all/w{n}", **given)
          for n in range(count)),
    )  # fmt: skip
