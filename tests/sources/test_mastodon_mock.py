"""The contract against `mastodon_mock`, a Mastodon server that others wrote, on loopback in this process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import requests
from mastodon_mock.app import create_app, dispose_app_resources
from mastodon_mock.config import MastodonMockConfig, SeedAccount, SeedConfig
from mastodon_mock.db.base import Base
from sqlalchemy import delete

from demo.common.serving import Server
from tests.sources.contract import SourceContract, collect
from tests.sources.social_store import Stored
from triage.core.errors import Declined
from triage.core.types import Direction, Reply
from triage.sources.base import Credentials, Source, SourceSettings, utc_now
from triage.sources.mastodon import MastodonSource
from triage.sources.mastodon_send import MastodonReplier

PEOPLE = ("volmera", "volmera_new", "ada", "bob", "eve")
MENTIONS = "/api/v1/notifications"


def _rule(effect: dict[str, Any], count: int = 1, path: str = MENTIONS) -> dict[str, Any]:
    return {"match": {"path": path}, "effect": effect, "count": count}


FAULTS: dict[str, dict[str, Any]] = {
    "503 four times": _rule({"type": "status", "status": 503}, 4),
    "429 with headers": _rule({"type": "ratelimit"}),
    "not JSON": _rule({"type": "malformed", "truncate": False}),
}
"""Of the table in social_faults.py those that the mock can play itself."""


class Blemish:
    """The mock, but for the content of some statuses: it never holds one that cannot be read."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.broken: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def passed_on(message: Any) -> None:
            for id_ in self.broken if message["type"] == "http.response.body" else ():
                found = re.sub(
                    rb'("id":"%s","uri".*?"content":)"[^"]*"' % id_.encode(), rb"\1null", message["body"]
                )
                message = {**message, "body": found}
            if message["type"] == "http.response.start":
                kept = [(k, v) for k, v in message["headers"] if k.lower() != b"content-length"]
                message = {**message, "headers": kept}
            await send(message)

        await self.app(scope, receive, passed_on)


