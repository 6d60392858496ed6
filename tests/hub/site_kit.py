"""A site for tests: an open incident with all it can have, a closed one, and one that only exists in English."""

from __future__ import annotations

from datetime import timedelta

from tests.builders import ROOT, START
from triage import hub, plan

FACTS = plan.Facts(
    brand="Volmera",
    mail="care@volmera.example",
    began_at=START,
    next_update_at=START + timedelta(hours=1),
    zone="Europe/Paris",
)
PLAN = plan.fill(plan.one("product_defect", ROOT / "config" / "plan"), FACTS)
BY = {lang: plan.signature(PLAN, lang) for lang in plan.LANGUAGES}


def later(minutes: float, en: str, fr: str, *, by: bool = True) -> hub.Update:
    """Something published so long after the onset."""
    return hub.Update(at=START + timedelta(minutes=minutes), texts={"en": en, "fr": fr}, by=BY if by else {})


def questions(approved_by: str = "ana") -> tuple[hub.Question, ...]:
    """The plan's, asked 20 times, 19 times, … and approved, unless by nobody."""
    at = START + timedelta(minutes=50) if approved_by else None
    return tuple(
        hub.Question(lang=q.lang, question=q.question, answer=q.answer, asked=20 - n,
                     approved_by=approved_by, approved_at=at)
        for n, q in enumerate(PLAN.questions)
    )  # fmt: skip


OPEN = hub.Case(
    slug="product-defect-7",
    titles={
        "en": "Duo 7: the mixer's head can come loose",
        "fr": "Duo 7 : la tête du robot peut se détacher",
    },
    began_at=START,
    happened={
        "en": "Several customers told us that the head of their Duo 7 came down while it was locked.",
        "fr": "Plusieurs clients nous ont signalé que la tête de leur Duo 7 s’est abaissée, pourtant verrouillée.",
    },
    help=PLAN.help,
    statements=(
        hub.Update(at=START + timedelta(minutes=12), texts=PLAN.statements, by=BY),
        later(
            75, "Please stop using your Duo 7.\n\nWe are sorry.", "N’utilisez plus votre Duo 7.\n\nPardon."
        ),
    ),
    updates=(later(40, "Sales have stopped.", "La vente est suspendue.", by=False),),
    questions=questions(),
)
CLOSED = hub.Case(
    slug="delivery-3",
    titles={"en": "Late parcels in October", "fr": "Colis en retard en octobre"},
    began_at=START - timedelta(days=40),
    closed_at=START - timedelta(days=30),
    statements=(hub.Update(at=START - timedelta(days=39), texts={"en": "All parcels are found."}),),
)
SITE = hub.Site(
    brand="Volmera", address="https://volmera.example/help/", cases=(CLOSED, OPEN), zone="Europe/Paris"
)
