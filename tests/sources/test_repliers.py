"""What each service is told when we reply, and what its refusals become; against the stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from demo.gmail.mime import header
from tests.builders import shipped_topics
from tests.ops.outbox import Outbox
from tests.ops.services import CARE, Services, serving
from tests.sources.gmail_harness import mail
from triage.core.errors import ConfigError, Fatal

HELLO = "bonjour@volmera.example"


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as running:
        yield running


@pytest.fixture
def outbox(request: pytest.FixtureRequest, connection: Connection, services: Services) -> Outbox:
    """The outbox of the source that the test's class is named after."""
    source = request.node.cls.__name__.removeprefix("Test").lower()
    return Outbox(connection, services, shipped_topics(), source)


def refusal(outbox: Outbox, reply_id: int) -> str:
    """Send; what the reply was refused with."""
    outbox.send()
    row = outbox.reply(reply_id)
    assert row["state"] == "refused", row
    assert outbox.spent().get("create") is None
    return str(row["error"])


class TestGmail:
    def sent(self, outbox: Outbox, **headers: str) -> dict[str, str]:
        """Answer a mail with these headers; the headers of the answer."""
        outbox.say(outbox.ask(**headers), "On it.")
        outbox.send()
        (answer,) = outbox.mails()
        return {name: str(value) for name, value in answer.items()}

    def test_it_goes_in_the_thread_to_whoever_wrote(self, outbox: Outbox) -> None:
        headers = self.sent(outbox, References="<a@example.org> <b@example.org>")
        assert headers["To"] == "ada <ada@example.org>"
        assert headers["From"] == CARE
        assert headers["Subject"] == "Re: Question 1"
        assert headers["In-Reply-To"] == "<q1@example.org>"
        assert headers["References"] == "<a@example.org> <b@example.org> <q1@example.org>"
        box = outbox.server.control(f"mailboxes/{CARE}/snapshot")["messages"]
        assert len({m["thread"] for m in box}) == 1

    @pytest.mark.parametrize(
        ("given", "made"),
        [
            ("Re: Question", "Re: Question"),
            ("RE : Question", "RE : Question"),
            ("AW: Question", "AW: Question"),
            ("", "Re:"),
            ("=?utf-8?q?Caf=C3=A9_=E2=98=95?=", "Re: Café ☕"),
        ],
    )
    def test_the_subject_is_marked_once(self, outbox: Outbox, given: str, made: str) -> None:
        raw = mail(1, Reply_To="x@example.org").replace(b"Subject: Question 1", b"Subject: " + given.encode())
        outbox.put(raw)
        outbox.collect()
        outbox.say(1)
        outbox.send()
        (answer,) = outbox.mails()
        assert str(answer["Subject"]) == made

    def test_it_comes_from_the_address_that_was_written_to(self, outbox: Outbox) -> None:
        outbox.server.control("mailboxes", {"address": CARE, "aliases": [HELLO]})
        outbox.put(mail(1).replace(CARE.encode(), HELLO.encode()))
        outbox.collect()
        outbox.say(1)
        outbox.send()
        (answer,) = outbox.mails()
        assert str(answer["From"]) == HELLO

    def test_a_form_that_names_somebody_else_to_answer_is_heeded_but_for_a_crowd(
        self, outbox: Outbox
    ) -> None:
        headers = self.sent(outbox, Reply_To="Ana <ana@example.net>, all@example.net, list@example.net")
        assert headers["To"] == "Ana <ana@example.net>"
        assert "Cc" not in headers
        assert "Bcc" not in headers

    def test_hostile_headers_put_nothing_into_ours(self, outbox: Outbox) -> None:
        raw = mail(1).replace(
            b"Subject: Question 1",
            b"Subject: =?utf-8?q?Hi=0D=0ABcc=3A_all=40example.net=0D=0A=0D=0Abody?=",
        )
        outbox.put(raw.replace(b"Ana Sorel", b"=?utf-8?q?Ana=0D=0ABcc=3A_x=40example.net?="))
        outbox.collect()
        outbox.say(1)
        outbox.send()
        (answer,) = outbox.mails()
        assert answer["Bcc"] is None
        assert "all@example.net" in str(answer["Subject"])
        assert header(answer, "To").endswith("<ana@example.org>")
        assert str(answer.get_content()).strip() == "We are on it."

    def test_it_costs_what_gmail_says(self, outbox: Outbox) -> None:
        conversation = outbox.ask()
        before = outbox.spent()
        outbox.server.control("stats/reset", {})
        outbox.say(conversation)
        outbox.send()
        methods = outbox.server.control("stats")["methods"]
        theirs = {name.removeprefix("gmail.users."): m["units"] for name, m in methods.items() if m["units"]}
        spent = {name: units - before.get(name, 0) for name, units in outbox.spent().items()}
        assert {name: units for name, units in spent.items() if units} == theirs
        assert theirs == {"messages.send": 100, "messages.get": 20, "settings.sendAs.list": 1}

    def test_a_token_without_the_right_is_named_with_the_mend(self, outbox: Outbox) -> None:
        reply_id = outbox.say(outbox.ask())
        read_only = {"token": "narrow", "scopes": ["gmail.readonly"]}
        outbox.server.control("mailboxes", {"address": CARE, "tokens": [read_only]})
        outbox.credentials = outbox.with_extra(refresh_token="", token="narrow")
        with pytest.raises(Fatal, match=r"lacks the scope .*gmail\.modify; connect the mailbox again"):
            outbox.send()
        assert "gmail.modify" in outbox.reply(reply_id)["error"]

    def test_a_spent_minute_is_no_doubt(self, outbox: Outbox) -> None:
        reply_id = outbox.say(outbox.ask())
        fault = {"kind": "status", "status": 429, "reason": "rateLimitExceeded", "method": "messages.send"}
        outbox.server.control("faults", fault)
        outbox.send()
        assert outbox.reply(reply_id)["state"] == "wanted"
        assert "quota is spent" in outbox.reply(reply_id)["error"]
        assert outbox.spent().get("messages.send") is None

    def test_googles_words_are_shown(self, outbox: Outbox) -> None:
        reply_id = outbox.say(outbox.ask())
        fault = {
            "kind": "status", "status": 400, "reason": "invalidArgument", "message": "Invalid To header",
            "method": "messages.send",
        }  # fmt: skip
        outbox.server.control("faults", fault)
        assert refusal(outbox, reply_id) == "Gmail refuses it (400): Invalid To header"


