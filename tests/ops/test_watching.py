"""The dashboard and the alert rules ask for figures that there are, and say what to do when something is wrong."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT
from tests.ops.figures import SETTINGS, fill
from triage import cli
from triage.ops import metrics

RULES = ROOT / "deploy" / "alert-rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"
WORDS = {"absent", "and", "by", "clamp_min", "delta", "max", "min", "on", "or", "sum", "time"}
"""What else of PromQL they use."""


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def asked() -> Iterator[tuple[str, str]]:
    """Every expression, with the text that is shown for it."""
    for rule in rules():
        yield rule["expr"], rule["annotations"]["summary"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield target["expr"], target["legendFormat"]


@pytest.fixture
def given(connection: Connection) -> dict[str, list[dict[str, str]]]:
    """What the endpoint gives of a database that has something of everything: metric to the labels of its series."""
    fill(connection)
    text = metrics.exposition(metrics.measure(connection, SETTINGS))
    return {
        family.name: [sample.labels for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


def faults(expression: str, shown: str, given: dict[str, list[dict[str, str]]]) -> Iterator[str]:
    """What an expression asks for that is not given."""
    bare = re.sub(r'"[^"]*"|\[\d+[smhd]\]|\{[^}]*\}', " ", expression)
    used = set(re.findall(r"[a-zA-Z_]\w*", bare))
    names = {word for word in used if word.startswith("triage_")}
    labels = {name for metric in names & given.keys() for series in given[metric] for name in series}
    yield from (f"no metric {name}" for name in sorted(names - given.keys()))
    yield from (f"no word of ours: {word}" for word in sorted(used - names - WORDS - labels))
    if expression.count("(") != expression.count(")"):
        yield "brackets"
    for metric, matchers in re.findall(r"(\w+)\{([^}]*)\}", expression):
        for label, sign, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', matchers):
            found = {series.get(label) for series in given.get(metric, ())}
            wanted = set(value.split("|")) if sign == "=~" else {value}
            if not wanted & found:
                yield f"{metric} has no {label} {value}"
    for name in re.findall(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}", shown):
        if name not in labels:
            yield f"no label {name}"


def test_they_ask_only_for_what_is_given(given: dict[str, list[dict[str, str]]]) -> None:
    found = {expr: said for expr, shown in asked() if (said := list(faults(expr, shown, given)))}
    assert found == {}
    assert len(list(asked())) > 50


@pytest.mark.parametrize(
    ("expression", "shown", "fault"),
    [
        ("triage_leger_imbalance != 0", "", "no metric triage_leger_imbalance"),
        ('triage_incidents{state="opened"} > 0', "", "triage_incidents has no state opened"),
        ("summ(triage_queue_waiting)", "", "no word of ours: summ"),
        ("sum(triage_queue_waiting", "", "brackets"),
        ("triage_queue_waiting", "{{account}}", "no label account"),
    ],
)
def test_a_slip_would_be_found(
    given: dict[str, list[dict[str, str]]], expression: str, shown: str, fault: str
) -> None:
    assert list(faults(expression, shown, given)) == [fault]


def test_everything_that_is_given_is_on_the_dashboard() -> None:
    shown = " ".join(t["expr"] for panel in panels() for t in panel.get("targets", ()))
    assert {f"triage_{name}" for name in metrics.HELP} - set(re.findall(r"triage_\w+", shown)) == set()


def headings(page: str) -> set[str]:
    """The anchors of a page of docs/, as the site makes them."""
    tokens = MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8"))
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do_and_where_more_is_written(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    summary, runbook = rule["annotations"]["summary"], rule["annotations"]["runbook"]
    wrong, _, mend = summary.partition(": ")
    assert wrong
    assert mend, "a summary is what is wrong, a colon, and the mend"
    page, _, anchor = runbook.partition("#")
    assert anchor in headings(page)
    for command in re.findall(r"`(triage [^`]+)`", summary):
        words = shlex.split(re.sub(r"\{\{[^}]*\}\}", "care", command))[1:]
        takes = ["1"] if words[0] in ("resend", "withdraw") else []
        assert cli.parser().parse_args([*words, *takes]).func


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())
