"""What becomes of one post as X describes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from triage.core.errors import Skip
from triage.core.types import Direction, Message
from triage.sources.x_post import Reader, first_id_at, handles_of, newest, time_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
READER = Reader(account="brand", own_ids=frozenset({"900", "901"}), own_handles=frozenset({"volmera"}))
USERS = {"5": ("ada", "Ada L."), "900": ("volmera", "Volmera")}
POST = {
    "id": "1990000000000000001",
    "author_id": "5",
    "conversation_id": "1990000000000000000",
    "created_at": "2026-11-20T11:00:00.000Z",
    "text": "@volmera fish &amp; chips &lt;3",
    "lang": "en",
}
OPTIONAL = ("referenced_tweets", "note_tweet", "entities", "in_reply_to_user_id")
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""In a fresh checkout the first text drawn waits seconds for Hypothesis to build its table of Unicode."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def read(**changes: Any) -> Message:
    post = {name: value for name, value in (POST | changes).items() if value is not ...}
    return READER.message(post, USERS, NOW)


def test_a_post_of_somebody() -> None:
    message = read(
        in_reply_to_user_id="900",
        referenced_tweets=[{"type": "replied_to", "id": "1990000000000000000"}],
        entities={"hashtags": [{"start": 0, "end": 5, "tag": "Duo7"}, {"tag": "Duo7"}, {"tag": "a b"}]},
    )
    assert (message.key.source, message.key.account, message.key.native_id) == ("x", "brand", POST["id"])
    assert message.conversation == "1990000000000000000/5"
    assert message.direction is Direction.INBOUND
    assert (message.author, message.author_name) == ("5", "@ada (Ada L.)")
    assert message.sent_at == datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert message.fetched_at == NOW
    assert message.text == "@volmera fish & chips <3"
    assert message.url == f"https://x.com/ada/status/{POST['id']}"
    assert message.reply_to == "1990000000000000000"
    assert message.lang == "en"
    assert message.extra == {
        "conversation_id": "1990000000000000000",
        "referenced": [["replied_to", "1990000000000000000"]],
        "hashtags": ["Duo7"],
        "in_reply_to_user_id": "900",
    }


@pytest.mark.parametrize(
    ("answered", "branch"),
    [("5", "5"), ("900", "900"), ("901", "900"), (None, "900"), ("nobody", "900")],
    ids=["a customer", "ourselves", "our other account", "nobody", "an odd id"],
)
def test_our_own_post_is_on_the_branch_of_whom_it_answers(answered: str | None, branch: str) -> None:
    message = read(author_id="900", in_reply_to_user_id=answered)
    assert message.direction is Direction.OUTBOUND
    assert message.conversation == f"1990000000000000000/{branch}"


def test_a_customer_who_answers_another_customer_stays_on_their_own_branch() -> None:
    assert read(in_reply_to_user_id="77").conversation == "1990000000000000000/5"


@pytest.mark.parametrize("author", ["5", "900"])
def test_a_retweet_is_automatic_whoever_made_it(author: str) -> None:
    message = read(author_id=author, referenced_tweets=[{"type": "retweeted", "id": "7"}])
    assert (message.direction, message.automatic_reason) == (Direction.AUTOMATIC, "retweet")


def test_a_quote_is_somebody_speaking() -> None:
    message = read(referenced_tweets=[{"type": "quoted", "id": "7"}])
    assert (message.direction, message.reply_to) == (Direction.INBOUND, None)


def test_a_long_post_is_read_in_full() -> None:
    note = {"text": "long " * 100 + "&gt; end", "entities": {"hashtags": [{"tag": "Late"}]}}
    message = read(note_tweet=note, entities={"hashtags": [{"tag": "Early"}]})
    assert message.text == "long " * 100 + "> end"
    assert message.extra["hashtags"] == ["Early", "Late"]


def test_what_was_written_escaped_stays_escaped() -> None:
    assert read(text="write &amp;lt; for &lt;").text == "write &lt; for <"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("@volmera thanks so much!", True),
        ("@volmera @other merci beaucoup", True),
        ("Thank you @volmera!", True),
        ("@volmera thanks, and when do I get my money?", False),
        ("Thank you @somebody", False),
        ("@volmera", False),
    ],
)
def test_leading_mentions_and_our_own_handle_do_not_count_in_thanks(text: str, bare: bool) -> None:
    assert read(text=text).bare_thanks is bare


@pytest.mark.parametrize(
    ("lang", "kept"), [("fr", "fr"), ("pt-BR", "pt-BR"), ("und", ""), ("qme", ""), ("zxx", ""), (7, "")]
)
def test_only_real_languages_are_kept(lang: Any, kept: str) -> None:
    assert read(lang=lang).lang == kept


def test_an_author_who_did_not_come_along_has_no_name_but_a_working_link() -> None:
    message = read(author_id="6")
    assert (message.author_name, message.url) == ("", f"https://x.com/i/status/{POST['id']}")


def test_users_who_are_odd_are_left_out() -> None:
    users = [
        {"id": "5", "username": "ada", "name": "Ada &amp; Co"},
        {"id": "6", "username": "a/../b", "name": "Six"},
        {"id": "7"},
        {"id": 8, "username": "eight"},
        "nine",
    ]
    assert handles_of({"includes": {"users": users}}) == {
        "5": ("ada", "Ada & Co"),
        "6": ("", "Six"),
        "7": ("", ""),
    }
    for odd in ({}, {"includes": None}, {"includes": []}, {"includes": {"users": {"id": "5"}}}):
        assert handles_of(odd) == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": ...}, "id is missing"),
        ({"id": 1990000000000000001}, "id is not an id"),
        ({"id": "٣"}, "id is not an id"),
        ({"id": "9" * 30}, "id is not an id"),
        ({"author_id": ...}, "author_id is missing"),
        ({"conversation_id": "x/y"}, "conversation_id is not an id"),
        ({"created_at": ...}, "created_at is missing"),
        ({"created_at": "yesterday"}, "created_at is not a time"),
        ({"created_at": "2026-11-20T11:00:00"}, "created_at is not a time"),
        ({"created_at": "0001-01-01T00:00:00+23:00"}, "created_at is not a time"),
        ({"text": ...}, "text is missing"),
        ({"text": ["a"]}, "text is not a string"),
    ],
)
def test_what_cannot_be_read_is_skipped_with_its_reason(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Skip, match=said):
        read(**changes)


def test_what_cannot_be_read_is_kept_as_it_came() -> None:
    kept = READER.quarantined(POST | {"text": 7}, "text is not a string")
    assert kept.key.native_id == POST["id"]
    assert json.loads(kept.raw) == POST | {"text": 7}
    first, second = (READER.quarantined({"n": n}, "id is missing").key.native_id for n in (1, 2))
    assert first != second
    assert first == READER.quarantined({"n": 1}, "id is missing").key.native_id


@untimed
@given(
    st.dictionaries(
        st.sampled_from([*POST, "referenced_tweets", "note_tweet", "entities", "in_reply_to_user_id"]), JSON
    )
)
def test_no_json_does_worse_than_quarantine(changes: dict[str, Any]) -> None:
    reason = ""
    try:
        message = read(**changes)
    except Skip as skipped:
        reason = str(skipped)
    if reason:
        assert READER.quarantined(POST | changes, reason).raw
    else:
        json.dumps(dict(message.extra)).encode()
        assert message.sent_at.tzinfo is UTC


@untimed
@given(JSON)
def test_anything_in_place_of_a_post_does_no_worse_than_quarantine(post: Any) -> None:
    with pytest.raises(Skip) as reason:
        READER.message(post, {}, NOW)
    assert READER.quarantined(post, str(reason.value)).key.native_id


@untimed
@given(st.datetimes(datetime(2011, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)))
@example(datetime(2038, 9, 2, 22, 27, 13, 654000, tzinfo=UTC))
def test_an_id_tells_its_time(moment: datetime) -> None:
    assert timedelta(0) <= moment - time_of(first_id_at(moment)) < timedelta(milliseconds=1)


def test_ids_are_compared_as_numbers() -> None:
    assert newest(["999999999999999999", "1000000000000000000", "5"]) == "1000000000000000000"
    assert newest([]) is None
