"""The FastAPI app: the page, its live fragments, and one address for every action."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from triage.core.errors import TriageError
from triage.ops import queue
from triage_airflow.page import actions, guard, incidents, metrics, replies, view
from triage_airflow.page.figures import Figures
from triage_airflow.page.pool import Pool
from triage_airflow.page.render import labels, render
from triage_airflow.page.words import language_of

STATIC = Path(__file__).with_name("static")
FILES = {
    "queue.css": "text/css", "queue.js": "text/javascript", "queue.svg": "image/svg+xml",
    "incident.css": "text/css", "incident.js": "text/javascript", "incident.svg": "image/svg+xml",
}  # fmt: skip
ROWS = 50
MOST_ROWS = 500

router = APIRouter()


def listed(request: Request, user: str, connection: Any) -> dict[str, Any]:
    """The rows that the address asks for, one more than shown to know whether there are more."""
    given = dict(request.query_params)
    count = min(max(int(n), 1), MOST_ROWS) if (n := given.get("n", "")).isdecimal() and len(n) < 6 else ROWS
    rows = queue.page(
        connection, view.wanted_of(given, user), limit=count + 1, after=view.place_of(given.get("after"))
    )
    asked = {
        k: v
        for k, v in given.items()
        if v and k in ("topic", "lang", "channel", "age", "show", "q", "cluster")
    }
    return {"rows": rows[:count], "more": len(rows) > count, "given": asked, "me": user}


@router.get("/")
def page(request: Request, user: GetUserDep, acts: guard.Acts) -> Response:
    """The whole page, with one conversation open when the address names it."""
    with request.app.state.pool.connection() as connection:
        names = labels(connection, language_of(request))
        shown = listed(request, user.get_name(), connection)
        open_ = request.query_params.get("c", "")
        found = queue.conversation(connection, int(open_)) if _is_id(open_) else None
    return render(request, "page.html", acts=acts, topics=names, found=found, **shown)


@router.get("/rows")
def rows(request: Request, user: GetUserDep, acts: guard.Acts) -> Response:
    """The list alone."""
    with request.app.state.pool.connection() as connection:
        names = labels(connection, language_of(request))
        shown = listed(request, user.get_name(), connection)
    return _unless_known(request, render(request, "rows.html", acts=acts, topics=names, **shown))


@router.get("/numbers")
def figures(request: Request, user: GetUserDep, later: BackgroundTasks) -> Response:
    """The figures at the top."""
    state = request.app.state
    counted, ledger = state.counts.get(state.pool, later), state.ledger.get(state.pool, later)
    with state.pool.connection() as connection:
        mine = queue.mine(connection, by=user.get_name())
    return _unless_known(request, render(request, "numbers.html", counted=counted, ledger=ledger, mine=mine))


@router.get("/c/{conversation_id}")
def conversation(request: Request, conversation_id: str, user: GetUserDep, acts: guard.Acts) -> Response:
    """One conversation."""
    if not _is_id(conversation_id):
        raise HTTPException(404)
    with request.app.state.pool.connection() as connection:
        names = labels(connection, language_of(request))
        found = queue.conversation(connection, int(conversation_id))
    if found is None:
        raise HTTPException(404)
    shown = render(request, "conversation.html", acts=acts, topics=names, found=found, me=user.get_name())
    return _unless_known(request, shown)


@router.post("/act")
def act(
    request: Request,
    by: guard.Actor,
    verb: Annotated[str, Form()],
    ids: Annotated[list[int], Form(alias="id")] = [],  # noqa: B006
    word: Annotated[str, Form()] = "",
) -> Response:
    """Do one thing to some conversations; says what was done and what was refused."""
    if verb not in actions.VERBS or any(not 0 < one < 2**63 for one in ids):
        raise HTTPException(400)
    with request.app.state.pool.connection() as connection:
        try:
            done, refused = actions.act(connection, verb, list(dict.fromkeys(ids)), by=by, word=word)
        except KeyError:
            raise HTTPException(400) from None
    status = 409 if refused and not done else 200
    return render(request, "outcome.html", status=status, verb=verb, done=done, refused=refused)


@router.post("/next")
def take_next(
    request: Request,
    by: guard.Actor,
    n: Annotated[int, Form(ge=1, le=100)] = 10,
    topic: Annotated[str, Form()] = "",
    lang: Annotated[str, Form()] = "",
) -> Response:
    """Claim the next ones of a topic and language."""
    with request.app.state.pool.connection() as connection:
        taken = queue.claim(connection, count=n, by=by, topic=topic or None, lang=lang or None)
    done = [row["conversation_id"] for row in taken]
    return render(request, "outcome.html", verb="claim", done=done, refused=[])


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Style, script and picture."""
    if name not in FILES:
        raise HTTPException(404)
    return FileResponse(STATIC / name, media_type=FILES[name])


def build() -> FastAPI:
    """The app; every address of it asks who is there."""
    app = FastAPI(title="inbox-triage", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.pool = Pool()
    app.state.counts, app.state.ledger = Figures(queue.counts), Figures(queue.ledger)
    app.state.metrics = Figures(metrics.counted)
    for pages in (router, incidents.router, replies.router):
        app.include_router(pages, dependencies=[Depends(guard.may_read)])
    app.include_router(metrics.router)
    app.middleware("http")(_headers)
    app.add_exception_handler(StarletteHTTPException, _said)
    app.add_exception_handler(RequestValidationError, _incomplete)
    app.add_exception_handler(TriageError, _unreachable)
    return app


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _unless_known(request: Request, answer: HTMLResponse) -> Response:
    """304 when the browser has it already."""
    tag = f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:24]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    answer.headers["ETag"] = tag
    return answer


async def _headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(guard.HEADERS)
    return response


async def _said(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, StarletteHTTPException) else 500
    known = status if status in (400, 401, 403, 404) else 400
    login = get_auth_manager().get_url_login(next_url=str(request.base_url)) if status == 401 else ""
    return render(request, "error.html", status=status, known=known, login=login)


async def _incomplete(request: Request, error: Exception) -> Response:
    return render(request, "error.html", status=400, known=400, login="")


async def _unreachable(request: Request, error: Exception) -> Response:
    return render(request, "error.html", status=503, known=503, login="")
