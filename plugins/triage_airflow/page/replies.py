"""Writing back from the page: how long a text is, and the verbs of a reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response

from triage.core.length import length, links
from triage.ops import queue
from triage_airflow.page import guard
from triage_airflow.page.render import render

MOST = 20_000
"""Characters of one reply; what a platform takes is for the platform to say."""

router = APIRouter()
Text = Annotated[str, Form(max_length=MOST)]
AGAIN: dict[str, Callable[..., None]] = {"resend": queue.resend, "withdraw": queue.withdraw}


@router.post("/length")
def measure(request: Request, by: guard.Actor, source: Annotated[str, Form()], text: Text = "") -> Response:
    """How long the text is by the rules of its channel, and what is dear in it."""
    dear = source == "x" and bool(links(text))
    return render(request, "length.html", length=length(source, text), count=len(text), dear=dear)


@router.post("/reply")
def write(
    request: Request,
    by: guard.Actor,
    conversation: Annotated[int, Form(alias="id", gt=0, lt=2**63)],
    key: Annotated[str, Form(pattern="^[0-9a-f]{32}$")],
    text: Text,
) -> Response:
    """Want a reply; the same key is the same one."""
    said = text.replace("\r\n", "\n").replace("\x00", "").strip()
    return _told(request, "reply", lambda c: queue.reply(c, conversation, by=by, text=said, key=key))


@router.post("/reply/{verb}")
def again(
    request: Request, by: guard.Actor, verb: str, number: Annotated[int, Form(alias="id", gt=0, lt=2**63)]
) -> Response:
    """Send one again, or take it back."""
    if verb not in AGAIN:
        raise HTTPException(404)
    return _told(request, verb, lambda c: AGAIN[verb](c, number, by=by))


def _told(request: Request, verb: str, do: Callable[[Any], object]) -> Response:
    error: queue.Refused | None = None
    with request.app.state.pool.connection() as connection:
        try:
            do(connection)
        except queue.Refused as refused:
            error = refused
    return render(request, "told.html", status=409 if error else 200, verb=verb, error=error)
