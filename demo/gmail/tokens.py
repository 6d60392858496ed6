"""POST /token: a refresh token for an access token, as oauth2.googleapis.com does it."""

from __future__ import annotations

from urllib.parse import parse_qs

from demo.common.wire import Reply
from demo.gmail.api import Incoming, after, before, json_reply
from demo.gmail.hub import Hub

NO_STORE = {"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate"}


async def respond_token(hub: Hub, incoming: Incoming) -> Reply:
    """Answer a token request, faults for the method `token` included."""
    rule = hub.faults.match("token", incoming.path, None, "direct")
    reply = await before(hub, rule, incoming)
    if reply is None:
        reply = await after(hub, rule, _refresh(hub, incoming))
    hub.stats.record("token", None, 0 if reply.cut == "drop" else reply.status, 0)
    return reply


def _refusal(error: str, description: str, status: int = 400) -> Reply:
    return json_reply({"error": error, "error_description": description}, status, NO_STORE)


def _refresh(hub: Hub, incoming: Incoming) -> Reply:
    content_type = incoming.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        return _refusal("invalid_request", "Bad Request: the body must be form-encoded.")
    form = {name: values[-1] for name, values in parse_qs(incoming.body.decode("utf-8", "replace")).items()}
    if "grant_type" not in form:
        return _refusal("invalid_request", "Missing required parameter: grant_type")
    if form["grant_type"] != "refresh_token":
        return _refusal("unsupported_grant_type", f"Invalid grant_type: {form['grant_type']}")
    if "refresh_token" not in form:
        return _refusal("invalid_request", "Missing required parameter: refresh_token")
    if "client_id" not in form:
        return _refusal("invalid_request", "Could not determine client ID from request.")
    row = hub.store.row("SELECT * FROM refresh_token WHERE token = ?", form["refresh_token"])
    if row is None:
        return _refusal("invalid_grant", "Token has been expired or revoked.")
    if form["client_id"] != row["client_id"]:
        return _refusal("invalid_client", "The OAuth client was not found.", 401)
    if form.get("client_secret") != row["client_secret"]:
        return _refusal("invalid_client", "Unauthorized", 401)
    scopes = form.get("scope", row["scopes"])
    if not set(scopes.split()) <= set(row["scopes"].split()):
        return _refusal("invalid_scope", "Bad Request")
    token = hub.issue(row["mailbox"], scopes, row["lifetime"])
    answer = {"access_token": token, "expires_in": row["lifetime"], "scope": scopes, "token_type": "Bearer"}
    return json_reply(answer, headers=NO_STORE)
