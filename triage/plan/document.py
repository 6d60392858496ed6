"""config/plan/<topic>.md read and checked: YAML between two lines of ---, then a fixed set of sections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from triage.config import config_dir, read_text, validated
from triage.core.errors import ConfigError
from triage.plan.front import Both, Front, faults, parted
from triage.plan.types import LANGUAGES, Facts, Plan, Plans, Question
from triage.plan.words import PLACEHOLDERS, fields, fill, too_long, typeset

_PASSING = ("when", "next_update")
"""What help and answers do not say: they stand on the page long after the first statement."""

_NEEDED = {
    "Statement": ("hub", "next_update"),
    "Post": ("hub", "next_update", "source"),
    "Reply": ("hub",),
    "Short reply": ("hub",),
}
"""The kinds of text, and what each must say: where the facts are, when more follows, who speaks."""

_LISTS = ("Do not", "Must know")
SECTIONS = (
    *(f"{kind} {lang.upper()}" for kind in (*_NEEDED, "Help", "Questions") for lang in LANGUAGES),
    *_LISTS,
)
MOST_QUESTIONS, FEWEST_QUESTIONS = 20, 5
_LONGEST = Facts(
    brand="Maison Volmera",
    mail="bonjour@volmera.example",
    began_at=datetime(2026, 9, 23, 21, 59, tzinfo=UTC),
    next_update_at=datetime(2026, 9, 23, 21, 59, tzinfo=UTC) + timedelta(hours=1),
    zone="Europe/Paris",
)
_LONG_NAME = "Anne-Lise Beaumont"
"""Lengths are checked with a name of this length, so that a plan that is filled later still fits."""

Lines = list[tuple[int, str]]


@dataclass
class _Document:
    """One file on its way to a plan, and the faults found so far."""

    path: Path
    faults: list[str] = field(default_factory=list)

    def fault(self, line: int, text: str) -> None:
        self.faults.append(f"{self.path}:{line}: {text}")


def read(folder: Path | None = None) -> Plans:
    """Every plan of the folder (default: config/plan). Raises ConfigError with every fault found, one a line."""
    folder = folder or config_dir() / "plan"
    plans: dict[str, Plan] = {}
    wrong: list[str] = []
    for path in sorted(folder.glob("*.md")):
        try:
            plans[path.stem] = one(path.stem, folder)
        except ConfigError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigError("\n".join(wrong))
    return plans


def one(topic: str, folder: Path | None = None) -> Plan:
    """The plan for a topic. Raises ConfigError with its faults, or when there is none."""
    folder = folder or config_dir() / "plan"
    path = folder / f"{topic}.md"
    if not path.exists():
        raise ConfigError(f"{path}: there is no plan for {topic}; write one, docs/plans.md says how")
    front, body, first = parted(path, read_text(path))
    document = _Document(path=path)
    head = validated(path, front, Front)
    for line, said in faults(head, front, path):
        document.fault(line, said)
    sections = _sections(document, body, first)
    plan = _plan(document, head, sections)
    if not document.faults:
        _check_lengths(document, plan, sections)
    if document.faults:
        raise ConfigError("\n".join(document.faults))
    return plan


def _sections(document: _Document, body: list[str], first: int) -> Mapping[str, tuple[int, Lines]]:
    """Section to the line of its heading and the lines below it."""
    found: dict[str, tuple[int, Lines]] = {}
    lines: Lines = []
    for number, text in enumerate(body, first):
        if match := re.match(r"## +(.+?)\s*$", text):
            lines = []
            name = match[1]
            if name not in SECTIONS:
                known = ", ".join(SECTIONS)
                document.fault(number, f"no section is called {name!r}; correct it to one of: {known}")
            elif name in found:
                document.fault(number, f"section {name!r} is written twice; remove one")
            else:
                found[name] = (number, lines)
        elif text.strip() and not found and not document.faults:
            document.fault(
                number, "text before the first section; put it below a heading such as ## Statement EN"
            )
        else:
            lines.append((number, text.rstrip()))
    for name in SECTIONS:
        if name not in found:
            document.fault(first, f"section {name!r} is missing; add `## {name}`")
        elif not any(text for _, text in found[name][1]):
            document.fault(found[name][0], f"section {name!r} is empty; write it")
    return found


def _plan(document: _Document, head: Front, sections: Mapping[str, tuple[int, Lines]]) -> Plan:
    def lines(kind: str, lang: str = "") -> Lines:
        return sections.get(f"{kind} {lang.upper()}".strip(), (1, []))[1]

    def texts(kind: str) -> dict[str, str]:
        return {lang: _text(document, lines(kind, lang), lang, _NEEDED[kind]) for lang in LANGUAGES}

    return Plan(
        **head.model_dump(include={"topic", "scenario", "severity", "owner", "hub", "reviewed_on"}),
        approvers=head.approvers,
        channels=head.channels,
        name=head.named_source.name.strip(),
        function=_typeset(head.named_source.function),
        what=_typeset(head.what),
        statements=texts("Statement"),
        posts=texts("Post"),
        replies=texts("Reply"),
        short_replies=texts("Short reply"),
        help={lang: tuple(_items(document, lines("Help", lang), lang)) for lang in LANGUAGES},
        questions=tuple(
            q for lang in LANGUAGES for q in _questions(document, lines("Questions", lang), lang)
        ),
        avoid=tuple(_items(document, lines("Do not"), "en")),
        duties=tuple(_items(document, lines("Must know"), "en")),
    )


def _typeset(both: Both) -> dict[str, str]:
    return {lang: typeset(text, lang) for lang, text in both.model_dump().items()}


def _text(
    document: _Document, lines: Lines, lang: str, needed: tuple[str, ...] = (), barred: tuple[str, ...] = ()
) -> str:
    """Paragraphs joined to one line each; placeholders checked."""
    text = "\n".join(text.strip() for _, text in lines).strip()
    seen = {name: number for number, line in lines for name in _placeholders(document, number, line)}
    for name in needed:
        if text and name not in seen:
            document.fault(lines[0][0], f"this text never says {{{name}}}; put it where it belongs")
    for name in barred:
        if name in seen:
            document.fault(seen[name], f"{{{name}}} is true for a statement only; write this without it")
    return typeset(re.sub(r"(?<!\n)\n(?!\n)", " ", re.sub(r"\n{3,}", "\n\n", text)), lang)


def _placeholders(document: _Document, number: int, text: str) -> list[str]:
    try:
        names = fields(text)
    except ValueError:
        document.fault(number, "a brace is not closed, or not opened; write {brand}, or no brace at all")
        return []
    for name in names:
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{p}}}" for p in PLACEHOLDERS)
            document.fault(number, f"nothing fills {{{name}}}; use one of {known}, or write it out")
    return names


def _items(document: _Document, lines: Lines, lang: str) -> Iterator[str]:
    """The points of a list; a line that begins with none continues the one above."""
    item: Lines = []
    for number, text in lines:
        if text.startswith("- "):
            if item:
                yield _text(document, item, lang, barred=_PASSING)
            item = [(number, text[2:])]
        elif text and not item:
            document.fault(number, "this section is a list; begin each point with `- `")
        elif text:
            item.append((number, text))
    if item:
        yield _text(document, item, lang, barred=_PASSING)


def _questions(document: _Document, lines: Lines, lang: str) -> Iterator[Question]:
    asked: list[tuple[int, str, Lines]] = []
    for number, text in lines:
        if match := re.match(r"### +(.+)", text):
            asked.append((number, match[1], []))
        elif asked:
            asked[-1][2].append((number, text))
        elif text:
            document.fault(number, "an answer without a question; put `### the question` above it")
    if lines and not FEWEST_QUESTIONS <= len(asked) <= MOST_QUESTIONS:
        limits = f"between {FEWEST_QUESTIONS} and {MOST_QUESTIONS}"
        document.fault(lines[0][0], f"{len(asked)} questions; answer {limits} that people will ask first")
    for number, question, answer in asked:
        said = _text(document, answer, lang, barred=_PASSING)
        if not said:
            document.fault(number, "this question has no answer; write it below")
        yield Question(lang, _text(document, [(number, question)], lang, barred=_PASSING), said)


def _check_lengths(document: _Document, plan: Plan, sections: Mapping[str, tuple[int, Lines]]) -> None:
    filled = fill(replace(plan, name=plan.name or _LONG_NAME), _LONGEST)
    for kind, texts in (("Post", filled.posts), ("Short reply", filled.short_replies)):
        for lang, text in texts.items():
            if reason := too_long(text):
                line = sections[f"{kind} {lang.upper()}"][0]
                document.fault(line, f"too long for a post when filled ({reason}); shorten it")
