from __future__ import annotations

import random
import subprocess
import sys

import pytest

from triage.classify import load_classifier
from triage.classify.pipeline import Classifier
from triage.config import Topics
from triage.core.types import UNSURE, Classification, DecidedBy, Intent


def one(classifier: Classifier, text: str, subject: str = "", lang: str = "") -> Classification:
    return classifier.classify([(subject, text, lang)])[0]


def with_rules(topics: Topics, key: str, **rules: tuple[str, ...]) -> Topics:
    changed = topics.topics[key].model_copy(update=rules)
    return topics.model_copy(update={"topics": {**topics.topics, key: changed}})


def test_importing_the_package_does_not_import_spacy() -> None:
    code = "import sys, triage.classify, triage.cli_classify; sys.exit('spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "topic", "lang"),
    [
        ("Where is my parcel? The tracking has not moved for three weeks.", "delivery", "en"),
        ("Où est mon colis ? Ça fait trois semaines que j'attends la livraison.", "delivery", "fr"),
        ("You charged my card twice, I want a refund of the second invoice.", "billing", "en"),
        ("J'ai été débité deux fois, je demande le remboursement de la facture.", "billing", "fr"),
        ("My password and card number were leaked after your site was hacked.", "data_breach", "en"),
        ("Mes données personnelles ont fuité après le piratage de votre site.", "data_breach", "fr"),
        ("Love my new toaster, thanks to the team!", "not_crisis", "en"),
    ],
)
def test_plain_cases_are_decided_with_their_words(
    classifier: Classifier, text: str, topic: str, lang: str
) -> None:
    found = one(classifier, text)
    assert (found.topic, found.lang, found.abstained) == (topic, lang, False)
    assert found.stage == "fast"
    assert found.decided_by is DecidedBy.MODEL
    words = [e for e in found.evidence if e.weight is not None]
    assert 0 < len(words) <= 5
    assert [e.weight for e in words] == sorted((e.weight for e in words), reverse=True)
    assert all(text[e.start : e.end] == e.text for e in found.evidence)


def test_every_topic_is_scored_best_first(classifier: Classifier, topics: Topics) -> None:
    found = one(classifier, "Where is my parcel?")
    assert {t.topic for t in found.topics} == set(topics.topics) - {UNSURE}
    scores = [t.score for t in found.topics]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= s <= 1 for s in scores)


def test_same_input_same_answer_whatever_the_neighbours(classifier: Classifier, topics: Topics) -> None:
    texts = ["Where is my parcel?", "panne totale depuis ce matin", "", "ok", "my card was charged twice"] * 3
    items = [("", text, "") for text in texts]
    together = classifier.classify(items)
    assert together == [classifier.classify([item])[0] for item in items]
    assert together == load_classifier(topics).classify(items)
    shuffled = list(range(len(items)))
    random.Random(1).shuffle(shuffled)
    assert classifier.classify([items[i] for i in shuffled]) == [together[i] for i in shuffled]


def test_a_flood_of_new_words_changes_no_answer(topics: Topics) -> None:
    fresh = load_classifier(topics, cascade=False)
    asked = [
        ("", "Where is my parcel? The tracking has not moved.", ""),
        ("", "panne totale #RappelVolmera", ""),
    ]
    before = fresh.classify(asked)
    for first in range(0, 120_000, 30_000):
        words = [f"w{n:x}" for n in range(first, first + 30_000)]
        fresh.classify([("", " ".join(words[i : i + 1000]), "en") for i in range(0, len(words), 1000)])
        assert fresh.classify(asked) == before


def test_other_languages_are_named_and_left_to_people(classifier: Classifier) -> None:
    found = one(classifier, "Mi pedido no ha llegado, llevo tres semanas esperando y nadie contesta")
    assert (found.topic, found.abstained, found.lang) == (UNSURE, True, "es")


def test_words_nobody_wrote_before_are_unsure(classifier: Classifier) -> None:
    assert one(classifier, "qwzx vvkj").abstained
    assert one(classifier, "").topic == UNSURE


def test_a_phrase_of_the_day_acts_without_training(classifier: Classifier, topics: Topics) -> None:
    text = "Does anyone know\n about the  Silver\r\nSpoon thing?"
    today = load_classifier(with_rules(topics, "misinformation", phrases=("silver spoon",)))
    found = one(today, text)
    assert (found.topic, found.decided_by, found.stage) == ("misinformation", DecidedBy.RULE, "rule")
    assert found.topics[0].topic == "misinformation"
    [evidence] = [e for e in found.evidence if e.rule]
    assert evidence.rule == "phrase: silver spoon"
    assert text[evidence.start : evidence.end] == "Silver\r\nSpoon"
    assert one(classifier, text).topic != "misinformation"
    assert (today.model, today.taxonomy != classifier.taxonomy) == (classifier.model, True)


