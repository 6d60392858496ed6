"""One API request, from route to reply: token, faults, limit, kind of token, parameters, credits, the work."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from demo.common import spoil
from demo.common.faults import Rule
from demo.common.wire import Reply
from demo.x import reads, writes
from demo.x.contract import Endpoint
from demo.x.errors import XError, credits_depleted, invalid_request, plain, unsupported_authentication
from demo.x.hub import QUIRKS, Hub
from demo.x.limits import headers
from demo.x.oauth1 import Signed
from demo.x.people import Caller

HANDLERS: dict[str, Callable[[reads.Call], dict[str, Any]]] = {
    "users.me": reads.users_me,
    "users.by": reads.users_by,
    "users.by_username": reads.users_by_username,
    "users.get": reads.users_get,
    "users.mentions": reads.users_mentions,
    "users.tweets": reads.users_tweets,
    "search.recent": reads.search_recent,
    "counts.recent": reads.counts_recent,
    "tweets.list": reads.tweets_list,
    "tweets.get": reads.tweets_get,
    "tweets.create": writes.tweets_create,
    "tweets.delete": writes.tweets_delete,
}
JSON_TYPE = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A request as it came."""

    signed: Signed
    body: bytes
    left: Callable[[], Awaitable[bool]]


def json_reply(body: Any, status: int = 200, more: dict[str, str] | None = None) -> Reply:
    """A JSON reply."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Reply(status=status, body=data, headers=JSON_TYPE | (more or {}))


async def respond(hub: Hub, incoming: Incoming) -> Reply:
    """Answer one API request and count it; a path that X does not have is an empty 404."""
    matched = hub.contract.match(incoming.signed.verb, incoming.signed.path)
    if matched is None:
        hub.ledger.request("unknown", 404)
        return Reply(status=404)
    endpoint, path = matched
    try:
        caller = hub.people.caller(incoming.signed)
    except XError as error:
        hub.ledger.request(endpoint.name, error.status)
        return json_reply(error.body, error.status)
    rule = hub.faults.match(endpoint.name, incoming.signed.path, caller.user.handle, "direct")

    def refuse(fault: Rule) -> Reply | None:
        return _refusal(hub, caller, fault)

    reply = await spoil.before(hub.faults, rule, incoming.left, refuse)
    if reply is None:
        quirks = {rule.kind} & set(QUIRKS) if rule is not None else set()
        reply = _execute(hub, endpoint, path, caller, incoming, quirks)
        reply = await spoil.after(hub.faults, rule, reply, refuse)
    hub.ledger.request(endpoint.name, 0 if reply.cut == "drop" else reply.status)
    return reply


def _refusal(hub: Hub, caller: Caller, rule: Rule) -> Reply | None:
    """The error that a fault rule answers, if it is of a kind that does."""
    if rule.kind == "status":
        error = plain(rule.status, rule.message)
    elif rule.kind == "credits":
        error = credits_depleted(403 if rule.status == 403 else 402, str(caller.user.id))
    elif rule.kind == "rate_limit":
        return json_reply(plain(429).body, 429, headers(1, 0, hub.clock.now() + rule.seconds))
    else:
        return None
    return json_reply(error.body, error.status)


def _execute(
    hub: Hub, endpoint: Endpoint, path: dict[str, str], caller: Caller, incoming: Incoming, quirks: set[str]
) -> Reply:
    allowed, limits = hub.limits.take(endpoint.name, caller)
    more = limits | {"x-access-level": "read-write"}
    try:
        if not allowed:
            raise plain(429)
        with hub.change():
            body = _run(hub, endpoint, path, caller, incoming, quirks)
        return json_reply(body, 201 if endpoint.verb == "POST" else 200, more)
    except XError as error:
        return json_reply(error.body, error.status, more)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return json_reply(plain(500, f"The stand-in failed: {type(error).__name__}: {error}").body, 500, more)


def _run(
    hub: Hub, endpoint: Endpoint, path: dict[str, str], caller: Caller, incoming: Incoming, quirks: set[str]
) -> dict[str, Any]:
    if caller.kind not in endpoint.auth:
        raise unsupported_authentication(caller.used, endpoint.auth)
    query = parse_qsl(incoming.signed.query, keep_blank_values=True)
    params = hub.contract.check(endpoint, path, query)
    if hub.ledger.credits is not None and hub.ledger.credits <= 0:
        raise credits_depleted(402, str(caller.user.id))
    body = _body(incoming.body) if endpoint.verb == "POST" else {}
    call = reads.Call(hub=hub, endpoint=endpoint.name, caller=caller, params=params, body=body, quirks=quirks)
    return HANDLERS[endpoint.name](call)


def _body(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise invalid_request([({}, "Requests with bodies must have valid JSON")]) from error
    if not isinstance(body, dict):
        raise invalid_request([({}, f"[$: {type(body).__name__} found, object expected]")])
    return body
