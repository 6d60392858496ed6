"""The story on the stand-ins and in an embedded PostgreSQL, without Airflow: verbs called in this process."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from demo import scene, stage, story
from demo.common.serving import Server
from triage.config import Settings, load
from triage.ops.classify import classify
from triage.ops.collect import collect
from triage.ops.label import label, label_names
from triage.ops.report import Report
from triage.ops.sources import for_account, quota_of
from triage.sources.base import Credentials

MAILBOX = story.MAILBOX


@dataclass
class World:
    """A mailbox, an account on X, our database; `round()` is what one cycle of the DAGs does."""

    dsn: str
    gmail: Server
    x: Server
    classifier: Any
    settings: Settings = field(default_factory=load)
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def prepare(self) -> None:
        """Make the mailbox and the brand's account."""
        stage.prepare(self.gmail.url, self.x.url, [MAILBOX, *story.ALIASES])

    def connections(self) -> dict[str, dict[str, Any]]:
        """Connections as Airflow holds them."""
        return scene.connections(self.dsn, self.gmail.url, self.x.url, MAILBOX)

    def environment(self) -> dict[str, str]:
        """What a `triage` command needs to reach this world."""
        made = {f"AIRFLOW_CONN_{k.upper()}": json.dumps(v) for k, v in self.connections().items()}
        return {**made, "TRIAGE_DSN": self.dsn}

    def deliver(self, steps: Sequence[story.Step]) -> None:
        """Mails and posts arrive; `ids` remembers them by the story's thread."""
        mails = [s for s in steps if isinstance(s, story.Mail)]
        posts = [s for s in steps if isinstance(s, story.Post)]
        if mails:
            path = f"mailboxes/{MAILBOX}/deliver"
            made = self.gmail.control(path, {"messages": [stage.mail_json(m) for m in mails]})["delivered"]
            for mail, item in zip(mails, made, strict=True):
                self.ids[mail.thread].append(item["id"])
        if posts:
            labels = self.x.control("deliver", {"posts": [stage.post_json(p) for p in posts]})["labels"]
            for post in posts:
                self.ids[post.label.rsplit("-", 1)[0]].append(labels[post.label])

    def collect(self, connection: Any) -> list[Report]:
        """Pull both accounts."""
        return [
            collect(connection, self.source(connection, a.name), a.name)
            for a in self.settings.triage.accounts
        ]

    def source(self, connection: Any, name: str) -> Any:
        """The source of an account."""
        account = self.settings.triage.account(name)
        given = self.connections()[account.connection]
        credentials = Credentials(
            login=given["login"], password=given.get("password", ""), extra=given["extra"]
        )
        assert quota_of(account, self.settings).prices
        return for_account(connection, account, self.settings, credentials)

    def decide(self, connection: Any) -> Report:
        """Classify what was collected."""
        return classify(connection, self.classifier, self.settings.topics)

    def label(self, connection: Any) -> Report:
        """Bring the mailbox's labels up to date."""
        return label(connection, self.source(connection, "care"), "care", label_names(self.settings))

    def round(self, connection: Any) -> list[Report]:
        """One cycle: collect, triage."""
        return [*self.collect(connection), self.decide(connection), self.label(connection)]

    def labels(self, message_id: str) -> set[str]:
        """Names of our labels on one mail."""
        box = self.gmail.control(f"mailboxes/{MAILBOX}/snapshot")
        found = next(m for m in box["messages"] if m["id"] == message_id)
        return {name for name in found["labels"] if name.startswith("Triage/")}


def story_steps() -> list[story.Step]:
    """The whole story, its last message a few minutes ago."""
    return story.steps(story.files(encore=False), datetime.now(UTC) - timedelta(hours=3, minutes=2))