class TestX:
    def test_only_who_summoned_us_is_answered(self, outbox: Outbox) -> None:
        said = {"id": "rant", "author": "rita", "text": "Volmera is awful. #VolmeraRecall"}
        outbox.yaml["accounts"][0]["track"] = ["#VolmeraRecall"]
        outbox.configure()
        outbox.server.control("deliver", {"posts": [said]})
        outbox.collect()
        error = refusal(outbox, outbox.say(1))
        assert error.startswith(
            "X refuses it (403): Reply to this conversation is not allowed because you have not"
        )

    def test_the_same_again_is_refused_in_xs_words(self, outbox: Outbox) -> None:
        for _ in range(2):
            conversation = outbox.ask(author="ada")
            reply_id = outbox.say(conversation, "The same.")
            outbox.send()
        assert outbox.reply(reply_id)["state"] == "refused"
        assert "duplicate content" in outbox.reply(reply_id)["error"]
        assert outbox.spent()["create"] == 15_000

    def test_too_long_is_refused_in_xs_words(self, outbox: Outbox) -> None:
        assert "too long" in refusal(outbox, outbox.say(outbox.ask(), "a" * 281))

    def test_the_ledger_has_what_x_bills(self, outbox: Outbox) -> None:
        outbox.say(outbox.ask(author="ada"), "Plain.")
        outbox.say(outbox.ask(author="bob"), "Here: https://help.volmera.example/duo7")
        outbox.server.control("stats/reset", {})
        outbox.send()
        billed = outbox.server.control("stats")["cost"]
        ours = {name: outbox.spent()[name] / 1e6 for name in ("create", "create_with_url")}
        assert billed == ours == {"create": 0.015, "create_with_url": 0.2}

    def test_a_link_is_too_dear_for_what_is_left_today(self, outbox: Outbox) -> None:
        outbox.yaml["quota"]["x"]["dollars_per_day"] = 0.1
        outbox.configure()
        dear = outbox.say(outbox.ask(author="ada"), "Here: https://help.volmera.example/duo7")
        outbox.send()
        assert outbox.ours() == []
        assert "this costs $0.200" in outbox.reply(dear)["error"]
        assert outbox.spent().get("create_with_url") is None

    def test_keys_that_may_only_read_are_named_with_the_mend(self, outbox: Outbox) -> None:
        reply_id = outbox.say(outbox.ask())
        outbox.credentials = outbox.with_extra(access_token_secret="wrong")
        with pytest.raises(Fatal, match="read and write permission"):
            outbox.send()
        assert outbox.reply(reply_id)["state"] == "wanted"

    def test_a_connection_that_reads_only_says_so(self, outbox: Outbox) -> None:
        reply_id = outbox.say(outbox.ask())
        outbox.credentials = outbox.with_extra(consumer_key="")
        with pytest.raises(ConfigError, match="no keys to write with"):
            outbox.send()
        assert "no keys to write with" in outbox.reply(reply_id)["error"]

    def test_a_user_token_will_do(self, outbox: Outbox) -> None:
        outbox.server.control("users", {"handle": "volmera", "tokens": ["user-token"]})
        outbox.credentials = outbox.with_extra(consumer_key="", user_token="user-token")
        reply_id = outbox.say(outbox.ask())
        outbox.server.control("faults", {"kind": "drop", "when": "after", "method": "tweets.create"})
        outbox.send()
        outbox.send()
        assert outbox.reply(reply_id)["state"] == "sent"
        assert outbox.ours() == ["We are on it."]

    def test_prepaid_credits_that_are_used_up_are_waited_for(self, outbox: Outbox) -> None:
        reply_id = outbox.say(outbox.ask())
        outbox.server.control("credits", {"dollars": 0})
        outbox.send()
        outbox.server.control("credits", {"dollars": None})
        assert outbox.reply(reply_id)["state"] == "wanted"
        assert "add credits" in outbox.reply(reply_id)["error"]

    def test_what_others_say_alike_is_not_taken_for_ours(self, outbox: Outbox) -> None:
        """The same words to somebody else, and other words to the same post."""
        first, second = outbox.ask(author="ada"), outbox.ask(author="bob")
        outbox.say(first, "We are on it! https://a.example/x")
        outbox.send()
        reply_id = outbox.say(second, "We are on it! https://b.example/y")
        outbox.server.control("faults", {"kind": "drop", "method": "tweets.create"})
        outbox.send()
        outbox.age(reply_id, minutes=3)
        outbox.send()
        assert outbox.reply(reply_id)["state"] == "sent"
        assert len(outbox.ours()) == 2


