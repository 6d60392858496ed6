"""Questions drafted from clusters: what many ask, without what could name a person, and never approved by itself."""

from __future__ import annotations

import pytest

from triage.core.types import Intent
from triage.hub import Asked, Question, drafts

PLAN = [
    Question(lang="en", question="Will I get my money back?", answer="We will say."),
    Question(lang="fr", question="Serai-je remboursé ?", answer="Nous le dirons."),
    Question(lang="fr", question="Dois-je le renvoyer ?", answer="Pas encore."),
]


def asked(
    cluster: int, text: str, count: int = 5, *, lang: str = "en", intent: Intent = Intent.QUESTION
) -> Asked:
    return Asked(cluster=cluster, lang=lang, text=text, count=count, intent=intent)


def test_the_most_asked_come_first_and_nothing_is_approved() -> None:
    found = drafts(
        [
            asked(1, "Hello,\nis the red Duo 7 affected too? Mine is from 2024.", 4),
            asked(2, "Good morning! Which batches are dangerous?", 40),
            asked(3, "Les accessoires sont-ils concernés ?", 7, lang="fr"),
        ]
    )
    assert [(q.lang, q.question, q.asked, q.cluster) for q in found] == [
        ("en", "Which batches are dangerous?", 40, 2),
        ("en", "Is the red Duo 7 affected too?", 4, 1),
        ("fr", "Les accessoires sont-ils concernés ?", 7, 3),
    ]
    assert [q for q in found if q.approved_by or q.approved_at or q.answer] == []


def test_what_few_ask_and_what_asks_nothing_is_left_out() -> None:
    assert drafts([asked(1, "Is it safe for babies?", 2)]) == []
    assert drafts([asked(1, "I want my money back!", 90)]) == []
    assert drafts([asked(1, "Why do you lie to us?", 90, intent=Intent.COMPLAINT)]) == []
    assert drafts([asked(1, "Ist meine betroffen?", 90, lang="de")]) == []
    assert drafts([asked(1, "Why?", 90)]) == []
    assert drafts([asked(1, f"Is it {'very ' * 60}dangerous?", 90)]) == []


@pytest.mark.parametrize(
    "text",
    [
        "Can you call me on +33 6 12 34 56 78?",
        "Where is order 4711-8842?",
        "Will you write to jane@example.org about my refund?",
        "Is @jane_doe right about the recall?",
        "Did you see https://evil.example/video of the mixer?",
        "Is AB12345 part of the recall?",
    ],
)
def test_what_could_name_a_person_is_left_out(text: str) -> None:
    assert drafts([asked(1, text, 90)]) == []
    (found,) = drafts([asked(1, f"{text} Is the blue one affected?", 90)])
    assert found.question == "Is the blue one affected?"


def test_a_question_that_the_plan_answers_brings_its_answer() -> None:
    found = drafts(
        [
            asked(1, "When will I get my money back?", 12),
            asked(2, "How do I get the money back?", 9),
            asked(3, "Faut-il renvoyer le robot ?", 8, lang="fr"),
            asked(4, "Est-ce que je serai remboursée ?", 6, lang="fr"),
        ],
        PLAN,
    )
    assert [(q.cluster, q.question, q.answer, q.asked) for q in found] == [
        (1, "Will I get my money back?", "We will say.", 21),
        (3, "Dois-je le renvoyer ?", "Pas encore.", 8),
        (4, "Serai-je remboursé ?", "Nous le dirons.", 6),
    ]
    assert not any(q.approved_by for q in found)


def test_heads_that_ask_the_same_are_one_draft() -> None:
    found = drafts([asked(1, "Which batches are dangerous?", 2), asked(2, "Which batch is dangerous??", 2)])
    assert [(q.question, q.asked) for q in found] == [("Which batches are dangerous?", 4)]


def test_ten_a_language_at_most() -> None:
    words = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima".split()
    found = drafts(
        [asked(n, f"Is the {word} {word}ish model broken{word}?", 50 - n) for n, word in enumerate(words)]
    )
    assert [q.asked for q in found] == [50 - n for n in range(10)]
