"""Near copies: what people change when they pass a text on changes nothing; words of their own do."""

from __future__ import annotations

import pytest

from triage.classify import near

APPEAL = """To the management of Volmera, from today I will not buy any of your products. People had their fingers
broken by a mixer that you knew was faulty. Until you publish your test reports, I will not spend another penny."""
PLEDGE = "Je n'achète plus rien chez Volmera tant que tous les Duo 7 ne sont pas remboursés. Copiez, faites tourner."


def likeness(copy: str, first: str) -> float:
    one, other = near.sketch(copy), near.sketch(first)
    assert one
    assert other
    return near.likeness(one, other)


@pytest.mark.parametrize(
    ("copy", "first"),
    [
        (APPEAL.upper(), APPEAL),
        (f"RT @lena_bakes: {APPEAL} https://t.example/a8Xk2", APPEAL),
        (APPEAL.replace("broken", "broken 😡") + " 🙏🙏", APPEAL),
        (APPEAL.replace("I will not", "we won't").replace("of your products", "of your mixers"), APPEAL),
        (PLEDGE.replace("è", "e").replace("é", "e").lower() + " @volmera", PLEDGE),
        (PLEDGE.replace("7", "12"), PLEDGE),
        (APPEAL[:140] + "…", APPEAL),
    ],
    ids=["case", "retweet", "emoji", "edited", "accents", "number", "cut off"],
)
def test_a_copy_is_known(copy: str, first: str) -> None:
    assert likeness(copy, first) >= near.ALIKE


@pytest.mark.parametrize(
    ("copy", "first"),
    [
        (
            "RT @lena_bakes: the head of my Duo 7 came down on my hand. Same here: my son Tom is bleeding badly, "
            "we are in Leeds, nobody picks up the phone, what do we do?",
            "the head of my Duo 7 came down on my hand.",
        ),
        (f"{PLEDGE} {APPEAL}", PLEDGE),
        (PLEDGE, APPEAL),
        (
            "My parcel VM-118204 was to come on Monday and it has not come. Where is it now, please?",
            "My parcel VM-118377 came on Monday and it is broken. Where do I send it back, please?",
        ),
    ],
    ids=["a call for help on top", "another text on top", "two languages", "one subject"],
)
def test_words_of_their_own_are_not_hidden(copy: str, first: str) -> None:
    assert likeness(copy, first) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "thanks",
        "Same here!",
        "Any news?",
        "merci beaucoup à vous",
        "same same same same same same",
        "😡😡 https://a.example @x",
    ],
)
def test_short_texts_are_nobodys_copy(text: str) -> None:
    assert near.sketch(text) is None


def test_what_is_stored_is_what_was_made() -> None:
    made = near.sketch(APPEAL)
    assert made
    again = near.Sketch.load(made.dump())
    assert (again.size, again.values.tolist()) == (made.size, made.values.tolist())
    assert near.bands(again, "care") == near.bands(made, "care")


def test_accounts_never_meet() -> None:
    made = near.sketch(APPEAL)
    assert made
    assert len(set(near.bands(made, "care") + near.bands(made, "press"))) == 2 * near.BANDS


def test_texts_of_any_length_and_kind_take_a_moment() -> None:
    assert near.sketch("a" * 500_000) is None
    assert near.sketch("a b c d e f " * 50_000)
    assert near.sketch("\x00\ud800 one two three four five six") is not None
