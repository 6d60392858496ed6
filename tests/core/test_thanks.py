"""Bare thanks open a check; anything that may want an answer does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.core.thanks import MOST_WORDS, is_bare_thanks


@pytest.mark.parametrize(
    "text",
    [
        "Thanks",
        "thank you!",
        "THANK YOU SO MUCH!!!",
        "Thanks a lot for the quick reply, have a great day",
        "Perfect, thanks 🙏",
        "thx",
        "Merci",
        "Merci beaucoup !",
        "Merci infiniment pour votre aide, bonne journée",
        "C'est parfait, merci à vous",
        "C’est noté, merci.",
        "Je vous remercie",
        "Thank you very much.\n\nKind regards\nMaureen Doyle",
        "Merci pour votre réponse.\nClaire",
        "Great, thanks, it works",
    ],
)
def test_thanks_alone(text: str) -> None:
    assert is_bare_thanks(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "Great",
        "Thanks, but the mixer still smokes",
        "Thanks for nothing",
        "Thanks. When will it arrive?",
        "Merci, mais je n'ai toujours rien reçu",
        "Merci de me rembourser",
        "Merci de me rappeler",
        "Merci ?",
        "No thanks",
        "Thank you for calling back tomorrow",
        "Thanks, not working",
        "I have not received it, thank you",
        "thanks " * (MOST_WORDS + 1),
        "Thanks.\nRefund Me Now",
        "Please call me, thank you",
    ],
)
def test_what_may_want_an_answer(text: str) -> None:
    assert not is_bare_thanks(text)


@given(st.text(max_size=300))
def test_never_raises_and_a_question_is_never_thanks(text: str) -> None:
    is_bare_thanks(text)
    assert not is_bare_thanks(text + "?")
    assert not is_bare_thanks("thanks " + text + " refund")
