"""The round of learning: too few corrections, a better model, a worse one, roll back, and what waits meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2.errors
import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, message, table
from tests.ops.kit import Shelf
from triage.classify import corpus
from triage.classify.pipeline import MODEL
from triage.cli import main
from triage.config import Settings, load
from triage.core.errors import Fatal, TriageError
from triage.ops import care, models, queue
from triage.ops.classify import classify
from triage.ops.collect import collect
from triage.ops.correct import correct
from triage.ops.gate import Gate, Measured, Trial, faults, merits, split
from triage.ops.learn import School, learn
from triage.store import db

SETTINGS = load(ROOT / "config")
WORDS = (
    "kitchen morning street window garden station office sister letter number winter summer basket".split()
)
SMALL = ("billing", "boycott", "tampering")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three topics of the corpus."""
    folder = tmp_path_factory.mktemp("corpus")
    for one in corpus.read():
        if one.topic in SMALL:
            file = folder / one.lang / f"{one.topic}.txt"
            file.parent.mkdir(exist_ok=True)
            with file.open("a", encoding="utf-8") as stream:
                stream.write(one.text + "\n")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests: the gate's own base is trained once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def connection(login: Callable[..., str]) -> Iterator[Connection]:
    """The pipeline's rights are enough for all of it."""
    with db.connect(login("triage_pipeline")) as opened:
        yield opened


