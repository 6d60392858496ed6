"""A wrong configuration is refused with file, line and mend, before anything runs."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.builders import ROOT
from triage import config
from triage.core.errors import ConfigError

TRIAGE = """\
version: 1
accounts:
  - name: care
    source: gmail
    connection: gmail_care
    addresses: [care@volmera.example]
    poll: 10s
  - name: volmera_x
    source: x
    connection: x_volmera
    addresses: ["@volmera"]
    schedule: "* * * * *"
    first_sync: 3d
quota:
  gmail:
    units_per_minute: 6000
care:
  stalled_after: 30m
"""

TOPICS = """\
version: 1
topics:
  delivery:
    label: {en: Delivery, fr: Livraison}
    severity: 3
    target: 4h
    hashtags: ["#Late"]
    patterns: ["parcel|colis"]
  not_crisis:
    label: {en: Other, fr: Autre}
    target: 24h
  unsure:
    label: {en: Unsure, fr: Incertain}
    severity: 2
    target: 60m
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with both files, right as they are."""
    (tmp_path / "triage.yaml").write_text(TRIAGE, encoding="utf-8")
    (tmp_path / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(folder)
    return str(caught.value)


WRONG = [
    # file, what is there, what is written instead, the line that is named, what is said
    ("triage", "poll: 10s", "poll: often", 7, "'often' is not a duration"),
    ("triage", "poll: 10s", "push: {topic: t, subscription: s}", 7, "push.topic: String should match pattern"),
    ("triage", "name: volmera_x", "name: care", 8, "two accounts are named 'care'; rename one"),
    ("triage", "name: care", "name: Care Desk", 3, "accounts.0.name: String should match pattern"),
    ("triage", "source: x", "source: fax", 9, "accounts.1.source: Input should be 'gmail'"),
    ("triage", "    connection: x_volmera\n", "", 8, "accounts.1.connection: this setting is missing; add it"),
    ("triage", "addresses: [care@volmera.example]", "addresses: []", 6, "accounts.0.addresses:"),
    ("triage", "first_sync: 3d", "first_sync: soon", 13, "'soon' is not a duration; write a number and s, m, h or d"),
    ("triage", "first_sync: 3d", "first_sync: 3", 13, "3 is not a duration"),
    ("triage", "first_sync: 3d", "first_sync: 99999999999d", 13, "is not a duration"),
    ("triage", "first_sync: 3d", "first_synk: 3d", 13, "first_synk: no such setting; remove it or correct"),
    ("triage", '"* * * * *"', '"* * *"', 12, "'* * *' is not a schedule; write five cron fields"),
    ("triage", '"* * * * *"', "* * * * *", 12, "not YAML"),
    ("triage", "quota:\n", "second_opinion: {class: judge}\nquota:\n", 14, "second_opinion.class: String should match"),
    ("triage", "quota:\n", "second_opinion: {per_run: 5}\nquota:\n", 14, "second_opinion.class: this setting is"),
    ("triage", "quota:\n", "second_opinion: {class: 'a:B', per_run: 0}\nquota:\n", 14, "second_opinion.per_run:"),
    ("triage", "units_per_minute: 6000", "units_per_minute: 0", 16, "quota.gmail.units_per_minute:"),
    ("triage", "units_per_minute: 6000", "units_per_minute: many", 16, "quota.gmail.units_per_minute:"),
    ("triage", "stalled_after: 30m", "stalled_after: 30m\n  stalled_after: 1h", 19, "is written twice"),
    ("triage", "quota:\n", "care: {}\nquota:\n", 18, "'care' is written twice; remove one"),
    ("triage", "    source: x", "   source: x", 9, "not YAML"),
    ("triage", "name: care", 'name: "care', 0, "not YAML"),
    ("triage", "name: care", "? [a, b]\n    : c\n    name: care", 3, "not YAML: found unhashable key"),
    ("triage", "name: care", "name: !!python/name:os.system x", 3, "not YAML: could not determine a constructor"),
    ("triage", "name: care", "name: ca\x07re", 3, "characters are not allowed; remove the character"),
    ("triage", TRIAGE, "", 1, "the file is empty; copy the one that ships with the project"),
    ("triage", TRIAGE, "# only words\n", 1, "the file is empty"),
    ("triage", TRIAGE, "just words", 1, "Input should be a valid dictionary"),
    ("triage", TRIAGE, "version: 1\naccounts: []\n", 2, "accounts:"),
    ("triage", "version: 1\n", "", 1, "version: this setting is missing; add it"),
    ("topics", '"#Late"', '"late"', 7, "'late' is not a hashtag; write # and letters or digits, in quotes"),
    ("topics", '["#Late"]', "\n      - #Late", 8, "None is not a hashtag; write # and letters or digits, in quotes"),
    ("topics", '"parcel|colis"', '"parcel|(colis"', 8, "does not compile: missing ), unterminated subpattern"),
    ("topics", '"parcel|colis"', "[1]", 8, "topics.delivery.patterns.0:"),
    ("topics", "severity: 3", "severity: 7", 5, "topics.delivery.severity: Input should be less than or equal to 3"),
    ("topics", "target: 4h", "target: 4 hours", 6, "'4 hours' is not a duration"),
    ("topics", "{en: Delivery, fr: Livraison}", "{en: Delivery}", 4, "topics.delivery.label.fr: this setting is"),
    ("topics", "  delivery:", "  Late parcels:", 3, "topics.Late parcels: String should match pattern"),
    ("topics", "  unsure:", "  sure:", 1, "topic 'unsure' is missing; the pipeline needs it, put it back"),
    ("topics", "  not_crisis:", "  delivery:", 9, "'delivery' is written twice; remove one"),
    ("topics", TOPICS, "", 1, "the file is empty"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "there", "instead", "line", "said"), WRONG, ids=[f"{w[0]}-{n}" for n, w in enumerate(WRONG)]
)
def test_a_fault_is_named_with_its_line(
    folder: Path, file: str, there: str, instead: str, line: int, said: str
) -> None:
    path = folder / f"{file}.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count(there) >= 1
    path.write_text(text.replace(there, instead, 1), encoding="utf-8")
    told = refusal(folder)
    if line:
        assert told.startswith(f"{path}:{line}: "), told
    assert said in told


def test_every_fault_of_a_file_is_told_at_once(folder: Path) -> None:
    path = folder / "triage.yaml"
    path.write_text(TRIAGE.replace("source: x", "source: fax").replace("30m", "soon"), encoding="utf-8")
    lines = refusal(folder).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{path}:9", f"{path}:18"]


def test_a_file_in_another_encoding_is_refused(folder: Path) -> None:
    path = folder / "topics.yaml"
    path.write_bytes(TOPICS.replace("Livraison", "Expédié").encode("latin-1"))
    assert refusal(folder) == f"{path}:4: not UTF-8; save the file in that encoding"


def test_a_missing_file_is_refused_with_the_mend(folder: Path) -> None:
    (folder / "topics.yaml").unlink()
    assert refusal(folder) == (
        f"{folder / 'topics.yaml'}: cannot be read (No such file or directory); set TRIAGE_CONFIG to its folder"
    )


def test_an_unknown_account_is_told_the_known_ones(folder: Path) -> None:
    triage = config.load(folder).triage
    assert triage.account("care").source == "gmail"
    with pytest.raises(
        ConfigError, match=r"no account 'kare' in triage\.yaml; known accounts: care, volmera_x"
    ):
        triage.account("kare")


def test_right_files_are_read(folder: Path) -> None:
    settings = config.load(folder)
    assert [a.name for a in settings.triage.accounts] == ["care", "volmera_x"]
    assert settings.triage.account("volmera_x").first_sync == timedelta(days=3)
    assert settings.triage.care.stalled_after == timedelta(minutes=30)
    assert settings.topics.topics["delivery"].target == timedelta(hours=4)


def test_the_shipped_files_are_right() -> None:
    settings = config.load(ROOT / "config")
    assert len(settings.topics.topics) == 18
    assert {t.severity for t in settings.topics.topics.values()} == {1, 2, 3, None}


def test_the_folder_may_be_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("TRIAGE_CONFIG", str(folder))
    assert config.config_dir() == folder
    assert config.place_of("volmera_x", "connection") == f"{folder / 'triage.yaml'}:10"
    monkeypatch.delenv("TRIAGE_CONFIG")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    assert config.config_dir() == ROOT / "config"
    shutil.copytree(ROOT / "config", elsewhere / "config")
    assert config.config_dir() == elsewhere / "config"
