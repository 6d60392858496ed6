"""The Gmail source against the strict stand-in, over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import demo.gmail
from demo.common.serving import Server
from tests.sources.contract import Collected, SourceContract, collect, store
from triage.core.errors import ConfigError, CursorExpired, Fatal, Retry
from triage.core.types import Cursor, Direction, LabelChange
from triage.sources.base import Credentials, SourceSettings
from triage.sources.gmail import GmailSource
from triage.sources.gmail_history import Changes, Position

ME = "care@volmera.example"
ALIAS = "bonjour@volmera.example"
PRICES = {
    "history.list": 2, "messages.list": 5, "messages.get": 20, "messages.modify": 5, "messages.batchModify": 50,
    "labels.list": 1, "labels.create": 5, "getProfile": 1,
}  # fmt: skip


def mail(number: int = 1, *, sender: str = "Ana Sorel <ana@example.org>", body: str = "", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ME
    message["Subject"] = f"Question {number}"
    message["Message-ID"] = f"<q{number}@example.org>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body or f"My mixer number {number} leaks.")
    return message.as_bytes()


class GmailHarness:
    """One mailbox of the stand-in."""

    several_pages = 130

    def __init__(self, server: Server) -> None:
        self.server = server
        self.count = 0
        server.control("reset", {})
        server.control("mailboxes", {"address": ME, "aliases": [ALIAS]})
        server.control("quota", {"limit": 0})

    def credentials(self, **extra: Any) -> Credentials:
        extra = extra or {"token": f"token-{ME}"}
        return Credentials(login=ME, extra={"api_endpoint": self.server.url, **extra})

    def source(self, *, stored: set[str] | None = None, **settings: Any) -> GmailSource:
        return GmailSource(
            SourceSettings(account="care", addresses=(ME, ALIAS), prices=PRICES, **settings),
            self.credentials(),
            known=lambda ids: set(ids) & (stored or set()),
        )

    def put(self, raws: Sequence[bytes], **fields: Any) -> list[str]:
        items = [{"raw": base64.urlsafe_b64encode(raw).decode(), **fields} for raw in raws]
        return [item["id"] for item in self.box("deliver", {"messages": items})["delivered"]]

    def box(self, verb: str, body: Any = None) -> Any:
        return self.server.control(f"mailboxes/{ME}/{verb}", body)

    def deliver(self, count: int) -> list[str]:
        first = self.count + 1
        self.count += count
        return self.put([mail(number) for number in range(first, self.count + 1)])

    def reply(self, native_id: str) -> str:
        threads = {item["id"]: item["thread"] for item in self.box("snapshot")["messages"]}
        done = self.box("person", {"action": "reply", "thread": threads[native_id], "text": "We are on it."})
        return str(done["messages"][0]["id"])

    def deliver_unreadable(self) -> str:
        return self.put([b"\r\n\r\n"])[0]

    def expire(self) -> None:
        self.box("expire_history", {})

    def inject(self, fault: str) -> None:
        for rule in FAULTS[fault]:
            self.fault(**rule)

    def fault(self, **rule: Any) -> None:
        self.server.control("faults", rule)

    def stats(self) -> Any:
        return self.server.control("stats")

    def spent(self) -> dict[str, int]:
        """Units by method, as the stand-in counts them."""
        methods = self.stats()["methods"]
        return {name.removeprefix("gmail.users."): m["units"] for name, m in methods.items() if m["units"]}


READ: dict[str, Any] = {"method": "messages.get", "where": "batch"}
FAULTS: dict[str, list[dict[str, Any]]] = {
    "500 for the batch": [{"method": "batch", "kind": "status", "status": 500}],
    "503 for the batch, again and again": [{"method": "batch", "kind": "status", "status": 503, "times": 4}],
    "500 inside the batch": [READ | {"kind": "status", "status": 500, "skip": 1, "times": 2}],
    "500 twice inside the batch": [READ | {"kind": "status", "status": 500, "times": 8}],
    "429 inside the batch": [READ | {"kind": "status", "status": 429, "skip": 2, "times": 3}],
    "403 rate limit inside the batch": [
        READ | {"kind": "status", "status": 403, "reason": "userRateLimitExceeded", "skip": 1, "times": 2}
    ],
    "429 for every part": [READ | {"kind": "status", "status": 429, "times": 5}],
    "429 for the batch": [{"method": "batch", "kind": "status", "status": 429, "retry_after": 7}],
    "truncated batch": [{"method": "batch", "kind": "truncated"}],
    "malformed batch": [{"method": "batch", "kind": "malformed"}],
    "truncated part": [READ | {"kind": "truncated"}],
    "malformed part": [READ | {"kind": "malformed", "skip": 1}],
    "dropped batch": [{"method": "batch", "kind": "drop"}],
    "batch done but lost": [{"method": "batch", "kind": "drop", "when": "after"}],
    "500 for lists": [
        {"method": "history.list", "kind": "status", "status": 500},
        {"method": "messages.list", "kind": "status", "status": 500},
        {"method": "getProfile", "kind": "status", "status": 500},
    ],
    "429 for lists": [
        {"method": "history.list", "kind": "status", "status": 429},
        {"method": "messages.list", "kind": "status", "status": 429},
    ],
    "truncated lists": [
        {"method": "history.list", "kind": "truncated"},
        {"method": "messages.list", "kind": "truncated"},
    ],
    "repeated history": [{"method": "history.list", "kind": "repeat_history", "times": 0}],
    "empty page of history with a token": [{"method": "history.list", "kind": "empty_history"}],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.gmail.serve() as running:
        yield running


@pytest.fixture
def harness(server: Server) -> GmailHarness:
    return GmailHarness(server)


class TestGmailContract(SourceContract):
    """Every rule of the contract, for Gmail."""

    faults: ClassVar[tuple[str, ...]] = tuple(FAULTS)

    @pytest.fixture
    def harness(self, server: Server) -> GmailHarness:
        return GmailHarness(server)


def ready(harness: GmailHarness) -> Collected:
    """A collector that has done the first sync of an empty mailbox; counts start at zero."""
    collected = collect(harness)
    harness.server.control("stats/reset", {})
    return collected


class TestCost:
    """What things cost, as the stand-in counts it and as the source says."""

    def test_a_poll_without_news_is_two_units(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        page = harness.source().pull(collected.cursor)
        assert dict(page.units) == {"history.list": 2}
        assert harness.spent() == {"history.list": 2}

    def test_new_messages_cost_twenty_each_and_the_page_two(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        harness.deliver(120)
        collect(harness, collected)
        assert harness.spent() == {"history.list": 2, "messages.get": 2400}
        assert sum(sum(p.units.values()) for p in collected.pages[1:]) == 2402
        assert harness.stats()["batches"] == {"count": 3, "largest": 50}

    def test_the_first_sync_lists_a_hundred_for_five(self, harness: GmailHarness) -> None:
        harness.deliver(120)
        collected = collect(harness)
        expected = {"getProfile": 1, "messages.list": 10, "messages.get": 2400}
        assert harness.spent() == expected
        total: dict[str, int] = {}
        for page in collected.pages:
            total = {name: total.get(name, 0) + page.units.get(name, 0) for name in {*total, *page.units}}
        assert total == expected

    def test_what_is_stored_is_not_read_again(self, harness: GmailHarness) -> None:
        ids = harness.deliver(3)
        page = harness.source(stored=set(ids[:2])).pull(None)
        assert [m.key.native_id for m in page.messages] == ids[2:]
        assert page.units["messages.get"] == 20

    def test_units_of_a_failed_pull_are_told_with_the_next_page(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        harness.fault(method="history.list", kind="status", status=500, times=3)
        source = harness.source()
        with pytest.raises(Retry):
            source.pull(collected.cursor)
        assert dict(source.pull(collected.cursor).units) == {"history.list": 8}


class TestBudget:
    """Never more units than given; what is left waits in the cursor."""

    @pytest.mark.parametrize("budget", [2, 21, 22, 50, 62, 500, 1022])
    def test_the_budget_is_kept(self, harness: GmailHarness, budget: int) -> None:
        collected = ready(harness)
        ids = harness.deliver(60)
        page = harness.source().pull(collected.cursor, budget=budget)
        assert sum(page.units.values()) <= budget
        assert len(page.messages) == (budget - 2) // 20
        assert page.paused.startswith("quota")
        assert page.has_more
        store(page, collected)
        collect(harness, collected)
        assert sorted(collected.given) == sorted(ids)
        assert harness.spent()["history.list"] == 2

    @pytest.mark.parametrize("budget", [0, 1])
    def test_too_little_for_anything_changes_nothing(self, harness: GmailHarness, budget: int) -> None:
        collected = ready(harness)
        page = harness.source().pull(collected.cursor, budget=budget)
        assert page.paused.startswith("quota")
        assert page.cursor == collected.cursor
        assert not page.units
        first = harness.source().pull(None, budget=5)
        assert first.paused.startswith("quota")
        assert not first.units

    def test_the_minute_of_gmail_itself(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        ids = harness.deliver(80)
        harness.server.control("quota", {"limit": 1000})
        page = harness.source().pull(collected.cursor)
        assert 0 < len(page.messages) < 50
        assert page.paused.startswith("quota")
        assert sum(page.units.values()) == harness.stats()["units"] <= 1000
        store(page, collected)
        with pytest.raises(Retry) as refusal:
            harness.source().pull(collected.cursor)
        assert refusal.value.after > timedelta(0)
        harness.server.control("clock", {"advance": 61})
        while len(collected.given) < 80:
            store(harness.source().pull(collected.cursor), collected)
            harness.server.control("clock", {"advance": 61})
        assert sorted(collected.given) == sorted(ids)


class TestHistory:
    """Additions, deletions, trash and spam."""

    def pull(self, harness: GmailHarness, collected: Collected) -> Any:
        page = harness.source().pull(collected.cursor)
        store(page, collected)
        return page

    def test_trash_and_back(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        collected = collect(harness)
        harness.box("person", {"action": "trash", "message": one})
        assert self.pull(harness, collected).deleted == (one,)
        harness.box("person", {"action": "untrash", "message": one})
        page = self.pull(harness, collected)
        assert page.restored == (one,)
        assert not page.deleted

    def test_deleted_for_good(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        collected = collect(harness)
        harness.box("person", {"action": "delete", "message": one})
        page = self.pull(harness, collected)
        assert page.deleted == (one,)
        assert dict(page.units) == {"history.list": 2}

    def test_spam_is_read_only_when_it_turns_out_to_be_none(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        (one,) = harness.put([mail()], labels=["SPAM"])
        assert not self.pull(harness, collected).messages
        harness.box("person", {"action": "label", "message": one, "remove": ["SPAM"], "add": ["INBOX"]})
        assert [m.key.native_id for m in self.pull(harness, collected).messages] == [one]

    def test_drafts_are_never_read(self, harness: GmailHarness) -> None:
        harness.put([mail(1)], labels=["DRAFT"])
        collected = ready(harness)
        harness.put([mail(2)], labels=["DRAFT"])
        page = self.pull(harness, collected)
        assert not collected.given
        assert "messages.get" not in page.units

    def test_gone_between_history_and_get(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        one, two = harness.deliver(2)
        harness.fault(method="messages.get", kind="gone", path=one)
        page = self.pull(harness, collected)
        assert [m.key.native_id for m in page.messages] == [two]
        assert page.deleted == (one,)
        assert not page.quarantined

    def test_trashed_while_it_was_pending(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        (one,) = harness.deliver(1)
        store(harness.source().pull(collected.cursor, budget=2), collected)
        harness.box("person", {"action": "trash", "message": one})
        assert self.pull(harness, collected).deleted == (one,)
        assert not collected.messages

    def test_the_cursor_stays_until_the_last_page_of_history(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        collected = collect(harness)
        assert collected.cursor is not None
        start = collected.cursor.value["history_id"]
        for number in range(300):
            change = {"remove": ["UNREAD"]} if number % 2 == 0 else {"add": ["UNREAD"]}
            harness.box("person", {"action": "label", "message": one, **change})
            harness.box("person", {"action": "label", "message": one, "add" if number % 2 else "remove": ["STARRED"]})
        late = harness.deliver(1)
        harness.server.control("stats/reset", {})
        page = self.pull(harness, collected)
        while page.has_more:
            assert page.cursor.value["history_id"] == start
            page = self.pull(harness, collected)
        assert page.cursor.value["history_id"] != start
        assert collected.given[1:] == late

    def test_a_page_token_that_died_starts_the_walk_again(self, harness: GmailHarness) -> None:
        ids = harness.deliver(130)
        collected = collect(harness, pages=1)
        assert collected.cursor is not None
        value = {**collected.cursor.value, "page": "no-such-token"}
        collected.cursor = Cursor(account="care", value=value)
        collect(harness, collected)
        assert set(collected.messages) == set(ids)

    def test_a_history_id_from_another_mailbox_is_an_expired_one(self, harness: GmailHarness) -> None:
        cursor = Cursor(account="care", value={"mode": "history", "history_id": "99999999999", "taken_at": 1})
        with pytest.raises(CursorExpired):
            harness.source().pull(cursor)

    def test_the_first_sync_is_bounded(self, harness: GmailHarness) -> None:
        now = datetime.now(UTC)
        old, new = (int((now - timedelta(days=d)).timestamp() * 1000) for d in (8, 6))
        harness.put([mail(1)], internalDate=old)
        (recent,) = harness.put([mail(2)], internalDate=new)
        assert collect(harness).given == [recent]

    def test_a_resync_is_bounded_and_reads_only_what_is_missing(self, harness: GmailHarness) -> None:
        now = datetime.now(UTC)
        hours_ago = int((now - timedelta(hours=3)).timestamp() * 1000)
        (old,) = harness.put([mail(1)], internalDate=hours_ago)
        collected = collect(harness)
        missed = harness.deliver(1)
        harness.expire()
        source = harness.source(stored={old})
        assert collected.cursor is not None
        page = source.pull(source.resync(collected.cursor))
        assert page.reset
        assert [m.key.native_id for m in page.messages] == missed
        ancient = Cursor(account="care", value={"mode": "history", "history_id": "1", "taken_at": 1})
        reach = int(now.timestamp()) - source.resync(ancient).value["after"]
        assert reach == pytest.approx(28 * 86400, abs=600)

    def test_a_message_that_gmail_never_gives_is_quarantined_in_the_end(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        one, *others = harness.deliver(3)
        harness.fault(method="messages.get", kind="status", status=500, path=one, times=0)
        for _ in range(8):
            page = self.pull(harness, collected)
        assert sorted(collected.given) == sorted(others)
        assert list(collected.quarantined) == [one]
        assert not page.has_more


def test_a_message_that_is_added_and_deleted_in_one_page_is_only_deleted() -> None:
    message = {"message": {"id": "a", "labelIds": ["INBOX"]}}
    changes = Changes().fold([{"messagesAdded": [message]}, {"messagesDeleted": [message]}])
    assert (list(changes.read), list(changes.deleted)) == ([], ["a"])


def test_a_position_survives_json() -> None:
    position = Position(mode="history", history_id="7", pending=("a", "b"), tries={"a": 1}, page="p", upto="9")
    assert Position.of(json.loads(json.dumps(position.as_value()))) == position


class TestMapping:
    """From a raw mail to a message."""

    def one(self, harness: GmailHarness, raw: bytes, **fields: Any) -> Any:
        harness.put([raw], **fields)
        (message,) = collect(harness).messages.values()
        return message

    def test_fields(self, harness: GmailHarness) -> None:
        when = int(datetime.now(UTC).timestamp()) * 1000
        raw = mail(sender="=?utf-8?q?Zo=C3=A9?= Blanc <Zoe@Example.ORG>", In_Reply_To="<a@b>", References="<z@b> <a@b>")
        message = self.one(harness, raw, internalDate=when)
        assert (message.key.source, message.key.account) == ("gmail", "care")
        assert (message.author, message.author_name) == ("zoe@example.org", "Zoé Blanc")
        assert message.sent_at == datetime.fromtimestamp(when / 1000, UTC)
        assert message.reply_to == "<a@b>"
        assert set(message.labels) == {"INBOX", "UNREAD"}
        assert message.url == f"https://mail.google.com/mail/u/?authuser={ME.replace('@', '%40')}#all/{message.key.native_id}"
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


class TestLabels:
    """Labels by name, made when missing, few calls."""

    def labels(self, harness: GmailHarness) -> dict[str, set[str]]:
        mine = {"INBOX", "UNREAD"}
        return {m["id"]: set(m["labels"]) - mine for m in harness.box("snapshot")["messages"]}

    def test_more_than_ten_alike_go_together(self, harness: GmailHarness) -> None:
        ids = harness.deliver(14)
        changes = [LabelChange(native_id=i, add=("Triage/A", "Triage/B")) for i in ids[:11]]
        changes += [LabelChange(native_id=i, add=("Triage/B",)) for i in ids[11:]]
        outcome = harness.source().apply(changes)
        assert sorted(outcome.done) == sorted(ids)
        expected = {"labels.list": 1, "labels.create": 10, "messages.batchModify": 50, "messages.modify": 15}
        assert dict(outcome.units) == expected
        assert harness.spent() == expected
        assert [self.labels(harness)[i] for i in ids] == [{"Triage/A", "Triage/B"}] * 11 + [{"Triage/B"}] * 3

    def test_a_second_time_changes_nothing(self, harness: GmailHarness) -> None:
        changes = [LabelChange(native_id=i, add=("Triage/A",)) for i in harness.deliver(2)]
        harness.source().apply(changes)
        before = harness.box("snapshot")
        assert len(harness.source().apply(changes).done) == 2
        assert harness.box("snapshot") == before

    def test_removing(self, harness: GmailHarness) -> None:
        one, two = harness.deliver(2)
        harness.source().apply([LabelChange(native_id=one, add=("Triage/A",))])
        outcome = harness.source().apply(
            [
                LabelChange(native_id=one, add=("Triage/B",), remove=("Triage/A", "Triage/Never made")),
                LabelChange(native_id=two, remove=("Triage/Never made",)),
            ]
        )
        assert sorted(outcome.done) == sorted([one, two])
        assert self.labels(harness) == {one: {"Triage/B"}, two: set()}
        assert "Triage/Never made" not in harness.box("snapshot")["labels"]

    def test_an_empty_change_is_free(self, harness: GmailHarness) -> None:
        outcome = harness.source().apply([LabelChange(native_id="abc")], budget=0)
        assert outcome.done == ("abc",)
        assert not outcome.units

    def test_a_message_that_is_gone(self, harness: GmailHarness) -> None:
        one, two = harness.deliver(2)
        harness.box("person", {"action": "delete", "message": one})
        outcome = harness.source().apply([LabelChange(native_id=i, add=("Triage/A",)) for i in (one, two)])
        assert (outcome.gone, outcome.done) == ((one,), (two,))

    def test_batch_modify_refused_falls_back_to_single_changes(self, harness: GmailHarness) -> None:
        ids = harness.deliver(11)
        harness.fault(method="messages.batchModify", kind="status", status=404)
        outcome = harness.source().apply([LabelChange(native_id=i, add=("Triage/A",)) for i in ids])
        assert sorted(outcome.done) == sorted(ids)
        assert all(self.labels(harness)[i] == {"Triage/A"} for i in ids)

    def test_a_label_that_somebody_made_meanwhile_is_adopted(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        harness.box("person", {"action": "create_label", "name": "triage/a"})
        harness.source().apply([LabelChange(native_id=one, add=("Triage/A",))])
        assert self.labels(harness)[one] == {"triage/a"}
        harness.fault(method="labels.create", kind="drop", when="after")
        outcome = harness.source().apply([LabelChange(native_id=one, add=("Triage/B",))])
        assert outcome.done == (one,)
        assert self.labels(harness)[one] == {"triage/a", "Triage/B"}

    @pytest.mark.parametrize("budget", [0, 1, 6, 10, 11, 30])
    def test_the_budget_is_kept(self, harness: GmailHarness, budget: int) -> None:
        ids = harness.deliver(8)
        outcome = harness.source().apply([LabelChange(native_id=i, add=("Triage/A",)) for i in ids], budget=budget)
        assert sum(outcome.units.values()) <= budget
        assert len(outcome.done) == max(0, (budget - 6) // 5)
        assert outcome.paused.startswith("quota")

    def test_rate_limit_inside_a_batch_keeps_what_is_done(self, harness: GmailHarness) -> None:
        ids = harness.deliver(5)
        harness.fault(method="messages.modify", kind="status", status=429, skip=2, times=3)
        changes = [LabelChange(native_id=i, add=("Triage/A",)) for i in ids]
        outcome = harness.source().apply(changes)
        assert sorted(outcome.done) == sorted(ids[:2])
        assert outcome.paused.startswith("quota")
        assert not outcome.failed
        assert sum(outcome.units.values()) == 1 + 5 + 10
        assert len(harness.source().apply(changes).done) == 5

    @pytest.mark.parametrize("fault", [{"kind": "truncated"}, {"kind": "status", "status": 503}, {"kind": "drop"}])
    @pytest.mark.parametrize("method", ["batch", "labels.list", "labels.create", "messages.modify"])
    def test_trouble_on_the_way_is_overcome(self, harness: GmailHarness, method: str, fault: dict[str, Any]) -> None:
        ids = harness.deliver(3)
        harness.fault(method=method, **fault)
        outcome = harness.source().apply([LabelChange(native_id=i, add=("Triage/A",)) for i in ids])
        assert sorted(outcome.done) == sorted(ids)
        assert all(self.labels(harness)[i] == {"Triage/A"} for i in ids)

    def test_gmail_down_is_a_pause_not_an_error(self, harness: GmailHarness) -> None:
        harness.fault(method="labels.list", kind="status", status=503, times=0)
        outcome = harness.source().apply([LabelChange(native_id="1a", add=("Triage/A",))])
        assert outcome.paused
        assert not outcome.done

    def test_a_name_that_gmail_refuses_is_told(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        outcome = harness.source().apply([LabelChange(native_id=one, add=("Inbox/ /x",))])
        assert "Inbox/ /x" in outcome.paused
        assert not outcome.done
