"""The page of incidents: what is on, one incident whole, and what a person may do about it. Needs no script."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from triage import plan
from triage.config import load
from triage.core.chart import volume
from triage.core.errors import ConfigError, TriageError
from triage.debrief import document
from triage.ops import board as overview
from triage.ops import debrief, draft, incident, queue, respond
from triage_airflow.page import guard
from triage_airflow.page.render import labels, render
from triage_airflow.page.words import Words, language_of

QUEUE_ROWS = 10
MOST_TEXT = 10_000
"""Characters of a statement."""
DAYS = (14, 30, 0)
"""For how long one may watch what is closed; 0: not at all."""

router = APIRouter(prefix="/incidents")


@router.get("/")
def board(request: Request, user: GetUserDep, acts: guard.Acts, closed: bool = False) -> Response:
    """Every incident, what is open first, and how much came about each topic in the last day."""
    language = language_of(request)
    with request.app.state.pool.connection() as connection:
        names = labels(connection, language)
        rows = incident.board(connection, closed=closed)
        last_day = overview.last_day(connection)
    charts = [_small(key, names, counts, language) for key, counts in last_day.items()]
    return render(
        request,
        "incidents.html",
        acts=acts,
        me=user.get_name(),
        topics=names,
        rows=rows,
        charts=charts,
        closed=closed,
    )


@router.get("/{number}")
def one(request: Request, number: int, user: GetUserDep, acts: guard.Acts) -> Response:
    """One incident: volume, plan, statements, who waits, how soon people are answered, what happened."""
    language = language_of(request)
    with request.app.state.pool.connection() as connection:
        found = _known(connection, number)
        names = labels(connection, language)
        told = debrief.gather(connection, number, language=language)
        topic = found["incident"]["topic"]
        rows = queue.page(connection, queue.Wanted(topic=topic), limit=QUEUE_ROWS) if topic else []
        more = overview.details(connection, number)
    return render(
        request, "incident.html", acts=acts, me=user.get_name(), topics=names, told=told, rows=rows, days=DAYS,
        picture=document.picture(told, language=language), plan=_plan(topic), **found, **more,
        offered=incident.offered(found["incident"]),
        span=lambda seconds: document.duration(seconds, language),
    )  # fmt: skip


@router.get("/{number}/debrief")
def debriefed(request: Request, number: int, user: GetUserDep) -> Response:
    """The debrief as one HTML file to keep: it brings its own style, which this page's policy would not show."""
    language = language_of(request)
    with request.app.state.pool.connection() as connection:
        _known(connection, number)
        told = debrief.gather(connection, number, language=language)
    name = f'attachment; filename="debrief-{number}.{language}.html"'
    text = document.html(told, language=language)
    return Response(text, media_type="text/html; charset=utf-8", headers={"Content-Disposition": name})


@router.post("/open")
def open_by_hand(
    request: Request, by: guard.Actor, topic: Annotated[str, Form()], word: Annotated[str, Form()]
) -> Response:
    """A person says that there is a crisis."""
    with request.app.state.pool.connection() as connection:
        try:
            made = incident.declare(connection, topic, by=by, reason=_words(word))
        except queue.Refused as refused:
            return _refused(request, refused)
    return RedirectResponse(f"{made}", status_code=303)


@router.post("/{number}/act")
def act(
    request: Request,
    number: int,
    by: guard.Actor,
    verb: Annotated[str, Form()],
    word: Annotated[str, Form()] = "",
    days: Annotated[int, Form(ge=0, le=366)] = DAYS[0],
) -> Response:
    """Close, watch, reopen, or leave a word."""
    text = _words(word)
    with request.app.state.pool.connection() as connection:
        try:
            if verb == "close":
                incident.close(connection, number, by=by, reason=text, days=days)
            elif verb == "watch":
                incident.watch(connection, number, by=by, days=days)
            elif verb == "reopen":
                incident.reopen(connection, number, by=by, reason=text)
            elif verb == "note":
                incident.note(connection, number, by=by, text=text)
            else:
                raise HTTPException(400)
            incident.tell_queue(connection)
        except queue.Refused as refused:
            return _refused(request, refused)
    return RedirectResponse(f"../{number}", status_code=303)


@router.post("/{number}/statement")
def statement(
    request: Request,
    number: int,
    by: guard.Actor,
    verb: Annotated[str, Form()],
    which: Annotated[int, Form(gt=0, lt=2**63)] = 1,
    text: Annotated[str, Form()] = "",
) -> Response:
    """Draft one more statement, or write another text in place of a draft. Approval stays where it is, in Airflow."""
    words = _words(text, most=MOST_TEXT)
    with request.app.state.pool.connection() as connection:
        try:
            if verb == "draft":
                draft.again(connection, load(), number, by=by)
            elif verb == "edit" and words:
                respond.edit(connection, which, words, by=by)
            else:
                raise HTTPException(400)
        except (queue.Refused, ConfigError) as refused:
            return _refused(request, refused)
    return RedirectResponse(f"../{number}#statements", status_code=303)


@router.post("/{number}/question")
def question(
    request: Request,
    number: int,
    by: guard.Actor,
    question: Annotated[int, Form()],
    answer: Annotated[str, Form()] = "",
    verb: Annotated[str, Form()] = "approve",
) -> Response:
    """Show a question with its answer on the hub, or take it off."""
    with request.app.state.pool.connection() as connection:
        try:
            if verb == "approve":
                overview.approve_question(connection, number, question, answer=_words(answer), by=by)
            else:
                overview.withdraw_question(connection, number, question, by=by)
        except queue.Refused as refused:
            return _refused(request, refused)
    return RedirectResponse(f"../{number}#questions", status_code=303)


def _known(connection: Any, number: int) -> dict[str, Any]:
    found = incident.show(connection, number) if 0 < number < 2**63 else None
    if found is None:
        raise HTTPException(404)
    return found


def _refused(request: Request, refused: TriageError) -> Response:
    return render(request, "refused.html", status=409, text=str(refused))


def _words(text: str, *, most: int = 2000) -> str:
    return text.replace("\x00", "").replace("\r\n", "\n").strip()[:most]


def _plan(topic: str | None) -> dict[str, Any]:
    """The topic's plan, or why there is none to show."""
    if topic is None:
        return {}
    try:
        return {"found": plan.one(topic)}
    except ConfigError as error:
        return {"fault": str(error)}


def _small(key: str, names: dict[str, str], counts: Any, language: str) -> dict[str, Any]:
    """A topic's last day as a picture."""
    words = Words(language)
    drawn = volume(
        counts, timedelta(minutes=15), title=names.get(key, key), observed=words("chart_messages"),
        usual=words("chart_usual"),
    )  # fmt: skip
    return {
        "key": key,
        "name": names.get(key, key),
        "picture": drawn,
        "messages": sum(c.count for c in counts),
    }
