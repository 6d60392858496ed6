"""The templates, and what all of them may use."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from triage.core.marked import marked, marked_subject
from triage.ops import queue
from triage_airflow.page import view
from triage_airflow.page.words import COOKIE, LANGUAGES, Words, language_of

templates = Environment(
    loader=PackageLoader("triage_airflow.page"), autoescape=True, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
templates.globals.update(link=view.link, marked=marked, marked_subject=marked_subject, now=view.now,
                         place=view.place_text, AGES=view.AGES, CHANNELS=view.CHANNELS, LANGUAGES=LANGUAGES,
                         MOST_ALIKE=queue.MOST_ALIKE)  # fmt: skip


def render(request: Request, name: str, *, status: int = 200, **given: Any) -> HTMLResponse:
    """A template in the reader's language; one that the address chooses is remembered."""
    words = Words(language_of(request))
    answer = HTMLResponse(templates.get_template(name).render(w=words, **given), status_code=status)
    if (chosen := request.query_params.get("ui")) in LANGUAGES:
        answer.set_cookie(COOKIE, str(chosen), max_age=31_536_000, httponly=True, samesite="lax")
    return answer


def labels(connection: Any, language: str) -> dict[str, str]:
    """Topic key to its name in a language, gravest first."""
    return {row["key"]: row[language] for row in queue.topics(connection)}
