"""Who gets an approved text, and who is left to a human."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.core.fanout import Candidate, Text, addressed, choose, left_to_a_human

TEXTS = {
    "en": Text(long="Hello {name},\n\nStop using the mixer.", short="Please stop using the mixer."),
    "fr": Text(long="Bonjour {name},\n\nN'utilisez plus le robot.", short=""),
}
ADA = Candidate(
    conversation_id=1, source="gmail", person="gmail:ada@example.org", name="Ada", lang="en", kind="reply",
    intents=frozenset({"question"}), topics=frozenset({"product_defect"}),
)  # fmt: skip


def test_a_plain_question_gets_the_text_with_the_name() -> None:
    (found,) = choose([ADA], TEXTS)
    assert found.excluded is None
    assert found.text == "Hello Ada,\n\nStop using the mixer."


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"waits": False}, "answered or dismissed meanwhile"),
        ({"intents": frozenset({"question", "press"})}, "the press is answered by a person"),
        ({"intents": frozenset({"legal"})}, "a legal matter is answered by a person"),
        ({"intents": frozenset({"urgent_help"})}, "somebody needs help at once"),
        ({"topics": frozenset({"product_defect", "safety_injury"})}, "somebody may be hurt"),
        ({"kind": "check"}, "a thank-you: look and close it"),
        ({"replied": True}, "we answered before, and they wrote again"),
        ({"told": True}, "has had a text of ours on this already"),
        ({"under_way": True}, "a reply is on its way"),
        ({"held": True}, "set aside: many messages from one sender"),
        ({"lang": "de"}, "no approved text in de"),
        ({"lang": ""}, "no approved text in their language"),
        ({"lang": "fr", "source": "x"}, "no short text in fr"),
    ],
)
def test_who_is_left_to_a_human(changed: dict[str, object], reason: str) -> None:
    (found,) = choose([replace(ADA, **changed)], TEXTS)  # type: ignore[arg-type]
    assert (found.text, found.excluded) == ("", reason)


def test_a_post_gets_the_short_text() -> None:
    assert choose([replace(ADA, source="x")], TEXTS)[0].text == "Please stop using the mixer."


def test_the_same_person_twice_gets_one() -> None:
    first, second = choose([ADA, replace(ADA, conversation_id=2)], TEXTS)
    assert first.excluded is None
    assert second.excluded == "the same person is written to in another conversation"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Ada Lovelace", "Hello Ada Lovelace,"), ("Éléonore d'Arc", "Hello Éléonore d'Arc,"),
        ("", "Hello,"), ("user83921", "Hello,"), ("@ada", "Hello,"), ("<b>Ada</b>", "Hello,"),
        ("Ada\nBcc: all@example.org", "Hello,"), ("A" * 41, "Hello,"),
    ],
)  # fmt: skip
def test_a_name_is_said_only_if_it_is_one(name: str, said: str) -> None:
    assert addressed("Hello {name},", name) == said


@given(
    st.lists(
        st.builds(
            Candidate, conversation_id=st.integers(1, 50), source=st.sampled_from(["gmail", "x"]),
            person=st.sampled_from("abcde"), name=st.text(), lang=st.sampled_from(["en", "fr", ""]),
            kind=st.sampled_from(["reply", "check"]), waits=st.booleans(), told=st.booleans(),
            intents=st.frozensets(st.sampled_from(["question", "press"])), topics=st.just(frozenset()),
        ),
        unique_by=lambda c: c.conversation_id,
    )
)  # fmt: skip
def test_everybody_is_on_the_list_nobody_twice_and_nobody_without_words(found: list[Candidate]) -> None:
    chosen = choose(found, TEXTS)
    assert [r.conversation_id for r in chosen] == [c.conversation_id for c in found]
    written = [r for r in chosen if r.excluded is None]
    assert len({r.person for r in written}) == len(written)
    assert all(r.text.strip() for r in written)
    assert all(r.excluded is None or not r.text for r in chosen)
    unwritten = {
        c.person for c in found if left_to_a_human(c, TEXTS) is None and (c.source, c.lang) != ("x", "fr")
    }
    assert {r.person for r in written} == unwritten
