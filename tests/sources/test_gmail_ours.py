"""Whose mail is ours: aliases, send-as addresses, groups, other accounts; and whose is a customer's after all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from demo.common.serving import Server
from tests.sources.contract import Collected, collect
from tests.sources.gmail_harness import ALIAS, ME, PRICES, GmailHarness, mail, ready
from triage.core.types import Direction, Message
from triage.sources.base import SourceSettings, utc_now
from triage.sources.gmail import GmailSource

GROUP = "press@volmera.example"
OTHER = "help@volmera.example"


class Plain(GmailHarness):
    """A mailbox whose settings name only its login; the rest it has to ask for. `later` moves its clock."""

    later = timedelta(0)

    def source(self, **settings: Any) -> GmailSource:
        given = SourceSettings(account="care", ours=(GROUP, OTHER.title()), prices=PRICES, **settings)
        return GmailSource(given, self.credentials(), now=lambda: utc_now() + self.later)


@pytest.fixture
def harness(gmail_server: Server) -> Plain:
    return Plain(gmail_server)


def one(harness: Plain, raw: bytes, collected: Collected | None = None) -> Message:
    (native_id,) = harness.put([raw])
    return collect(harness, collected).messages[native_id]


@pytest.mark.parametrize("sender", [ME, ALIAS, f"Team <{ALIAS.upper()}>", f"Press <{GROUP}>", OTHER])
def test_one_of_us_is_no_customer(harness: Plain, sender: str) -> None:
    assert one(harness, mail(sender=sender)).direction is Direction.OUTBOUND


def test_a_customer_is_one(harness: Plain) -> None:
    assert one(harness, mail(sender="press@volmera.example.evil.example")).direction is Direction.INBOUND


def test_send_as_addresses_are_asked_for_once_a_day(harness: Plain) -> None:
    collected = ready(harness)
    one(harness, mail(1), collected)
    assert "settings.sendAs.list" not in harness.spent(), "the first sync has asked already"
    harness.server.control("mailboxes", {"address": ME, "aliases": [ALIAS, "new@volmera.example"]})
    assert one(harness, mail(2, sender="new@volmera.example"), collected).direction is Direction.INBOUND
    harness.later = timedelta(hours=25)
    assert one(harness, mail(3, sender="new@volmera.example"), collected).direction is Direction.OUTBOUND
    assert harness.spent()["settings.sendAs.list"] == 1


def test_gmail_that_does_not_tell_them_is_no_reason_to_stop(harness: Plain) -> None:
    harness.fault(method="settings.sendAs.list", kind="status", status=403, reason="forbidden", times=0)
    collected = Collected()
    assert one(harness, mail(1), collected).direction is Direction.INBOUND
    one(harness, mail(2), collected)
    asked = harness.stats()["methods"]["gmail.users.settings.sendAs.list"]["requests"]
    assert asked == 1, "asked again an hour later, not at once"
    harness.later = timedelta(minutes=61)
    one(harness, mail(3), collected)
    assert harness.stats()["methods"]["gmail.users.settings.sendAs.list"]["requests"] == 2


def test_what_was_known_holds_while_gmail_does_not_tell(harness: Plain) -> None:
    collected = ready(harness)
    harness.later = timedelta(hours=25)
    harness.fault(method="settings.sendAs.list", kind="status", status=500, times=0)
    assert one(harness, mail(sender=ALIAS), collected).direction is Direction.OUTBOUND


class TestGroups:
    """A group that sends a customer's mail on under its own name."""

    def rewritten(self, sender: str, **headers: str) -> bytes:
        return mail(sender=f"'Ana Sorel' via Press <{GROUP}>", List_Id=f"<{GROUP.replace('@', '.')}>",
                    X_Original_Sender=sender, **headers)  # fmt: skip

    def test_the_customer_is_the_author(self, harness: Plain) -> None:
        message = one(harness, self.rewritten("Ana@Example.org"))
        assert (message.direction, message.author) == (Direction.INBOUND, "ana@example.org")
        assert message.author_name == "Ana Sorel"

    def test_one_of_us_who_writes_to_the_group_is_not(self, harness: Plain) -> None:
        assert one(harness, self.rewritten(OTHER)).direction is Direction.OUTBOUND

    def test_a_header_that_names_nobody_changes_nothing(self, harness: Plain) -> None:
        message = one(harness, self.rewritten("nobody"))
        assert (message.direction, message.author) == (Direction.OUTBOUND, GROUP)

    def test_a_stranger_cannot_borrow_a_name_with_it(self, harness: Plain) -> None:
        message = one(harness, mail(sender="eve@example.net", X_Original_Sender="ana@example.org"))
        assert message.author == "eve@example.net"
