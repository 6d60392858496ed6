"""POST /v1/projects/…/subscriptions/…:pull and :acknowledge, and what Gmail publishes to watched mailboxes' topics.

Requests are checked against the discovery document of Pub/Sub that google-api-python-client ships.
"""

from __future__ import annotations

import asyncio
import json
import re
from functools import cache
from importlib import resources
from typing import Any

from demo.common.wire import Reply
from demo.gmail.api import Incoming, after, before, error_reply, json_reply
from demo.gmail.errors import GoogleError, bad_request, insufficient_scope
from demo.gmail.hub import Hub
from demo.gmail.schema import Schemas

LONGEST_WAIT = 90.0
SCOPES = {"https://www.googleapis.com/auth/pubsub", "https://www.googleapis.com/auth/cloud-platform"}
PATH = re.compile(r"/v1/(projects/[^/]+/subscriptions/[^/]+):(pull|acknowledge)")
SHAPES = {"pull": "PullRequest", "acknowledge": "AcknowledgeRequest"}


def notify(hub: Hub) -> None:
    """Tell of every watched mailbox that has changed since it was told of last: once, however much has changed."""
    for address in hub.addresses():
        box = hub.mailbox(address)
        topic = hub.store.setting(f"watch:{address}", "")
        told = int(hub.store.setting(f"told:{address}", "0"))
        until = box.watched_until
        if until is None or until <= hub.clock.now() * 1000 or box.history_id <= told:
            continue
        hub.store.remember(f"told:{address}", str(box.history_id))
        body = {"emailAddress": address, "historyId": str(box.history_id)}
        hub.pubsub.publish(topic, body, hub.clock.now())


async def respond_pubsub(hub: Hub, incoming: Incoming) -> Reply:
    """Answer a request to Pub/Sub, faults for the method `pubsub` included."""
    rule = hub.faults.match("pubsub", incoming.path, hub.owner(incoming.authorization), "direct")
    reply = await before(hub, rule, incoming)
    if reply is None:
        try:
            reply = await after(hub, rule, json_reply(await _answer(hub, incoming)))
        except GoogleError as error:
            reply = error_reply(error)
    hub.stats.record("pubsub", None, 0 if reply.cut == "drop" else reply.status, 0)
    return reply


async def _answer(hub: Hub, incoming: Incoming) -> dict[str, Any]:
    _, scopes = hub.grant(incoming.authorization)
    if not scopes & SCOPES:
        raise insufficient_scope()
    found = PATH.fullmatch(incoming.path)
    if found is None or found[1] not in hub.pubsub.topics:
        raise GoogleError(404, f"Resource not found ({incoming.path}).", "notFound")
    body = _checked(json.loads(incoming.body or b"{}"), SHAPES[found[2]])
    if found[2] == "acknowledge":
        if not body.get("ackIds"):
            raise bad_request([("ack_ids", "You have passed no ack IDs.")])
        hub.pubsub.acknowledge(found[1], body["ackIds"])
        return {}
    if body.get("maxMessages", 0) < 1:
        raise bad_request([("max_messages", "max_messages must be positive.")])
    ends = asyncio.get_running_loop().time() + LONGEST_WAIT
    while True:
        notify(hub)
        messages = hub.pubsub.pull(found[1], body["maxMessages"], hub.clock.now())
        over = body.get("returnImmediately") or asyncio.get_running_loop().time() >= ends
        if messages or over or await incoming.left():
            return {"receivedMessages": messages} if messages else {}
        await asyncio.sleep(0.02)


def _checked(body: Any, shape: str) -> dict[str, Any]:
    problems = _schemas().request(body, shape)
    if problems:
        raise bad_request(problems)
    return dict(body)


@cache
def _schemas() -> Schemas:
    file = resources.files("googleapiclient") / "discovery_cache" / "documents" / "pubsub.v1.json"
    return Schemas(json.loads(file.read_text(encoding="utf-8"))["schemas"])
