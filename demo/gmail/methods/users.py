"""users.getProfile, users.watch, users.stop."""

from __future__ import annotations

import re
from typing import Any

from demo.gmail.call import Call
from demo.gmail.errors import invalid

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
    """Promise notifications for seven days; none are sent."""
    if TOPIC.fullmatch(call.body.get("topicName", "")) is None:
        raise invalid("Invalid topicName does not match projects/{project}/topics/*")
    known = call.box.labels.names()
    if any(label not in known for label in call.body.get("labelIds") or []):
        raise invalid("labelId not found")
    until = int((call.box.clock.now() + WATCH_SECONDS) * 1000)
    call.box.watch(until)
    return {"historyId": str(call.box.history_id), "expiration": str(until)}


def stop(call: Call) -> None:
    """End the notifications; ending none is fine."""
    call.box.watch(None)
