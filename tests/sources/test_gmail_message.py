"""From a Gmail message to ours, and who may read the mailbox."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from demo.common.serving import Server
from tests.sources.contract import collect
from tests.sources.gmail_harness import ALIAS, ME, PRICES, GmailHarness, mail
from triage.core.errors import ConfigError, Fatal, Retry
from triage.core.types import Direction
from triage.sources.base import SourceSettings
from triage.sources.gmail import GmailSource


@pytest.fixture
def harness(gmail_server: Server) -> GmailHarness:
    return GmailHarness(gmail_server)


class TestMapping:
    """From a raw mail to a message."""

    def one(self, harness: GmailHarness, raw: bytes, **fields: Any) -> Any:
        harness.put([raw], **fields)
        (message,) = collect(harness).messages.values()
        return message

    def test_fields(self, harness: GmailHarness) -> None:
        when = int(datetime.now(UTC).timestamp()) * 1000
        raw = mail(
            sender="=?utf-8?q?Zo=C3=A9?= Blanc <Zoe@Example.ORG>",
            In_Reply_To="<a@b>",
            References="<z@b> <a@b>",
        )
        message = self.one(harness, raw, internalDate=when)
        assert (message.key.source, message.key.account) == ("gmail", "care")
        assert (message.author, message.author_name) == ("zoe@example.org", "Zoé Blanc")
        assert message.sent_at == datetime.fromtimestamp(when / 1000, UTC)
        assert message.reply_to == "<a@b>"
        assert set(message.labels) == {"INBOX", "UNREAD"}
        assert (
            message.url
            == f"https://mail.google.com/mail/u/?authuser={ME.replace('@', '%40')}#all/{message.key.native_id}"
        )
        assert message.extra["references"] == ["<z@b>", "<a@b>"]
        assert message.extra["to"] == [ME]

    def test_an_alias_of_ours_is_outbound(self, harness: GmailHarness) -> None:
        assert self.one(harness, mail(sender=f"Team <{ALIAS.upper()}>")).direction is Direction.OUTBOUND

    def test_our_autoresponder_answers_nobody(self, harness: GmailHarness) -> None:
        message = self.one(harness, mail(sender=ME, Auto_Submitted="auto-replied"), labels=["SENT"])
        assert message.direction is Direction.AUTOMATIC
        assert message.automatic_reason == "Auto-Submitted: auto-replied"

    def test_a_list_is_automatic_unless_it_is_our_own_group(self, harness: GmailHarness) -> None:
        harness.put([mail(1, List_Id="News <news.example.com>"), mail(2, List_Id="<care.volmera.example>")])
        found = {m.subject: m.direction for m in collect(harness).messages.values()}
        assert found == {"Question 1": Direction.AUTOMATIC, "Question 2": Direction.INBOUND}

    def test_thanks_are_marked(self, harness: GmailHarness) -> None:
        assert self.one(harness, mail(body="Merci beaucoup !")).bare_thanks

    def test_quarantine_keeps_the_raw_mail(self, harness: GmailHarness) -> None:
        harness.put([b"X-Nothing: here\r\n\r\n"])
        (item,) = harness.source().pull(None).quarantined
        assert base64.b64decode(item.raw) == b"X-Nothing: here\r\n\r\n"
        assert "neither sender nor text" in item.reason


class TestCredentials:
    """Three ways in, and what is said when the door is closed."""

    def build(self, harness: GmailHarness, **extra: Any) -> GmailSource:
        return GmailSource(SourceSettings(account="care", prices=PRICES), harness.credentials(**extra))

    def oauth(self, harness: GmailHarness, token: str = f"refresh-{ME}") -> dict[str, str]:
        client = {"client_id": "client-id", "client_secret": "client-secret"}
        return {"refresh_token": token, "token_uri": f"{harness.server.url}/token", **client}

    def test_refresh_token(self, harness: GmailHarness) -> None:
        ids = harness.deliver(1)
        page = self.build(harness, **self.oauth(harness)).pull(None)
        assert [m.key.native_id for m in page.messages] == ids

    def test_an_access_token_that_expires_on_the_way_is_renewed(self, harness: GmailHarness) -> None:
        source = self.build(harness, **self.oauth(harness))
        cursor = source.pull(None).cursor
        ids = harness.deliver(1)
        harness.server.control("clock", {"advance": 4000})
        assert [m.key.native_id for m in source.pull(cursor).messages] == ids

    def test_a_revoked_refresh_token_names_the_mend(self, harness: GmailHarness) -> None:
        with pytest.raises(Fatal, match=r"care: .*connect the mailbox again"):
            self.build(harness, **self.oauth(harness, "revoked")).pull(None)

    def test_a_token_endpoint_in_trouble_is_a_retry(self, harness: GmailHarness) -> None:
        harness.fault(method="token", kind="drop", times=0)
        with pytest.raises(Retry):
            self.build(harness, **self.oauth(harness)).pull(None)

    def test_a_dead_fixed_token(self, harness: GmailHarness) -> None:
        with pytest.raises(Fatal, match="connect the mailbox again"):
            self.build(harness, token="nobody").pull(None)

    def test_a_missing_scope_is_named(self, harness: GmailHarness) -> None:
        tokens = [{"token": "reader", "scopes": ["gmail.labels"]}]
        harness.server.control("mailboxes", {"address": ME, "tokens": tokens})
        with pytest.raises(Fatal, match=r"auth/gmail\.modify"):
            self.build(harness, token="reader").pull(None)

    def test_no_credentials(self, harness: GmailHarness) -> None:
        with pytest.raises(ConfigError, match="refresh_token"):
            self.build(harness, token="")

    @pytest.mark.parametrize("key", ["{", "[]", "{}", '"text"'])
    def test_a_keyfile_that_is_none(self, harness: GmailHarness, key: str) -> None:
        with pytest.raises(ConfigError, match="keyfile_dict"):
            self.build(harness, keyfile_dict=key)

    def test_a_service_account_acts_for_the_login(self, harness: GmailHarness) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        account = {
            "type": "service_account",
            "client_email": "bot@project.example",
            "private_key": pem,
            "token_uri": f"{harness.server.url}/token",
        }
        source = self.build(harness, keyfile_dict=json.dumps(account))
        # The stand-in knows refresh tokens only: that it was asked, and how its refusal is told, is the test.
        with pytest.raises(Fatal, match="renew the access token"):
            source.pull(None)
        assert list(harness.stats()["methods"]) == ["token"]

    def test_a_missing_price_is_told(self, harness: GmailHarness) -> None:
        source = GmailSource(SourceSettings(account="care"), harness.credentials())
        with pytest.raises(ConfigError, match=r"quota\.gmail\.prices"):
            source.pull(None)

    def test_errors_never_hold_what_google_wrote(self, harness: GmailHarness) -> None:
        secret = "Dear team, my son was hurt"
        harness.fault(method="getProfile", kind="status", status=400, message=secret)
        with pytest.raises(Exception, match="getProfile") as refusal:
            harness.source().pull(None)
        assert secret not in str(refusal.value)