def test_hashtags_and_patterns_are_rules_in_any_language(topics: Topics) -> None:
    ruled = load_classifier(
        with_rules(topics, "boycott", hashtags=("#NoVolmera",), patterns=(r"lot\s+\d{4}",))
    )
    assert one(ruled, "¡Qué vergüenza! Nunca más compro nada aquí #novolmera!").topic == "boycott"
    found = one(ruled, "c'est le Lot 4711 ?")
    assert [e.rule for e in found.evidence] == [r"pattern: lot\s+\d{4}"]
    assert one(ruled, "#NoVolmeraFans").decided_by is DecidedBy.MODEL


def test_a_graver_topic_the_model_is_sure_of_goes_before_a_rule(topics: Topics) -> None:
    ruled = load_classifier(with_rules(topics, "boycott", phrases=("volmera",)))
    assert one(ruled, "Volmera, where is my parcel? The tracking has not moved.").topic == "boycott"
    breach = "Volmera: my password and card number were leaked after your site was hacked."
    assert (one(ruled, breach).topic, one(ruled, breach).stage) == ("data_breach", "fast")


def test_labels_and_targets_do_not_change_the_taxonomy(classifier: Classifier, topics: Topics) -> None:
    relabelled = topics.topics["delivery"].model_copy(update={"target": topics.topics["billing"].target * 2})
    same = topics.model_copy(update={"topics": {**topics.topics, "delivery": relabelled}})
    assert load_classifier(same).taxonomy == classifier.taxonomy
    assert classifier.model.startswith("triage_fast-")


def test_a_topic_the_model_never_learnt_and_one_that_is_gone(topics: Topics) -> None:
    keys = {k: t for k, t in topics.topics.items() if k != "delivery"}
    keys["my_topic"] = topics.topics["billing"].model_copy(update={"phrases": ("magic word",)})
    changed = load_classifier(topics.model_copy(update={"topics": keys}))
    found = one(changed, "Where is my parcel?")
    scores = {t.topic: t.score for t in found.topics}
    assert "delivery" not in scores
    assert scores["my_topic"] == 0
    assert one(changed, "the magic word").topic == "my_topic"


def test_what_stands_in_the_subject_is_quoted_without_a_place(topics: Topics) -> None:
    classifier = load_classifier(
        with_rules(topics, "product_defect", hashtags=("#VolmeraRecall",)), cascade=False
    )
    found = one(classifier, "please look into it", subject="Where is my parcel? #VolmeraRecall")
    assert found.topic == "product_defect"
    [rule] = [e for e in found.evidence if e.rule]
    assert (rule.start, rule.end, rule.text) == (0, 0, "#VolmeraRecall")


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("My son swallowed the battery, we need an ambulance", Intent.URGENT_HELP),
        ("Au secours, nous sommes coincés dans l’ascenseur", Intent.URGENT_HELP),
        ("You will hear from my lawyer about the parcel", Intent.LEGAL),
        ("Je suis journaliste, souhaitez-vous réagir ?", Intent.PRESS),
        ("Love my new toaster, thanks to the team!", Intent.PRAISE),
        ("Where is my parcel?", Intent.QUESTION),
        ("You charged my card twice and I want a refund", Intent.COMPLAINT),
    ],
)
def test_intents(classifier: Classifier, text: str, intent: Intent) -> None:
    assert one(classifier, text).intent is intent


STRANGE = [
    "", " ", "\n\n\t", "😀", "👨‍👩‍👧‍👦" * 50, "!" * 5000, "?!" * 5000, "@" * 5000, "#" * 5000, "# @ #a#b@c",
    "a" * 1_000_000, "word " * 200_000, "\x00\x01\x1b[31m\x7f", "\ud800", "ok \udfff\ud83d broken",
    "re\u200bcall\u200d\ufeff\u00ad", "\u202eלהזמנה שלי\u202c", "متى يصل طلبي؟", "𝐑𝐞𝐜𝐚𝐥𝐥", "e\u0301" * 3000,
    "http://a.b/" * 2000, "www.", "http://", "\u2028\u2029\x85", "ﷺ" * 3000, "\U0010ffff", "İ" * 100, "ß" * 100,
]  # fmt: skip


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_strange_input_gets_an_answer(classifier: Classifier, text: str) -> None:
    for found in classifier.classify([("", text, ""), (text, "", "en"), (text, text, "??")]):
        assert found.topics
        for evidence in found.evidence:
            evidence.text.encode("utf-8")
            assert 0 <= evidence.start <= evidence.end <= len(text)


def test_a_thousand_random_texts_get_an_answer(classifier: Classifier) -> None:
    draw = random.Random(7)
    pools = [range(0x20, 0x7F), range(0x250), range(0x5D0, 0x700), range(0x2000, 0x2100), range(0x1F300, 0x1F700),
             range(0xD700, 0xE000), range(0x110000)]  # fmt: skip
    items = []
    for _ in range(1000):
        pool = draw.choice(pools)
        text = "".join(chr(draw.choice(pool)) for _ in range(draw.randrange(80)))
        items.append((text[:10], text, draw.choice(["", "en", "fr"])))
    found = classifier.classify(items)
    for (_, text, _), answer in zip(items, found, strict=True):
        for e in answer.evidence:
            assert (e.start, e.end) == (0, 0) or len(text[e.start : e.end]) == len(e.text)
