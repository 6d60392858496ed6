"""Who may read, who may act, who may scrape, what a browser may do with our answers.

Reading the queue needs what reading the DAG `triage` needs, acting what running it needs. So the roles that every auth
manager has say what they say anyway: Viewer reads; User, Op and Admin act (SimpleAuthManager and FAB alike).
Prometheus is no user of Airflow and cannot renew a login: it has a token of its own, which opens the figures alone.
"""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Request

from triage_airflow.connections import metrics_tokens

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


def has_metrics_token(request: Request) -> bool:
    """Whether the request bears one of the tokens that may read the figures."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not given.strip():
        return False
    same = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in metrics_tokens()]
    return any(same)


def _same_origin(request: Request) -> bool:
    """Browsers say where a POST comes from; one that says nothing is not our page."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = request.headers.get("origin")
    return bool(origin) and urlsplit(origin or "").netloc == request.headers.get("host")


Acts = Annotated[bool, Depends(acts)]
Actor = Annotated[str, Depends(must_act)]
