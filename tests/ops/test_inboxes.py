"""Messages are decided as their inbox has them; the mix is kept with the decisions, and gives the same ones again."""

from __future__ import annotations

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import message, shipped_topics, table
from tests.ops.test_decide import gather
from triage.classify import load_classifier
from triage.classify.pipeline import Classifier
from triage.ops import replay
from triage.ops.classify import classify
from triage.ops.inboxes import Inboxes

TOPICS = shipped_topics()
DOUBT = "It has been three weeks, and still nothing at all. What is going on?"
SCORES = """SELECT m.native_id, d.topics, d.mix_id FROM triage.classification d
            JOIN triage.message m ON m.id = d.message_id
            WHERE d.taxonomy = %s ORDER BY m.id"""


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(TOPICS, cascade=False)


def decide(connection: Connection, classifier: Classifier) -> None:
    classify(connection, classifier, TOPICS, inboxes=Inboxes(classifier), batch=20)


def test_a_mix_goes_on_from_run_to_run_and_is_kept_with_the_decisions(
    connection: Connection, classifier: Classifier
) -> None:
    parcels = [message(f"m{n}", f"t{n}", text=f"Where is parcel {n}? It is late.") for n in range(30)]
    gather(connection, *parcels)
    decide(connection, classifier)
    gather(connection, message("doubt", "t99", text=DOUBT))
    decide(connection, classifier)
    kept = table(connection, "SELECT id, counts, times FROM triage.mix ORDER BY id")
    assert [round(sum(mix["counts"].values())) for mix in kept] == [20, 30, 31]
    last = table(connection, SCORES, classifier.taxonomy)[-1]
    assert (last["native_id"], last["mix_id"]) == ("doubt", kept[-1]["id"])
    [alone] = classifier.classify([("", DOUBT, "en")])
    chances = {t["topic"]: t["score"] for t in last["topics"]}
    assert chances["delivery"] > {t.topic: t.score for t in alone.topics}["delivery"]


def test_decided_again_it_is_the_same_whatever_came_since(
    connection: Connection, classifier: Classifier
) -> None:
    gather(
        connection, message("m1", "t1", text=DOUBT), message("m2", "t2", text="My invoice is wrong again.")
    )
    decide(connection, classifier)
    gather(connection, *(message(f"p{n}", f"p{n}", minute=9, text="Where is my parcel?") for n in range(25)))
    decide(connection, classifier)
    first = table(connection, SCORES, classifier.taxonomy)
    replay.forget(connection, since=message("m1").sent_at)
    again = load_classifier(TOPICS, cascade=False)
    again.taxonomy = "again"
    decide(connection, again)
    assert table(connection, SCORES, "again") == first
