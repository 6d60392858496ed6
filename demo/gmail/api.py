"""One API request, from route to reply: faults, token, scopes, quota, contract, handler, contract again."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from demo.common.faults import Rule
from demo.common.wire import Reply
from demo.gmail.call import Call
from demo.gmail.contract import Method
from demo.gmail.errors import GoogleError, insufficient_scope
from demo.gmail.fields import select
from demo.gmail.hub import QUIRKS, Hub
from demo.gmail.methods import HANDLERS
from demo.gmail.quota import UNITS

VARY = {"Vary": "Origin, X-Origin, Referer"}
JSON_TYPE = VARY | {"Content-Type": "application/json; charset=UTF-8"}
SPENT_NOTHING = 0


@dataclass(kw_only=True)
class Incoming:
    """A request as it came, alone or out of a batch."""

    verb: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    where: str
    left: Callable[[], Awaitable[bool]]

    @property
    def authorization(self) -> str | None:
        """The Authorization header."""
        return self.headers.get("authorization")


@dataclass
class Bill:
    """What a request turned out to cost."""

    units: int = SPENT_NOTHING


def json_reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """A JSON reply; a body of None is none at all."""
    if body is None:
        return Reply(status=204, headers=VARY | (headers or {}))
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Reply(status=status, body=data, headers=JSON_TYPE | (headers or {}))


def error_reply(error: GoogleError) -> Reply:
    """An error in Google's JSON."""
    return json_reply(error.as_json(), error.code, error.headers)


async def respond(hub: Hub, incoming: Incoming) -> Reply:
    """Answer one API request and count it."""
    bill, owner = Bill(), hub.owner(incoming.authorization)
    try:
        method, path = hub.contract.match(incoming.verb, incoming.path)
    except GoogleError as error:
        hub.stats.record("unknown", owner, error.code, SPENT_NOTHING)
        return error_reply(error)
    rule = hub.faults.match(method.id, incoming.path, owner, incoming.where)
    reply = await before(hub, rule, incoming)
    if reply is None:
        quirks = {rule.kind} & set(QUIRKS) if rule is not None else set()
        reply = _execute(hub, method, path, incoming, quirks, bill)
        reply = await after(hub, rule, reply)
    hub.stats.record(method.id, owner, 0 if reply.cut == "drop" else reply.status, bill.units)
    return reply


async def before(hub: Hub, rule: Rule | None, incoming: Incoming) -> Reply | None:
    """What a fault answers in place of the method; None lets the method run."""
    if rule is None or rule.when == "after":
        return None
    if rule.kind == "hang":
        await hub.faults.hold(rule.seconds)
        return Reply(cut="drop") if await incoming.left() else None
    return _spoiled(rule)


async def after(hub: Hub, rule: Rule | None, reply: Reply) -> Reply:
    """The method's reply as a fault leaves it."""
    if rule is None or rule.when == "before":
        return reply
    if rule.kind == "hang":
        await hub.faults.hold(rule.seconds)
    elif rule.kind == "truncated":
        reply.cut = "truncated"
    elif rule.kind == "malformed":
        reply.body = reply.body[: len(reply.body) // 2] + b'"}{'
    return _spoiled(rule) or reply


def _spoiled(rule: Rule) -> Reply | None:
    if rule.kind == "drop":
        return Reply(cut="drop")
    if rule.kind == "status":
        headers = {} if rule.retry_after is None else {"Retry-After": str(rule.retry_after)}
        message = rule.message or f"Injected by the stand-in: {rule.status}."
        return error_reply(GoogleError(rule.status, message, rule.reason, headers=headers))
    return None


def _execute(
    hub: Hub, method: Method, path: dict[str, str], incoming: Incoming, quirks: set[str], bill: Bill
) -> Reply:
    try:
        with hub.store.change():
            body = _run(hub, method, path, incoming, quirks, bill)
        return json_reply(body)
    except GoogleError as error:
        return error_reply(error)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return error_reply(GoogleError(500, f"The stand-in failed: {type(error).__name__}: {error}"))


def _run(
    hub: Hub, method: Method, path: dict[str, str], incoming: Incoming, quirks: set[str], bill: Bill
) -> dict[str, Any] | None:
    box, scopes = hub.grant(incoming.authorization)
    if not scopes & method.scopes:
        raise insufficient_scope()
    if path.get("userId", "me").lower() not in ("me", box.address):
        raise GoogleError(403, f"Delegation denied for {box.address}")
    handler = HANDLERS.get(method.id)
    if handler is None:
        raise GoogleError(501, f"The stand-in does not implement {method.id}.")
    hub.meter.charge(box.address, UNITS[method.id])
    bill.units = UNITS[method.id]
    params = hub.contract.query(method, parse_qsl(incoming.query, keep_blank_values=True))
    if params.pop("alt", "json") != "json":
        raise GoogleError(501, "The stand-in answers alt=json only.")
    sent = hub.contract.body(method, incoming.body, incoming.headers.get("content-type", ""))
    call = Call(
        box=box,
        path=path,
        params=params,
        body=sent,
        scopes=scopes,
        deliver=hub.deliver,
        quirks=quirks,
        topics=frozenset(hub.pubsub.topics.values()),
    )
    answer = handler(call)
    hub.contract.check_response(method, answer)
    if answer is not None and method.response is not None and "fields" in params:
        answer = select(answer, params["fields"], hub.contract.schemas, method.response)
    return answer
