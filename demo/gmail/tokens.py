"""POST /token: a refresh token, a code or a service account's assertion for an access token, as
oauth2.googleapis.com does it; and GET /o/oauth2/auth, where codes come from.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from demo.common.wire import Reply
from demo.gmail.api import Incoming, after, before, json_reply
from demo.gmail.hub import LIFETIME, Hub
from demo.gmail.oauth import Granted, TokenRefusal

NO_STORE = {"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate"}
ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def respond_consent(hub: Hub, incoming: Incoming) -> Reply:
    """Answer the browser that a client sent to the consent screen."""
    return hub.oauth.consent(incoming.query, hub.clock.now())


async def respond_token(hub: Hub, incoming: Incoming) -> Reply:
    """Answer a token request, faults for the method `token` included."""
    rule = hub.faults.match("token", incoming.path, None, "direct")
    reply = await before(hub, rule, incoming)
    if reply is None:
        reply = await after(hub, rule, _token(hub, incoming))
    hub.stats.record("token", None, 0 if reply.cut == "drop" else reply.status, 0)
    return reply


def _token(hub: Hub, incoming: Incoming) -> Reply:
    try:
        return json_reply(_granted(hub, incoming), headers=NO_STORE)
    except TokenRefusal as refusal:
        body = {"error": refusal.error, "error_description": refusal.description}
        return json_reply(body, refusal.status, NO_STORE)


def _granted(hub: Hub, incoming: Incoming) -> dict[str, Any]:
    content_type = incoming.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise TokenRefusal("invalid_request", "Bad Request: the body must be form-encoded.")
    form = {name: values[-1] for name, values in parse_qs(incoming.body.decode("utf-8", "replace")).items()}
    form |= _basic(incoming.authorization)
    grant = form.get("grant_type")
    if grant is None:
        raise TokenRefusal("invalid_request", "Missing required parameter: grant_type")
    if grant == "authorization_code":
        return _exchanged(hub, hub.oauth.exchange(form, hub.clock.now()))
    if grant == ASSERTION:
        given = hub.oauth.assertion(form, hub.addresses(), hub.clock.now())
        token = hub.issue(given.mailbox, given.scopes, LIFETIME)
        return {"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"}
    if grant == "refresh_token":
        return _refreshed(hub, form)
    raise TokenRefusal("unsupported_grant_type", f"Invalid grant_type: {grant}")


def _basic(authorization: str | None) -> dict[str, str]:
    """A client may also name itself by HTTP Basic (RFC 6749, 2.3.1)."""
    scheme, _, rest = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except ValueError:
        raise TokenRefusal("invalid_request", "Bad Request: malformed credentials.") from None
    return {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}


def _exchanged(hub: Hub, given: Granted) -> dict[str, Any]:
    client = hub.oauth.clients[given.client_id]
    answer = _answer(hub.issue(given.mailbox, given.scopes, LIFETIME), LIFETIME, given.scopes)
    if not given.offline:
        return answer
    token = "1//" + secrets.token_urlsafe(32)
    ends = None if client.testing_seconds is None else hub.clock.now() + client.testing_seconds
    hub.renewing(token, given.mailbox, given.scopes, (given.client_id, client.secret), LIFETIME, ends)
    return {**answer, "refresh_token": token, **_left(hub, ends)}


def _refreshed(hub: Hub, form: dict[str, str]) -> dict[str, Any]:
    if "refresh_token" not in form:
        raise TokenRefusal("invalid_request", "Missing required parameter: refresh_token")
    if "client_id" not in form:
        raise TokenRefusal("invalid_request", "Could not determine client ID from request.")
    row = hub.store.row("SELECT * FROM refresh_token WHERE token = ?", form["refresh_token"])
    end = hub.store.row("SELECT expires FROM refresh_end WHERE token = ?", form["refresh_token"])
    ends = end["expires"] if end is not None else None
    if row is None or (ends is not None and ends <= hub.clock.now()):
        raise TokenRefusal("invalid_grant", "Token has been expired or revoked.")
    if form["client_id"] != row["client_id"]:
        raise TokenRefusal("invalid_client", "The OAuth client was not found.", 401)
    if form.get("client_secret") != row["client_secret"]:
        raise TokenRefusal("invalid_client", "Unauthorized", 401)
    scopes = form.get("scope", row["scopes"])
    if not set(scopes.split()) <= set(row["scopes"].split()):
        raise TokenRefusal("invalid_scope", "Bad Request")
    token = hub.issue(row["mailbox"], scopes, row["lifetime"])
    return {**_answer(token, row["lifetime"], scopes), **_left(hub, ends)}


def _answer(token: str, lifetime: int, scopes: str) -> dict[str, Any]:
    return {"access_token": token, "expires_in": lifetime, "scope": scopes, "token_type": "Bearer"}


def _left(hub: Hub, ends: float | None) -> dict[str, int]:
    """Google names the end of a refresh token only where there is one."""
    return {} if ends is None else {"refresh_token_expires_in": int(ends - hub.clock.now())}
