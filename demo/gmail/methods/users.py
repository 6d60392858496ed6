"""users.getProfile, users.watch, users.stop."""

from __future__ import annotations

import re
from typing import Any

from demo.gmail.call import Call
from demo.gmail.errors import GoogleError, invalid

WATCH_SECONDS = 7 * 24 * 3600
TOPIC = re.compile(r"projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/topics/[A-Za-z][\w.~+%-]{2,254}")


def get_profile(call: Call) -> dict[str, Any]:
    """The address, the newest history id and the totals."""
    messages, threads = call.box.counts()
    return {
        "emailAddress": call.box.address,
        "messagesTotal": messages,
        "threadsTotal": threads,
        "historyId": str(call.box.history_id),
    }


def watch(call: Call) -> dict[str, Any]:
    """Promise notifications of every change for seven days, to a topic that Gmail may publish to."""
    if TOPIC.fullmatch(call.body.get("topicName", "")) is None:
        raise invalid("Invalid topicName does not match projects/{project}/topics/*")
    topic = call.body["topicName"]
    if topic not in call.topics:
        text = f"Error sending test message to Cloud PubSub {topic} : User not authorized to perform this action."
        raise GoogleError(403, text, "forbidden")
    known = call.box.labels.names()
    if any(label not in known for label in call.body.get("labelIds") or []):
        raise invalid("labelId not found")
    until = int((call.box.clock.now() + WATCH_SECONDS) * 1000)
    call.box.watch(until)
    call.box.store.remember(f"watch:{call.box.address}", topic)
    call.box.store.remember(f"told:{call.box.address}", str(call.box.history_id))
    return {"historyId": str(call.box.history_id), "expiration": str(until)}


def stop(call: Call) -> None:
    """End the notifications; ending none is fine."""
    call.box.watch(None)
