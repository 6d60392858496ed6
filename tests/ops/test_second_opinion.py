"""The second opinion: asked about unsure messages only, within its budget, written down, and never in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import message, shipped_topics, table
from tests.ops.kit import ByWord, Shelf
from triage.config import SecondOpinion
from triage.core.errors import ConfigError
from triage.ops import queue
from triage.ops.classify import classify
from triage.ops.collect import collect
from triage.ops.second_opinion import Opinions, load_opinions

TOPICS = shipped_topics()


@dataclass
class LastWord:
    """A judge in this house: the last word of the text is the topic, `perhaps` before it halves the chance."""

    name: str = "last word"
    seen: list[str] = field(default_factory=list)

    def judge(self, texts: Sequence[str], topics: Mapping[str, str]) -> Sequence[Mapping[str, float]]:
        assert topics["boycott"] == "Boycott, activism"
        self.seen += texts
        return [{text.split()[-1]: 0.4 if "perhaps" in text else 0.9} for text in texts]


class Broken(LastWord):
    """A judge that is out of order, in the way of `reply`."""

    def __init__(self, reply: object) -> None:
        super().__init__()
        self.reply = reply

    def judge(self, texts: Sequence[str], topics: Mapping[str, str]) -> Sequence[Mapping[str, float]]:
        self.seen += texts
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply  # type: ignore[return-value]


def opinions(judge: LastWord, per_run: int = 50) -> Opinions:
    given = SecondOpinion.model_validate({"class": f"{__name__}:LastWord", "per_run": per_run})
    made = load_opinions(given, TOPICS)
    assert made is not None
    made.judge = judge
    return made


def gather(connection: Connection, *texts: str) -> None:
    collect(
        connection, Shelf([message(f"m{n}", f"t{n}", minute=n, text=t) for n, t in enumerate(texts)]), "care"
    )


def decided(connection: Connection) -> list[tuple[str, str, bool]]:
    sql = """SELECT d.topic, d.stage, d.abstained
             FROM triage.message m JOIN triage.classification d ON d.id = m.decision_id ORDER BY m.id"""
    return [(r["topic"], r["stage"], r["abstained"]) for r in table(connection, sql)]


def test_unsure_messages_alone_are_asked_about_and_it_is_written_down(connection: Connection) -> None:
    gather(connection, "delivery is late", "unsure what to boycott", "unsure perhaps labour")
    judge = LastWord()
    report = classify(connection, ByWord(), TOPICS, opinions=opinions(judge))
    assert judge.seen == ["unsure what to boycott", "unsure perhaps labour"]
    assert decided(connection) == [
        ("delivery", "fast", False), ("boycott", "second_opinion", False), ("unsure", "fast", True),
    ]  # fmt: skip
    assert report.notes[-2:] == ["1 unsure", "last word was asked about 2 and decided 1"]
    assert {r["topic"] for r in queue.show(connection)} == {"boycott", "unsure", "delivery"}
    sql = """SELECT c.key, a.by, a.detail FROM triage.audit a JOIN triage.conversation c ON c.id = a.conversation_id
             WHERE a.verb = 'second_opinion' ORDER BY a.id"""
    audit = table(connection, sql)
    assert [(r["key"], r["by"], r["detail"]["taken"]) for r in audit] == [
        ("t1", "last word", "boycott"), ("t2", "last word", "unsure"),
    ]  # fmt: skip
    assert audit[0]["detail"]["chances"] == {"boycott": 0.9}
    assert audit[0]["detail"]["asked"]["message"] == 2
    assert audit[0]["detail"]["asked"]["chars"] == len("unsure what to boycott")
    assert "boycott" in audit[0]["detail"]["asked"]["topics"]
    classify(connection, ByWord(), TOPICS, opinions=opinions(judge))
    assert len(judge.seen) == 2, "what was asked once is not asked again"


def test_the_budget_is_for_the_whole_run(connection: Connection) -> None:
    gather(connection, *(f"unsure {n} boycott" for n in range(5)))
    judge = LastWord()
    report = classify(connection, ByWord(), TOPICS, opinions=opinions(judge, per_run=3), batch=2)
    assert len(judge.seen) == 3
    assert [topic for topic, _, _ in decided(connection)] == ["boycott"] * 3 + ["unsure"] * 2
    assert report.skipped == 2


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (ConnectionError("no route"), "ConnectionError: no route"),
        ([], "ValueError: 0 answers to 1 texts"),
        ([{"boycott": 7.0}], "ValueError: a chance is not between 0 and 1"),
        ([{"boycott": float("nan")}], "ValueError: a chance is not between 0 and 1"),
        (["boycott"], "AttributeError"),
    ],
)
def test_a_broken_judge_leaves_the_message_to_a_person(
    connection: Connection, reply: object, why: str
) -> None:
    gather(connection, "unsure a boycott", "unsure b boycott")
    judge = Broken(reply)
    report = classify(connection, ByWord(), TOPICS, opinions=opinions(judge), batch=1)
    assert judge.seen == ["unsure a boycott"], "it is asked no more"
    assert {topic for topic, _, _ in decided(connection)} == {"unsure"}
    assert report.notes[-1].startswith(f"and is asked no more: {why}")
    (audit,) = table(connection, "SELECT detail FROM triage.audit WHERE verb = 'second_opinion'")
    assert audit["detail"]["error"].startswith(why)


def test_topics_that_we_do_not_have_are_no_opinion(connection: Connection) -> None:
    gather(connection, "unsure weather")
    classify(connection, ByWord(), TOPICS, opinions=opinions(LastWord()))
    assert decided(connection) == [("unsure", "fast", True)]


def test_nobody_is_asked_unless_triage_yaml_names_a_judge() -> None:
    assert load_opinions(None, TOPICS) is None


@pytest.mark.parametrize("name", ["no.such.package:Judge", f"{__name__}:NoSuchJudge"])
def test_a_judge_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(ConfigError, match=r"second_opinion\.class .* is not there"):
        load_opinions(SecondOpinion.model_validate({"class": name}), TOPICS)


def no_key() -> LastWord:
    """A factory that misses what it needs."""
    raise KeyError("JUDGE_KEY")


def test_a_judge_that_cannot_be_made_is_told() -> None:
    with pytest.raises(ConfigError, match=r"gave no judge \('JUDGE_KEY'\); mend what it asks for"):
        load_opinions(SecondOpinion.model_validate({"class": f"{__name__}:no_key"}), TOPICS)