@pytest.fixture
def where(small: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[School]:
    monkeypatch.setenv(models.CACHE_VARIABLE, str(cache))
    yield School(base=MODEL, corpus=small, encoders=(), folder=cache, topics=SETTINGS.topics)
    for folder in cache.glob("model-*"):
        shutil.rmtree(folder)


def settings() -> Settings:
    return SETTINGS.model_copy(update={"triage": SETTINGS.triage.model_copy(update={"encoder": False})})


def arrive(connection: Connection, texts: list[str], start: int = 0) -> None:
    """Mails, one conversation each."""
    with db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.cursor")
    shelf = Shelf(
        [message(f"m{n}", f"t{n}", minute=n, text=text) for n, text in enumerate(texts, start)], size=500
    )
    collect(connection, shelf, "care")


def jargon(count: int, start: int = 0) -> list[str]:
    """Mails about two things that only this company knows."""
    return [
        f"the {'zorblat' if n % 2 else 'quuxel'} of our {WORDS[n % 13]} and {WORDS[n * 5 % 13]} {'again ' * (n // 13)}"
        for n in range(start, start + count)
    ]


def teach(connection: Connection, texts: list[str], *, right: bool = True, start: int = 0) -> None:
    """People say what each of these mails is about: zorblat is billing; or, not `right`, the other way round."""
    rows = [
        (
            f"row {n}",
            {
                "source": "gmail",
                "account": "care",
                "native_id": f"m{n}",
                "topic": "billing" if ("zorblat" in text) is right else "boycott",
            },
        )
        for n, text in enumerate(texts, start)
    ]
    assert correct(connection, ["source", "account", "native_id", "topic"], rows, by="ana").bad == []


def statuses(connection: Connection) -> list[tuple[int, str]]:
    return [(m["id"], m["status"]) for m in models.listing(connection)]


def test_too_few_corrections_are_too_few(connection: Connection, where: School) -> None:
    assert learn(connection, where).notes == ["0 corrections so far, 40 are needed to learn"]
    texts = jargon(12)
    arrive(connection, texts)
    teach(connection, texts)
    assert learn(connection, where, gate=Gate(minimum=13)).notes == [
        "12 corrections so far, 13 are needed to learn"
    ]
    assert statuses(connection) == []


def test_a_better_model_is_promoted_decides_what_waits_and_is_rolled_back(
    connection: Connection, where: School
) -> None:
    texts = jargon(52)
    arrive(connection, texts)
    teach(connection, texts)
    arrive(connection, ["zorblat once more, a zorblat", "where is my quuxel"], start=60)
    shipped = models.load_in_force(connection, settings())
    classify(connection, shipped, SETTINGS.topics)
    with db.transaction(connection):
        before = {r["conversation"]: r["topic"] for r in queue.show(connection, limit=100)}

    report = learn(connection, where)
    assert report.notes[0] == "model 1 promoted", report.notes
    assert report.notes[1].startswith("better on 13 newer corrections: macro-F1 0.")
    (row,) = models.listing(connection)
    assert (row["status"], row["corrections"], row["parent"]) == ("promoted", 52, None)
    assert row["figures"]["newer"]["after"]["macro_f1"] > row["figures"]["newer"]["before"]["macro_f1"]
    assert row["figures"]["frozen"]["after"]["messages"] > 100

    taught = models.load_in_force(connection, settings())
    assert taught.model != shipped.model
    again = classify(connection, taught, SETTINGS.topics)
    assert again.notes[0] == "2 waiting messages are decided anew: topics or model changed"
    found = {r["conversation"]: r for r in queue.show(connection, limit=100)}
    best = table(
        connection,
        """SELECT m.conversation_id, d.topics -> 0 ->> 'topic' AS topic, d.model FROM triage.message m
           JOIN triage.classification d ON d.id = m.decision_id WHERE d.decided_by <> 'human' ORDER BY m.id""",
    )
    assert [r["topic"] for r in best] == ["billing", "boycott"]
    assert {r["model"] for r in best} == {taught.model}
    human = {f"t{n}" for n in range(52)}
    assert {c: found[c]["topic"] for c in human} == {c: before[c] for c in human}, "people are not overruled"

    assert learn(connection, where).notes == [
        "0 corrections since the last model, 10 are needed to learn again"
    ]
    assert models.rollback(connection, by="bob") == "the shipped model"
    assert models.load_in_force(connection, settings()).model == shipped.model
    assert classify(connection, shipped, SETTINGS.topics).read == 2
    assert models.listing(connection)[0]["reasons"][-1] == "rolled back by bob"
    with pytest.raises(TriageError, match="nothing to roll back"):
        models.rollback(connection, by="bob")
    care.audit(connection)


def test_a_model_that_is_no_better_is_rejected_with_the_reason(connection: Connection, where: School) -> None:
    texts = jargon(52)
    arrive(connection, texts)
    teach(connection, texts[:39])
    teach(connection, texts[39:], right=False, start=39)
    report = learn(connection, where)
    assert report.notes[0] == "model 1 rejected"
    assert report.notes[1].startswith("no better on 13 newer corrections: macro-F1 ")
    assert models.in_force(connection) is None
    models.promote(connection, 1, by="bob")
    assert models.in_force(connection) is not None, "a person may overrule the gate"
    assert models.listing(connection)[0]["reasons"][-1] == "promoted by bob"


def test_a_second_promotion_retires_the_first_and_rolling_back_returns_to_it(
    connection: Connection, where: School
) -> None:
    texts = jargon(52)
    arrive(connection, texts)
    teach(connection, texts)
    learn(connection, where)
    with pytest.raises(TriageError, match="model 1 decides already"):
        models.promote(connection, 1, by="bob")
    more = [f"our grobnik {text}" for text in jargon(26, start=60)]
    arrive(connection, more, start=60)
    rows = [(f"{n}", {"message_id": str(r["id"]), "topic": "tampering"}) for n, r in enumerate(
        table(connection, "SELECT id FROM triage.message WHERE text LIKE 'our grobnik%%' ORDER BY id"))]  # fmt: skip
    correct(connection, ["message_id", "topic"], rows, by="ana")
    report = learn(connection, where)
    assert report.notes[0] == "model 2 promoted", report.notes
    assert statuses(connection) == [(2, "promoted"), (1, "retired")]
    assert models.listing(connection)[0]["parent"] == 1
    assert models.rollback(connection, by="bob") == "model 1"
    assert statuses(connection) == [(2, "retired"), (1, "promoted")]


def test_another_machine_fetches_the_model_and_a_changed_one_is_refused(
    connection: Connection, where: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = jargon(52)
    arrive(connection, texts)
    teach(connection, texts)
    learn(connection, where)
    monkeypatch.setenv(models.CACHE_VARIABLE, str(tmp_path / "other"))
    first = models.in_force(connection)
    assert first is not None
    assert first.parent == tmp_path / "other"
    assert models.digest_of(first) != models.shipped()
    assert models.in_force(connection) == first
    monkeypatch.setenv(models.CACHE_VARIABLE, str(tmp_path / "third"))
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.model SET content = 'jam'")
    with pytest.raises(Fatal, match="model 1 was changed after it was trained; run `triage model rollback`"):
        models.in_force(connection)
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.model SET base = 'older'")
    assert models.in_force(connection) is None, "taught on another shipped model"


def test_the_commands(
    connection: Connection, dsn: str, where: School, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", "list", "--dsn", dsn]) == 0
    assert capsys.readouterr().out == "the shipped model decides\n"
    assert main(["learn", "--dsn", dsn]) == 0
    assert "0 corrections so far, 40 are needed" in capsys.readouterr().out
    assert main(["model", "promote", "7", "--dsn", dsn]) == 1
    assert "there is no model 7 to promote" in capsys.readouterr().err
    assert main(["model", "rollback", "--dsn", dsn]) == 1
    assert "there is nothing to roll back" in capsys.readouterr().err


def test_what_people_said_cannot_be_unsaid(connection: Connection) -> None:
    for statement in ("UPDATE triage.correction SET to_topic = 'labour'", "DELETE FROM triage.correction"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), db.transaction(connection):
            db.execute(connection, statement)


@pytest.mark.parametrize("table_name", ["model", "correction"])
def test_responders_see_neither_models_nor_corrections(login: Callable[..., str], table_name: str) -> None:
    with (
        db.connect(login("triage_responder")) as responder,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
        db.transaction(responder),
    ):
        db.rows(responder, f"SELECT * FROM triage.{table_name}")


def measured(macro: float, precision: float = 0.8, **recall: float) -> Measured:
    return Measured(messages=20, macro_f1=macro, decided=0.5, precision=precision, recall=recall)


@pytest.mark.parametrize(
    ("newer", "frozen", "fault"),
    [
        ((measured(0.5), measured(0.6)), (measured(0.6, tampering=0.9), measured(0.58, tampering=0.86)), ""),
        ((measured(0.5), measured(0.5)), (measured(0.6), measured(0.6)), "no better on 20 newer corrections"),
        ((measured(0.5, 0.8), measured(0.6, 0.7)), (measured(0.6), measured(0.6)), "less precise on newer"),
        ((measured(0.5), measured(0.6)), (measured(0.6), measured(0.5)), "forgot: macro-F1 0.600 -> 0.500"),
        (
            (measured(0.5), measured(0.6)),
            (measured(0.6, tampering=0.9, billing=0.9), measured(0.6, tampering=0.8, billing=0.5)),
            "tampering (severity 1) lost recall: 0.900 -> 0.800",
        ),
    ],
)
def test_the_gate_says_why(
    newer: tuple[Measured, Measured], frozen: tuple[Measured, Measured], fault: str
) -> None:
    trial = Trial(newer=newer, frozen=frozen)
    found = faults(trial, {"tampering"}, Gate())
    assert len(found) == bool(fault)
    assert all(one.startswith(fault) for one in found)
    assert len(merits(trial)) == 2


def test_the_frozen_part_is_a_fifth_and_stays_when_the_corpus_grows() -> None:
    examples = corpus.read()
    rest, frozen = split(examples)
    assert 0.17 < len(frozen) / len(examples) < 0.23
    assert not {e.text for e in rest} & {e.text for e in frozen}
    assert split(examples[::2])[1] == [e for e in examples[::2] if e in set(frozen)]