class TestMastodon:
    def made(self, outbox: Outbox) -> dict[str, Any]:
        (status,) = outbox.server.control("written", {"author": "volmera"})["statuses"]
        return dict(status)

    @pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
    def test_it_is_as_visible_as_what_it_answers(self, outbox: Outbox, visibility: str) -> None:
        outbox.say(outbox.ask(visibility=visibility, subject="Health", lang="fr"), "On s’en occupe.")
        outbox.send()
        made = self.made(outbox)
        assert (made["visibility"], made["spoiler_text"], made["language"]) == (visibility, "Health", "fr")
        assert [m["acct"] for m in made["mentions"]] == ["ada"]

    def test_a_token_that_may_only_read_is_named_with_the_mend(self, outbox: Outbox) -> None:
        reply_id = outbox.say(outbox.ask())
        scopes = ["read:accounts", "read:notifications", "read:statuses"]
        outbox.server.control("accounts", {"acct": "volmera", "token": "s3cret-mastodon", "scopes": scopes})
        with pytest.raises(Fatal, match="write:statuses"):
            outbox.send()
        assert outbox.reply(reply_id)["state"] == "wanted"

    def test_too_long_is_refused_in_its_words(self, outbox: Outbox) -> None:
        error = refusal(outbox, outbox.say(outbox.ask(), "a" * 501))
        assert error == "Mastodon refuses it (422): Validation failed: Text character limit of 500 exceeded"

    def test_the_same_key_is_the_same_post_even_while_it_does_not_show(self, outbox: Outbox) -> None:
        reply_id = outbox.say(outbox.ask())
        outbox.server.control("faults", {"kind": "drop", "when": "after", "method": "post", "times": 3})
        outbox.server.control("faults", {"kind": "empty_page", "method": "own", "times": 0})
        outbox.send()
        outbox.send()
        outbox.server.control("faults", verb="DELETE")
        assert (outbox.reply(reply_id)["state"], outbox.ours()) == ("sent", ["We are on it."])


class TestBluesky:
    def made(self, outbox: Outbox) -> dict[str, Any]:
        (record,) = outbox.server.control("written", {"author": "volmera.example"})["records"]
        return dict(record)

    def test_the_record_names_parent_root_language_links_and_tags(self, outbox: Outbox) -> None:
        root = outbox.server.control(
            "deliver", {"posts": [{"author": "rita.example", "text": "Ugh", "id": "rant"}]}
        )["ids"][0]
        outbox.say(outbox.ask(reply_to="rant", langs=["fr"]), "Été: https://a.example/x, #Duo7.")
        outbox.send()
        record = self.made(outbox)
        assert record["reply"]["root"]["uri"] == root
        assert record["reply"]["parent"]["uri"] != root
        assert record["langs"] == ["fr"]
        features = {f["features"][0]["$type"].rpartition("#")[2]: f for f in record["facets"]}
        text = record["text"].encode()
        for name, said in (("link", "https://a.example/x"), ("tag", "#Duo7")):
            index = features[name]["index"]
            assert text[index["byteStart"] : index["byteEnd"]].decode() == said

    def test_too_long_is_refused_in_its_words(self, outbox: Outbox) -> None:
        error = refusal(outbox, outbox.say(outbox.ask(), "a" * 301))
        assert error.startswith("Bluesky refuses it (400): Invalid app.bsky.feed.post record")

    def test_an_answer_costs_no_login_of_its_own(self, outbox: Outbox) -> None:
        outbox.say(outbox.ask())
        before = outbox.server.control("stats")["requests"]["createSession"]
        outbox.send()
        assert outbox.server.control("stats")["requests"]["createSession"] == before

    def test_a_session_that_ended_is_renewed(self, outbox: Outbox) -> None:
        reply_id = outbox.say(outbox.ask())
        outbox.server.control("expire", {})
        outbox.send()
        assert outbox.reply(reply_id)["state"] == "sent"
