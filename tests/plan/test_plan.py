"""The crisis plans: what ships is whole and well written, and whatever is wrong is told with file, line and mend."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import ROOT, shipped_topics
from triage import cli, config, plan
from triage.core.errors import ConfigError
from triage.plan.check import REVIEW

FOLDER = ROOT / "config" / "plan"
BEGAN = datetime(2026, 11, 23, 8, 40, tzinfo=UTC)
FACTS = plan.Facts(
    brand="Volmera",
    mail="care@volmera.example",
    began_at=BEGAN,
    next_update_at=BEGAN + timedelta(hours=1),
    zone="Europe/Paris",
)
SHIPPED = plan.read(FOLDER)
TOPICS = sorted(SHIPPED)
DEFENCE = re.compile(
    r"isolated|misuse|unfortunate|regret|inconvenience|take .{0,20} seriously as|if anyone|some users|hacker attack"
    r"|cas isolé|mauvaise utilisation|malheureusement|regrettons|gêne occasionnée|si certains",
    re.IGNORECASE,
)
"""What a first statement must not sound like: defence, belittling, phrases from a drawer."""

CARE = {
    "en": re.compile(r"sorry|thoughts|your safety|listening|Thank you|fair questions"),
    "fr": re.compile(r"désolés|pensées|pardon|votre sécurité|écoutons|Merci|légitimes"),
}
"""What each first statement does somewhere."""


def texts(one: plan.Plan, lang: str) -> Iterator[str]:
    """Everything that the public may read in that language."""
    for kind in (one.statements, one.posts, one.replies, one.short_replies):
        yield kind[lang]
    yield from one.help[lang]
    for question in one.questions:
        if question.lang == lang:
            yield from (question.question, question.answer)


def test_every_crisis_topic_has_a_plan() -> None:
    assert set(SHIPPED) == set(shipped_topics().topics) - {"unsure", "not_crisis"}
    assert len(SHIPPED) == 16


@pytest.mark.parametrize("topic", TOPICS)
def test_a_shipped_plan_is_whole(topic: str) -> None:
    filled = plan.fill(SHIPPED[topic], FACTS)
    for lang in plan.LANGUAGES:
        said = list(texts(filled, lang))
        assert [text for text in said if "{" in text or "}" in text] == []
        assert [text for text in said if DEFENCE.search(text)] == []
        assert plan.too_long(filled.posts[lang]) == plan.too_long(filled.short_replies[lang]) == ""
        assert "https://volmera.example/help/" in filled.statements[lang]
        assert filled.function[lang] in filled.posts[lang]
        assert CARE[lang].search(filled.statements[lang])
    asked = [sum(q.lang == lang for q in filled.questions) for lang in plan.LANGUAGES]
    assert asked[0] == asked[1] >= 5
    assert any("check with counsel" in duty for duty in filled.duties)
    assert len(filled.avoid) >= 4


@pytest.mark.parametrize("topic", TOPICS)
def test_what_can_be_any_noun_phrase(topic: str) -> None:
    """After `de` or `à` a French article would be wrong."""
    raw = SHIPPED[topic]
    for text in texts(raw, "fr"):
        assert re.findall(r"(?<!concernant )(?<!: )\{what\}", text) == [], text


@pytest.mark.parametrize("topic", TOPICS)
def test_french_is_set_as_french_is(topic: str) -> None:
    for text in texts(plan.fill(SHIPPED[topic], FACTS), "fr"):
        bare = re.sub(r"https?://\S+", "", text)
        assert re.findall(r"(?<![\u202f])[;!?]|(?<!\u00a0)[:»]|«(?!\u00a0)", bare) == []
        assert "'" not in bare
        assert not re.search(r"\b(de|à) (le|les) (?=des? )|concernant de\b|\b(te|ton|ta|toi)\b", bare)


def test_the_facts_stand_where_they_belong() -> None:
    filled = plan.fill(SHIPPED["product_defect"], FACTS)
    assert filled.statements["en"].startswith(
        "Since Monday 23 November at 09:40 CET, people have been writing"
    )
    assert filled.statements["fr"].startswith(
        "Depuis le lundi 23\u00a0novembre à 9\u00a0h\u00a040\u00a0CET, vous nous écrivez"
    )
    assert "More at 10:40 CET. Head of Quality" in filled.posts["en"]
    assert filled.replies["fr"].endswith("\n\nL’équipe Volmera")
    late = plan.fill(SHIPPED["billing"], replace(FACTS, next_update_at=BEGAN + timedelta(days=8)))
    assert "mardi 1er décembre à" in plan.moment(BEGAN + timedelta(days=8), "fr", "UTC")
    assert "Tuesday 1 December at 09:40 CET" in late.statements["en"]


def test_what_is_put_in_is_not_filled_again() -> None:
    named = replace(SHIPPED["billing"], name="{hub}")
    assert "{hub}, Head of Finance" in plan.fill(named, FACTS).posts["en"]


def test_the_facts_come_from_the_configuration() -> None:
    made = plan.facts_of(config.load(ROOT / "config").triage, began_at=BEGAN, next_update_at=BEGAN)
    assert (made.brand, made.mail, made.zone) == ("Volmera", "care@volmera.example", "UTC")


def test_the_shipped_plans_were_read_for_the_newest_release() -> None:
    released = re.findall(r"^## .*\((\d{4}-\d\d-\d\d)\)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    oldest = min(one.reviewed_on for one in SHIPPED.values())
    assert max(map(date.fromisoformat, released), default=oldest) - oldest <= REVIEW


def found(settings: config.Settings, folder: Path, today: date) -> list[tuple[str, str]]:
    return [(f.state, f.text) for f in plan.findings(settings, folder, today)]


def test_a_plan_is_stale_after_ninety_days() -> None:
    settings = config.load(ROOT / "config")
    oldest = min(one.reviewed_on for one in SHIPPED.values())
    assert "bad" not in [state for state, _ in found(settings, FOLDER, oldest + REVIEW)]
    stale = found(settings, FOLDER, oldest + REVIEW + timedelta(days=1))
    assert ("bad", "not reviewed for over 90 days: billing, boycott, brand_post and 13 more") in stale
    future = found(settings, FOLDER, oldest - timedelta(days=2))
    assert ("bad", "reviewed_on lies in the future: billing, boycott, brand_post and 13 more") in future


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration whose only plan is the shipped one for billing; the folder of plans is given."""
    for name in ("topics.yaml", "triage.yaml"):
        (tmp_path / name).write_text((ROOT / "config" / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "billing.md").write_bytes((FOLDER / "billing.md").read_bytes())
    return tmp_path / "plan"


def change(folder: Path, old: str, new: str) -> int:
    """Change the plan, and say in which line."""
    path = folder / "billing.md"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("topic: billing", "topic: biling", "make them agree"),
        ("topic: billing", "topic: not_crisis", "no crisis topic"),
        ("severity: 3", "severity: 2", "severity 2, but 3 in topics.yaml"),
        ("severity: 3", "severity: 9", "less than or equal to 3"),
        ("channels: [hub, mail", "channels: [hub, fax", "Input should be"),
        ("channels: [hub, mail", "channels: [hub, hub", "named twice"),
        ("hub: https://volmera.example/help/", "hub: on our site", "hub: "),
        ("reviewed_on: 2026", "reviewed_on: soon 2026", "reviewed_on: "),
        ("owner: crisis", "boss: crisis", "no such setting"),
        ("what: {en: charges that are wrong,", "what: {en: '{brand} charges',", "holds a brace"),
        ("## Statement EN", "## Statment EN", "no section is called 'Statment EN'"),
        ("## Help FR", "## Help EN", "written twice"),
        ("Since {when},", "Since {whan},", "nothing fills {whan}"),
        ("Since {when},", "Since {when,", "a brace is not closed"),
        ("Since {when},", "Since {when!r},", "a brace is not closed"),
        ("You are telling us", "It is now quite certain that " * 6, "too long for a post when filled"),
        ("- Write to {mail} with", "- Since {when}: {mail} with", "{when} is true for a statement only"),
        ("- Write to {mail} with", "Write to {mail} with", "this section is a list"),
        ("### How long will it take?\n", "### How long will it take?\n\n### And why?\n", "no answer"),
        ("### Will I get my money back?\n", "", "an answer without a question"),
    ],
)
def test_a_fault_is_told_with_file_line_and_mend(folder: Path, old: str, new: str, text: str) -> None:
    line = change(folder, old, new)
    with pytest.raises(ConfigError) as error:
        plan.one("billing", folder)
    first = next(said for said in str(error.value).splitlines() if text in said)
    path, number, said = first.split(":", 2)
    assert path == str(folder / "billing.md")
    assert abs(int(number) - line) <= 1
    assert "; " in said or "nput should" in said or "tring should" in said


