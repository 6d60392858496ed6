"""Cloud Pub/Sub, as far as Gmail's notifications go: topics, subscriptions, and what waits in them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

ACK_SECONDS = 10


@dataclass
class Waiting:
    """A message that is not acknowledged; `until` it is in somebody's hands."""

    id: str
    data: str
    published: float
    until: float = 0.0


@dataclass
class PubSub:
    """Subscriptions and what waits in them; kept in memory only."""

    topics: dict[str, str] = field(default_factory=dict)
    """Subscription to topic."""

    waiting: dict[str, list[Waiting]] = field(default_factory=dict)
    count: int = 0

    def publish(self, topic: str, body: dict[str, str], now: float) -> None:
        """Put a message into every subscription of a topic."""
        data = base64.b64encode(json.dumps(body).encode()).decode()
        self.count += 1
        for subscription in (s for s, t in self.topics.items() if t == topic):
            self.waiting.setdefault(subscription, []).append(Waiting(str(self.count), data, now))

    def pull(self, subscription: str, most: int, now: float) -> list[dict[str, Any]]:
        """Messages that are in nobody's hands, with the ids to acknowledge them by."""
        free = [m for m in self.waiting.get(subscription, []) if m.until <= now][:most]
        for message in free:
            message.until = now + ACK_SECONDS
        return [{"ackId": f"ack-{m.id}", "message": {"data": m.data, "messageId": m.id}} for m in free]

    def acknowledge(self, subscription: str, ids: list[str]) -> None:
        """Forget messages; unknown ids are passed over."""
        left = [m for m in self.waiting.get(subscription, []) if f"ack-{m.id}" not in ids]
        self.waiting[subscription] = left