class MockHarness:
    """One account of the mock. Everybody mentions our present name and the one we take later."""

    several_pages = 5

    def __init__(self, server: Server, blemish: Blemish) -> None:
        self.server, self.blemish = server, blemish
        self.stored = Stored()
        self.count = 0
        self.name = "volmera"
        self.session = requests.Session()
        self.session.trust_env = False
        blemish.broken.clear()
        blemish.app.state.fault_store.clear()
        with blemish.app.state.engine.begin() as database:
            for table in reversed(Base.metadata.sorted_tables):
                if table.name.startswith(("status", "notifications")):
                    database.execute(delete(table))

    def _post(self, path: str, token: str = "", **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.session.post(self.server.url + path, json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def post(self, author: str, text: str, **more: Any) -> str:
        return str(self._post("/api/v1/statuses", f"{author}-token", status=text, **more)["id"])

    def source(self) -> Source:
        def make(known: Any) -> MastodonSource:
            return MastodonSource(
                SourceSettings(account="brand", addresses=("@volmera",), track=("#Volmera",), page_size=3),
                Credentials(
                    password=f"{self.name}-token",
                    extra={"api_endpoint": self.server.url, "timeout_seconds": 0.6},
                ),
                known=known,
                sleep=lambda seconds: None,
            )

        return self.stored.source(make)

    def deliver(self, count: int) -> list[str]:
        first, self.count = self.count, self.count + count
        return [
            self.post(PEOPLE[2 + n % 3], f"@volmera @volmera_new number {n}")
            for n in range(first, self.count)
        ]

    def reply(self, native_id: str) -> str:
        return self.post(self.name, "We are on it.", in_reply_to_id=native_id)

    def deliver_unreadable(self) -> str:
        (made,) = self.deliver(1)
        self.blemish.broken.add(made)
        return made

    def expire(self) -> None:
        self.name = "volmera_new"

    def inject(self, fault: str) -> None:
        self._post("/api/v1/_mock/faults", **FAULTS[fault])


@pytest.fixture(scope="module")
def mock() -> Iterator[tuple[Server, Blemish]]:
    accounts = [SeedAccount(username=name, access_token=f"{name}-token") for name in PEOPLE]
    config = MastodonMockConfig(domain="mock.example", seed=SeedConfig(accounts=accounts))
    config.auth.enforce_scopes = True
    app = create_app(config)
    blemish = Blemish(app)
    with Server(blemish, on_stop=lambda: dispose_app_resources(app)) as running:
        yield running, blemish


class TestMastodonMockContract(SourceContract):
    """What every source promises."""

    faults: ClassVar[tuple[str, ...]] = tuple(FAULTS)

    @pytest.fixture
    def harness(self, mock: tuple[Server, Blemish]) -> MockHarness:
        return MockHarness(*mock)


def test_a_conversation_with_several_people_and_a_hashtag(mock: tuple[Server, Blemish]) -> None:
    harness = MockHarness(*mock)
    root = harness.post("volmera", "A new mixer!")
    ada = harness.post("ada", "@volmera mine is broken\n\nsince **Monday**", in_reply_to_id=root)
    bob = harness.post("bob", "@volmera mine too", in_reply_to_id=root)
    tagged = harness.post("eve", "never again #Volmera https://mock.example/a")
    answer = harness.post("volmera", "@ada Sorry!", in_reply_to_id=ada)
    boost = str(harness._post(f"/api/v1/statuses/{tagged}/reblog", "ada-token")["id"])
    found = collect(harness).messages
    assert set(found) == {root, ada, bob, tagged, answer}
    assert boost not in found
    assert found[ada].text == "@volmera mine is broken\n\nsince Monday"
    assert found[tagged].text == "never again #Volmera https://mock.example/a"
    assert found[answer].direction is Direction.OUTBOUND
    assert found[answer].conversation == found[ada].conversation != found[bob].conversation
    assert {found[id_].conversation.partition("/")[0] for id_ in (root, ada, bob, answer)} == {root}


def test_a_deleted_status_is_told(mock: tuple[Server, Blemish]) -> None:
    harness = MockHarness(*mock)
    kept, lost = harness.deliver(2)
    collected = collect(harness)
    author = PEOPLE[3]
    url = f"{harness.server.url}/api/v1/statuses/{lost}"
    harness.session.delete(
        url, headers={"Authorization": f"Bearer {author}-token"}, timeout=30
    ).raise_for_status()
    collect(harness, collected)
    assert collected.deleted == [lost]
    assert kept in collected.messages


def test_a_reply_is_one_post_however_often_it_is_sent(mock: tuple[Server, Blemish]) -> None:
    harness = MockHarness(*mock)
    asked = harness.post("ada", "@volmera mine is broken", visibility="unlisted", spoiler_text="Mixer")
    replier = MastodonReplier(
        SourceSettings(account="brand", addresses=("@volmera",)),
        Credentials(password="volmera-token", extra={"api_endpoint": harness.server.url}),
    )
    reply = Reply(
        key="k" * 32, number=1, wanted_at=utc_now(), text="Sorry! We are on it.", to=asked, lang="en"
    )
    assert replier.find(reply) is None
    first = replier.send(reply)
    assert replier.send(reply) == first == replier.find(reply)
    found = collect(harness).messages
    ours = [m for m in found.values() if m.direction is Direction.OUTBOUND]
    assert [m.key.native_id for m in ours] == [first.native_id]
    assert ours[0].conversation == found[asked].conversation
    assert (ours[0].extra["visibility"], ours[0].subject) == ("unlisted", "Mixer")
    assert ours[0].text.endswith("Sorry! We are on it.")
    with pytest.raises(Declined, match="422"):
        replier.send(Reply(key="l" * 32, number=2, wanted_at=utc_now(), text="a" * 501, to=asked))