def test_what_is_missing_is_told(folder: Path) -> None:
    path = folder / "billing.md"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.split("## Do not")[0], encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'Do not' is missing.*\n.*'Must know' is missing"):
        plan.one("billing", folder)
    path.write_text(whole.replace("{next_update}", "noon", 2), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"never says .next_update."):
        plan.one("billing", folder)
    path.write_text(re.sub(r"### Will you charge me again.*?\n\n", "", re.sub(r"### Was my card.*?\n\n", "", whole,
                           flags=re.S), flags=re.S), encoding="utf-8")  # fmt: skip
    with pytest.raises(ConfigError, match="4 questions; answer between 5 and 20"):
        plan.one("billing", folder)
    path.write_text(whole.replace("---\n", "", 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"billing.md:1: a plan begins with a line of ---"):
        plan.one("billing", folder)
    path.write_text("---\ntopic: billing\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="the second line of --- is missing"):
        plan.one("billing", folder)
    with pytest.raises(ConfigError, match=r"there is no plan for delivery; write one"):
        plan.one("delivery", folder)


def test_one_broken_plan_stops_no_other(folder: Path) -> None:
    (folder / "delivery.md").write_bytes((FOLDER / "delivery.md").read_bytes())
    change(folder, "## Statement EN", "## Statement")
    assert plan.one("delivery", folder).severity == 3
    with pytest.raises(ConfigError, match=r"billing.md:\d+: no section is called 'Statement'"):
        plan.read(folder)


def test_the_check_names_what_is_missing_and_what_is_nobodys(folder: Path) -> None:
    change(folder, 'name: ""', "name: Ana Roy")
    triage_yaml = folder.parent / "triage.yaml"
    triage_yaml.write_text(
        re.sub(r"hub:.*\n(  .*\n)+|brand:.*\n", "", triage_yaml.read_text(encoding="utf-8")), encoding="utf-8"
    )
    said = found(config.load(folder.parent), folder, date(2026, 11, 24))
    assert ("bad", f"{folder / 'delivery.md'}: there is no plan for delivery") in said
    assert any(state == "bad" and "does not say who we are" in text for state, text in said)
    assert any(state == "warn" and "has no hub" in text for state, text in said)
    assert any(state == "warn" and "nobody is told" in text for state, text in said)
    assert not any("signed by a function" in text for _, text in said)


def test_the_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRIAGE_CONFIG", str(folder.parent))
    assert cli.main(["plan", "check", "--json"]) == 1
    states = [json.loads(line)["state"] for line in capsys.readouterr().out.splitlines()]
    assert states.count("bad") >= 15
    assert cli.main(["plan", "show", "billing", "--lang", "fr"]) == 0
    shown = capsys.readouterr().out
    assert "--- Statement FR\nDepuis le " in shown
    assert "L’équipe Volmera" in shown
    assert cli.main(["plan", "show", "billing", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["channels"][0] == "hub"
    assert cli.main(["plan", "show", "delivery"]) == 2
    assert "there is no plan for delivery" in capsys.readouterr().err
