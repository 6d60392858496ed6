"""Push: renewed watch, pulled notifications, and polling whenever push is silent or broken."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from demo.common.serving import Server
from tests.sources.gmail_harness import ME, GmailHarness
from triage.core.errors import Fatal
from triage.sources.base import Credentials
from triage.sources.gmail_auth import PUSH_SCOPE, load_credentials
from triage.sources.gmail_push import DISTRUST_SECONDS, SILENCE_SECONDS, Push

TOPIC = "projects/volmera-mail/topics/care"
SUBSCRIPTION = "projects/volmera-mail/subscriptions/care"


class Time:
    """A clock that moves when somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        self.now += 60.0  # so that a wait in silence ends without waiting
        return self.now


class Pushed(GmailHarness):
    """A mailbox with a topic, a subscription, and a token that may pull from it."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        server.control("pubsub", {"topic": TOPIC, "subscription": SUBSCRIPTION})
        scopes = ["gmail.modify", "pubsub"]
        server.control("mailboxes", {"address": ME, "tokens": [{"token": f"token-{ME}", "scopes": scopes}]})
        self.time = Time()

    def push(self, subscription: str = SUBSCRIPTION, **extra: Any) -> Push:
        return Push(
            self.credentials(**extra), subscription, addresses=(), pull_seconds=0.3,
            sleep=self.time.sleep, clock=self.time.clock,
        )  # fmt: skip


@pytest.fixture
def harness(gmail_server: Server) -> Pushed:
    return Pushed(gmail_server)


def test_watching_costs_a_hundred_and_lasts_a_week(harness: Pushed) -> None:
    source = harness.source()
    until = source.watch(TOPIC)
    assert timedelta(days=6, hours=23) < until - datetime.now(UTC) <= timedelta(days=7)
    assert source.owed() == {"watch": 100} == harness.spent()


@pytest.mark.parametrize("topic", ["projects/volmera-mail/topics/strange", "care"])
def test_a_topic_that_gmail_may_not_publish_to(harness: Pushed, topic: str) -> None:
    with pytest.raises(Fatal, match="care"):
        harness.source().watch(topic)


def test_a_change_wakes_us_once(harness: Pushed) -> None:
    harness.source().watch(TOPIC)
    push = harness.push()
    harness.deliver(3)
    assert push.wait(5) is True
    assert push.wait(5) is False, "acknowledged: it does not come again"
    harness.server.control("clock", {"advance": 60})
    assert push.wait(5) is False
    harness.deliver(1)
    assert push.wait(5) is True


def test_a_wait_ends_when_mail_comes(harness: Pushed) -> None:
    harness.source().watch(TOPIC)
    harness.time.clock = lambda: 1000.0  # type: ignore[method-assign]
    push = Push(harness.credentials(), SUBSCRIPTION, addresses=(), pull_seconds=20, clock=lambda: 1000.0)
    later = threading.Timer(0.3, harness.deliver, (1,))
    later.start()
    assert push.wait(5) is True
    later.join()


def test_silence_is_believed_for_minutes_only(harness: Pushed) -> None:
    harness.source().watch(TOPIC)
    began = harness.time.now
    assert harness.push().wait(5) is False
    assert SILENCE_SECONDS <= harness.time.now - began < SILENCE_SECONDS + 300
    assert harness.push().trusted


def test_without_a_watch_nothing_is_told(harness: Pushed) -> None:
    harness.deliver(1)
    assert harness.push().wait(5) is False
    harness.source().watch(TOPIC)
    harness.server.control("clock", {"advance": 8 * 86400})
    harness.deliver(1)
    assert harness.push().wait(5) is False, "a watch ends after a week"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 403},
        {"kind": "status", "status": 503},
        {"kind": "drop", "times": 2},
        {"kind": "malformed"},
        {"kind": "truncated"},
    ],
    ids=str,
)
def test_broken_push_falls_back_to_polling_and_is_tried_again(harness: Pushed, fault: dict[str, Any]) -> None:
    harness.source().watch(TOPIC)
    push = harness.push()
    harness.deliver(1)
    harness.fault(method="pubsub", **fault)
    assert push.wait(5) is False
    assert harness.time.slept == [5]
    assert not push.trusted
    assert push.wait(5) is False
    assert harness.time.slept == [5, 5], "polled, without another try"
    harness.time.now += DISTRUST_SECONDS
    harness.server.control("clock", {"advance": 60})
    assert push.wait(5) is True


def test_push_that_missed_something_is_doubted(harness: Pushed) -> None:
    push = harness.push()
    push.doubt()
    assert push.wait(7) is False
    assert harness.time.slept == [7]


@pytest.mark.parametrize("subscription", ["projects/volmera-mail/subscriptions/none"])
def test_a_subscription_that_is_not_there(harness: Pushed, subscription: str, caplog: Any) -> None:
    assert harness.push(subscription).wait(5) is False
    assert "Pub/Sub Subscriber" in caplog.text


def test_a_token_without_the_scope(harness: Pushed, caplog: Any) -> None:
    harness.server.control("mailboxes", {"address": ME, "tokens": [{"token": "plain"}]})
    assert harness.push(token="plain").wait(5) is False
    assert "HTTP 403" in caplog.text


def test_another_mailbox_is_no_reason_to_look(harness: Pushed) -> None:
    harness.source().watch(TOPIC)
    harness.deliver(1)
    extra = {"api_endpoint": harness.server.url, "token": f"token-{ME}"}
    other = Push(
        Credentials(login="other@volmera.example", extra=extra), SUBSCRIPTION, addresses=(), pull_seconds=0.3,
        sleep=harness.time.sleep, clock=harness.time.clock,
    )  # fmt: skip
    assert other.wait(5) is False


def test_a_service_account_pulls_as_itself() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    info = {
        "type": "service_account",
        "client_email": "bot@p.example",
        "private_key": pem,
        "token_uri": "https://t",
    }
    held = Credentials(login=ME, extra={"keyfile_dict": json.dumps(info)})
    made = load_credentials(held, scope=PUSH_SCOPE)
    assert (made.scopes, made._subject) == ([PUSH_SCOPE], None)
    assert load_credentials(held)._subject == ME
