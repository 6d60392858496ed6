"""A small queue that looks like a bad afternoon: for pictures of the page and tests of its look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psycopg2.extensions import connection as Connection

from tests.builders import decision, message
from tests.plugins.page_kit import store
from triage.core.types import Direction, Evidence, Intent
from triage.ops import queue

PEOPLE = [
    # author, name, account, language, hours, topic, intent, subject, text, evidence
    (
        "dana@post.example",
        "Dana Whitfield",
        "care",
        "en",
        5.2,
        "safety_injury",
        Intent.URGENT_HELP,
        "My son was burnt by your mixer",
        "Hello,\n\nmy son touched the Duo 7 this morning and burnt his hand badly. We are in hospital now. "
        "The housing was glowing "
        "before anything smelled of smoke.\n\nPlease tell me what to do with the machine, and whom I can call.\n\nDana",
        "burnt his hand|in hospital",
    ),
    (
        "m.lefevre@courriel.example",
        "Maëlle Lefèvre",
        "care",
        "fr",
        3.4,
        "product_defect",
        Intent.COMPLAINT,
        "Duo 7 : de la fumée au démarrage",
        "Bonjour, mon robot Duo 7 (n° de série V7-2231) dégage de la fumée au démarrage. "
        "Est-il concerné par le rappel ?",
        "de la fumée|rappel",
    ),
    (
        "@kitchen_ruin",
        "kitchen ruin",
        "volmera_x",
        "en",
        2.1,
        "product_defect",
        Intent.COMPLAINT,
        "",
        "@volmera third mixer, third time it smokes. Is anybody there? #VolmeraRecall",
        "it smokes",
    ),
    (
        "redaction@gazette.example",
        "Gazette du Soir",
        "care",
        "fr",
        1.3,
        "product_defect",
        Intent.PRESS,
        "Demande de réaction avant 18 h",
        "Madame, Monsieur, nous publions ce soir un article sur les incidents du Duo 7. Souhaitez-vous réagir ?",
        "incidents du Duo 7",
    ),
    (
        "tom@post.example",
        "Tom Okafor",
        "care",
        "en",
        6.5,
        "delivery",
        Intent.QUESTION,
        "Where is my replacement?",
        "You promised a replacement within three days. That was two weeks ago.",
        "replacement",
    ),
    (
        "inge@post.example",
        "Inge Brandt",
        "care",
        "en",
        0.4,
        "billing",
        Intent.COMPLAINT,
        "Charged twice",
        "I was charged twice for the recall kit, which you said was free.",
        "charged twice",
    ),
    (
        "@un_client_de_lyon",
        "un client de Lyon",
        "volmera_x",
        "fr",
        0.2,
        "boycott",
        Intent.COMPLAINT,
        "",
        "On arrête d'acheter chez @volmera tant qu'ils ne répondent à personne.",
        "On arrête d'acheter",
    ),
    (
        "sam@post.example",
        "Sam Adeyemi",
        "care",
        "en",
        0.1,
        "not_crisis",
        Intent.QUESTION,
        "Recipe book",
        "Is there a recipe book for the Duo 5?",
        "",
    ),
]


def fill(connection: Connection) -> list[int]:
    """Store and decide them, and let two colleagues be at work; the conversations' ids."""
    now = datetime.now(UTC)
    ids: list[int] = []
    for n, (author, name, account, lang, hours, topic, intent, subject, text, proof) in enumerate(PEOPLE):
        evidence = tuple(
            Evidence(start=text.index(words), end=text.index(words) + len(words), text=words, weight=1.0)
            for words in proof.split("|")
            if words
        )
        asked = message(
            f"s{n}", f"s{n}", account=account, author=author, author_name=name, lang=lang, subject=subject, text=text,
            sent_at=now - timedelta(hours=hours), fetched_at=now, url=f"https://mail.google.com/mail/u/0/#all/s{n}",
        )  # fmt: skip
        ids += store(connection, asked, decided=decision(topic, intent=intent, evidence=evidence, lang=lang))
    ours = message(
        "s0-reply", "s0", direction=Direction.OUTBOUND, author="care@volmera.example", author_name="Volmera Care",
        sent_at=now - timedelta(hours=4.9), fetched_at=now, subject="Re: My son was burnt by your mixer",
        text="We are very sorry. Please unplug the machine and do not touch it; we call you within the hour.",
    )  # fmt: skip
    again = message(
        "s0-again", "s0", author="dana@post.example", author_name="Dana Whitfield", sent_at=now - timedelta(hours=2.6),
        fetched_at=now, subject="Re: My son was burnt by your mixer", url="https://mail.google.com/mail/u/0/#all/s0",
        text="Nobody has called yet. We are still in hospital.",
    )  # fmt: skip
    place = again.text.index("in hospital")
    proof_ = Evidence(start=place, end=place + len("in hospital"), text="in hospital", weight=1.0)
    store(
        connection,
        ours,
        again,
        decided=decision("safety_injury", intent=Intent.URGENT_HELP, evidence=(proof_,)),
    )
    queue.take(connection, ids[2], by="bob")
    queue.note(connection, ids[0], by="bob", text="Called twice, voicemail. Hospital: St Mary, ward 4.")
    return ids
