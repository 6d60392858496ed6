"""Who may read, who may act, what a browser may do with our answers.

Reading the queue needs what reading the DAG `triage` needs, acting what running it needs. So the roles that every auth
manager has say what they say anyway: Viewer reads; User, Op and Admin act (SimpleAuthManager and FAB alike).
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Request

DAG = "triage"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

may_read = requires_access_dag("GET", None, DAG)
_may_act = requires_access_dag("POST", DagAccessEntity.RUN, DAG)


def acts(request: Request, user: GetUserDep) -> bool:
    """Whether the user may act; a page shows no button that would be refused."""
    try:
        _may_act(request, user)
    except HTTPException:
        return False
    return True


def must_act(request: Request, user: GetUserDep) -> str:
    """The name under which the user acts. 403 without the right, and for a request that another site began."""
    if not _same_origin(request):
        raise HTTPException(403, "the request does not come from this page")
    _may_act(request, user)
    return user.get_name()


def _same_origin(request: Request) -> bool:
    """Browsers say where a POST comes from; one that says nothing is not our page."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = request.headers.get("origin")
    return bool(origin) and urlsplit(origin or "").netloc == request.headers.get("host")


Acts = Annotated[bool, Depends(acts)]
Actor = Annotated[str, Depends(must_act)]
